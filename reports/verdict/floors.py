"""Every gated metric that has a floor, against it."""

from collections.abc import Sequence
from dataclasses import replace

from evals.gate import Gate
from evals.metrics.table import METRICS
from evals.results import Result
from reports.report import Check
from reports.statistics.estimates import Estimate, Outcome
from reports.verdict.bars import Bars, Reasoned, format_gaps, format_heavy, unfit
from reports.verdict.means import floor_p_value, metric_mean
from reports.verdict.pairs import Marks, marks
from reports.verdict.planning import what_it_takes


def floor_checks(gate: Gate, model: str, results: Sequence[Result], bars: Bars) -> list[Check]:
    """One check for every gated metric that has a floor."""
    found = []
    for metric, entry in gate.gating.items():
        if entry.floor is None:
            continue
        scored = marks(metric, results)
        estimate = _mean(metric, scored, gate)
        filled = _filled(metric, scored)
        worst, best = (_mean(metric, each, gate) for each in filled)
        outcome, reason = (
            bars.of(metric, model)
            or unfit(metric, estimate, scored.lost, gate)
            or _against_floor(metric, entry.floor, scored, (estimate, worst, best), gate)
        )
        check = Check(metric, "floor", outcome, reason, estimate)
        if scored.gaps:
            check = replace(check, worst=worst, best=best)
        found.append(replace(check, p_value=_p_value(metric, filled[0], entry.floor)))
    return found


def _against_floor(
    metric: str,
    floor: float,
    scored: Marks,
    ends: tuple[Estimate | None, Estimate | None, Estimate | None],
    gate: Gate,
) -> Reasoned:
    """On which side of the floor the interval lies, if it does so whatever was lost.

    `ends` are the mean of what is there, and those with what was lost at its worst and its best.
    """
    found, worst, best = ends
    reason = f"{metric} {found}"
    bound = "at most" if METRICS[metric].direction == "lower" else "at least"
    outcome = _side(metric, floor, found)
    turned = {"PASS": worst, "FAIL": best}
    if outcome in turned and _side(metric, floor, turned[outcome]) != outcome:
        gaps = format_gaps(len(scored.gaps), worst, best, ".3f", decides=True)
        return "INCONCLUSIVE", f"{reason}; {gaps}"
    if outcome == "INCONCLUSIVE":
        reason += f": {bound} {floor:g} is neither shown nor refuted"
        more = what_it_takes(found, floor, gate) if found else ""
        reason += f"; {more}" if more else ""
    else:
        reason += f" is {'' if outcome == 'PASS' else 'not '}{bound} {floor:g}"
    if heavy := format_heavy(scored.contracts):
        reason += f"; {heavy}"
    if scored.gaps:
        reason += f"; {format_gaps(len(scored.gaps), worst, best, '.3f', decides=False)}"
    return outcome, reason


def _mean(metric: str, scored: Marks, gate: Gate) -> Estimate | None:
    if not scored.values:
        return None
    return metric_mean(metric, scored.values, scored.contracts, gate.alpha)


def _p_value(metric: str, scored: Marks, floor: float) -> float | None:
    if not scored.values:
        return None
    return floor_p_value(metric, scored.values, scored.contracts, floor)


def _side(metric: str, floor: float, found: Estimate | None) -> Outcome:
    return found.against(floor, METRICS[metric].direction) if found else "INCONCLUSIVE"


def _filled(metric: str, scored: Marks) -> tuple[Marks, Marks]:
    """With what was lost at its worst, and at its best; nobody knows how bad an amount may be."""
    if not scored.gaps:
        return scored, scored
    if METRICS[metric].unit:
        return Marks((), ()), Marks((), ())
    worst, best = METRICS[metric].worst_and_best
    return scored.filled(worst), scored.filled(best)
