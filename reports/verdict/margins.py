"""Every gated metric against one opponent: is the candidate no worse than its margin, or better?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evals.gate import Gate, MetricGate
from evals.metrics.table import METRICS
from evals.results import Result
from reports.report import Check, Opponent
from reports.statistics.estimates import Estimate, holm
from reports.statistics.paired import Comparison, compare_means
from reports.verdict.bars import Bars, Reasoned, format_gaps, format_heavy, unfit
from reports.verdict.pairs import Pairs, pair
from reports.verdict.planning import what_it_takes


def opponent_checks(
    gate: Gate,
    model: str,
    candidate: Sequence[Result],
    other: Sequence[Result],
    opponent: Opponent,
    bars: Bars,
) -> list[Check]:
    """One check for every gated metric that has a margin or asks for superiority.

    The anchor is held against the margins alone: superiority is claimed over the champion. Where
    that leaves nothing to compare, one check says so.
    """
    wanted = {
        metric: entry
        for metric, entry in gate.gating.items()
        if entry.margin is not None or (entry.goal == "superior" and opponent.role != "anchor")
    }
    if not wanted:
        reason = (
            f"nothing is compared with the {opponent.words}: the gate file gives no metric a "
            "margin; give those that matter one"
        )
        return [Check("comparison", opponent.words, "INCONCLUSIVE", reason)]
    pairs = {metric: pair(metric, candidate, other) for metric in wanted}
    found = []
    for metric, shown in _despite_gaps(wanted, pairs, opponent, gate).items():
        outcome, reason = bars.of(metric, model, opponent.name) or shown.said
        check = Check(metric, opponent.words, outcome, reason, shown.estimate)
        found.append(replace(check, worst=shown.worst, best=shown.best, p_value=shown.p_value))
    return found


@dataclass(frozen=True, slots=True)
class Shown:
    """What a metric's pairs say: as they are, and with what was lost at its worst and its best."""

    said: Reasoned
    estimate: Estimate | None = None
    p_value: float | None = None
    worst: Estimate | None = None
    best: Estimate | None = None


def _despite_gaps(
    wanted: Mapping[str, MetricGate], pairs: Mapping[str, Pairs], opponent: Opponent, gate: Gate
) -> dict[str, Shown]:
    """What every metric's pairs say: PASS if the worst does so too, FAIL if the best does."""
    shown = _compared(wanted, pairs, opponent, gate)
    worst, best = shown, shown
    if any(each.gaps for each in pairs.values()):
        worst, best = (
            _compared(
                wanted,
                {metric: _filled(metric, each, end) for metric, each in pairs.items()},
                opponent,
                gate,
            )
            for end in (0, 1)
        )
    return {
        metric: _held(metric, shown[metric], worst[metric], best[metric], each, opponent, gate)
        for metric, each in pairs.items()
    }


def _held(
    metric: str,
    shown: Shown,
    worst: Shown,
    best: Shown,
    pairs: Pairs,
    opponent: Opponent,
    gate: Gate,
) -> Shown:
    """What one metric's pairs say, if what was lost cannot turn it."""
    if shown.estimate is None:
        return replace(shown, said=("INCONCLUSIVE", f"{metric}: no case was scored on both sides"))
    outcome, reason = shown.said
    if heavy := format_heavy(pairs.contracts):
        reason += f"; {heavy}"
    if pairs.gaps:
        turned = {"PASS": worst, "FAIL": best}.get(outcome, shown).said[0] != outcome
        gaps = format_gaps(len(pairs.gaps), worst.estimate, best.estimate, "+.3f", decides=turned)
        if turned:
            outcome = "INCONCLUSIVE"
            reason = f"{metric} {shown.estimate:+.3f} against {opponent.words}"
        reason += f"; {gaps}"
        shown = replace(worst, estimate=shown.estimate, worst=worst.estimate, best=best.estimate)
    said = unfit(metric, shown.estimate, pairs.lost, gate) or (outcome, reason)
    return replace(shown, said=said)


