"""Every gated metric against one opponent: is the candidate no worse than its margin, or better?"""

from collections.abc import Callable, Mapping, Sequence

from evals.gate import Gate, MetricGate
from evals.metrics.table import METRICS
from evals.results import Result
from reports.report import Check, Opponent
from reports.statistics.estimates import Estimate, Outcome, holm
from reports.statistics.paired import Comparison, compare_means
from reports.verdict.bars import Bars, Reasoned, format_gaps, unfit
from reports.verdict.pairs import Pairs, pair
from reports.verdict.planning import what_it_takes

Shown = tuple[Reasoned, Estimate | None]


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
    for metric, (said, estimate) in _despite_gaps(wanted, pairs, opponent, gate).items():
        outcome, reason = bars.of(metric, model, opponent.name) or said
        found.append(Check(metric, opponent.words, outcome, reason, estimate))
    return found


def _despite_gaps(
    wanted: Mapping[str, MetricGate], pairs: Mapping[str, Pairs], opponent: Opponent, gate: Gate
) -> dict[str, Shown]:
    """What every metric's pairs say, if they say so whatever was lost."""
    shown = _compared(wanted, pairs, opponent, gate)
    ends = [
        _compared(wanted, {metric: _filled(metric, pairs[metric], end) for metric in wanted},
                  opponent, gate)
        for end in (0, 1)
        if any(each.gaps for each in pairs.values())
    ]  # fmt: skip
    found: dict[str, Shown] = {}
    for metric, (said, estimate) in shown.items():
        short = unfit(metric, estimate, pairs[metric].lost, gate)
        if estimate is None:
            short = "INCONCLUSIVE", f"{metric}: no case was scored on both sides"
        elif short is None and any(end[metric][0][0] != said[0] for end in ends):
            what = f"{metric} {estimate:+.3f} against {opponent.words}"
            short = "INCONCLUSIVE", f"{what}; {format_gaps(len(pairs[metric].gaps))}"
        found[metric] = short or said, estimate
    return found


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
        return ("INCONCLUSIVE", ""), None
    estimate = METRICS[metric].gain(found.difference)

    def say(outcome: Outcome, reason: str) -> Shown:
        shown = f"{metric} {estimate:+.3f} against {opponent.words}"
        return (outcome, f"{shown}; {reason}"), estimate

    if entry.goal == "superior":
        return _superior(say, found, p_value, gate)
    if found.outcome != "INCONCLUSIVE":
        said = "not worse" if found.outcome == "PASS" else "worse"
        return say(found.outcome, f"margin {found.margin:g}: {said}")
    more = what_it_takes(found.difference, -found.margin, gate)
    return say(
        "INCONCLUSIVE", f"margin {found.margin:g}: inconclusive{f'; {more}' if more else ''}"
    )


def _superior(
    say: Callable[[Outcome, str], Shown],
    found: Comparison,
    p: float | None,
    gate: Gate,
) -> Shown:
    """Better needs both: a small p-value, and an interval that does not reach down to nothing."""
    at_most_nothing = found.difference.against(0.0, "lower")
    if p is not None and p <= gate.alpha and at_most_nothing == "FAIL":
        return say("PASS", f"p = {p:.2g}: better")
    if at_most_nothing == "PASS":
        return say("FAIL", "not better")
    if not p or found.difference.mean <= 0:
        return say("INCONCLUSIVE", "not shown to be better")
    more = what_it_takes(found.difference, 0.0, gate)
    return say("INCONCLUSIVE", f"p = {p:.2g}: not shown to be better{f'; {more}' if more else ''}")