def _filled(metric: str, pairs: Pairs, end: int) -> Pairs:
    """With what was lost at its worst for the candidate (0), or at its best (1).

    Nobody knows how bad an amount may be.
    """
    if METRICS[metric].unit:
        return Pairs((), (), ()) if pairs.gaps else pairs
    ends = METRICS[metric].worst_and_best
    return pairs.filled(ends[end], ends[1 - end])


def _compared(
    wanted: Mapping[str, MetricGate],
    pairs: Mapping[str, Pairs],
    opponent: Opponent,
    gate: Gate,
) -> dict[str, Shown]:
    """What these pairs say; the p-values of superiority are corrected over the metrics."""
    compared = {
        metric: _comparison(metric, pairs[metric], entry.margin or 0.0, gate.alpha)
        for metric, entry in wanted.items()
    }
    p_values = _corrected(wanted, compared)
    return {
        metric: _judged(metric, entry, compared[metric], opponent, gate, p_values.get(metric))
        for metric, entry in wanted.items()
    }


def _comparison(metric: str, pairs: Pairs, margin: float, alpha: float) -> Comparison | None:
    """The comparison on a scale where more is better; None without a pair."""
    if not pairs.contracts:
        return None
    gain = METRICS[metric].gain
    first, second = ([gain(score) for score in side] for side in (pairs.candidate, pairs.other))
    return compare_means(first, second, pairs.contracts, margin, alpha)


def _corrected(
    wanted: Mapping[str, MetricGate], compared: Mapping[str, Comparison | None]
) -> dict[str, float]:
    """P-values of superiority; those of primary metrics by Holm's method.

    A metric that has none counts as one that shows nothing: it must not ease the others.
    """
    raw = {
        metric: 1.0 if (found := compared[metric]) is None or found.p_value is None
        else found.p_value
        for metric, entry in wanted.items()
        if entry.goal == "superior"
    }  # fmt: skip
    primary = [metric for metric in raw if wanted[metric].role == "primary"]
    corrected = holm([raw[metric] for metric in primary]) if primary else ()
    return raw | dict(zip(primary, corrected, strict=True))


def _judged(
    metric: str,
    entry: MetricGate,
    found: Comparison | None,
    opponent: Opponent,
    gate: Gate,
    p_value: float | None,
) -> Shown:
    if found is None:
        return Shown(("INCONCLUSIVE", ""))
    estimate = METRICS[metric].gain(found.difference)
    outcome, reason = (
        _superior(found, p_value, gate) if entry.goal == "superior" else _no_worse(found, gate)
    )
    shown = f"{metric} {estimate:+.3f} against {opponent.words}; {reason}"
    p = p_value if entry.goal == "superior" else found.p_value
    return Shown((outcome, shown), estimate, p)


def _no_worse(found: Comparison, gate: Gate) -> Reasoned:
    """That no more than the margin is lost, in an outcome and words."""
    if found.outcome != "INCONCLUSIVE":
        said = "not worse" if found.outcome == "PASS" else "worse"
        return found.outcome, f"margin {found.margin:g}: {said}"
    more = what_it_takes(found.difference, -found.margin, gate)
    settle = f"; {more}" if more else ""
    return "INCONCLUSIVE", f"margin {found.margin:g}: inconclusive{settle}"


def _superior(found: Comparison, p: float | None, gate: Gate) -> Reasoned:
    """That something is gained; `p` is corrected for other such claims."""
    if p is not None and p <= gate.alpha:
        return "PASS", f"p = {p:.2g}: better"
    if found.difference.against(0.0, "lower") == "PASS":
        return "FAIL", "not better"
    if not p or found.difference.mean <= 0:
        return "INCONCLUSIVE", "not shown to be better"
    more = what_it_takes(found.difference, 0.0, gate)
    return "INCONCLUSIVE", f"p = {p:.2g}: not shown to be better{f'; {more}' if more else ''}"
