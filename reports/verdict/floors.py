"""Every gated metric that has a floor, against it."""

from collections.abc import Sequence

from evals.gate import Gate
from evals.metrics.table import METRICS
from evals.results import Result
from reports.report import Check
from reports.statistics.estimates import Estimate, Outcome
from reports.verdict.bars import Bars, Reasoned, format_gaps, unfit
from reports.verdict.means import metric_mean
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
        outcome, reason = (
            bars.of(metric, model)
            or unfit(metric, estimate, scored.lost, gate)
            or _against_floor(metric, entry.floor, scored, gate)
        )
        found.append(Check(metric, "floor", outcome, reason, estimate))
    return found


def _against_floor(metric: str, floor: float, scored: Marks, gate: Gate) -> Reasoned:
    """On which side of the floor the interval lies, if it does so whatever was lost."""
    found = _mean(metric, scored, gate)
    shown = f"{metric} {found}"
    bound = "at most" if METRICS[metric].direction == "lower" else "at least"
    outcome = _side(metric, floor, found)
    if outcome == "INCONCLUSIVE":
        more = what_it_takes(found, floor, gate) if found else ""
        said = f"{shown}: {bound} {floor:g} is neither shown nor refuted"
        return outcome, f"{said}; {more}" if more else said
    if any(
        _side(metric, floor, _mean(metric, each, gate)) != outcome
        for each in _filled(metric, scored)
    ):
        return "INCONCLUSIVE", f"{shown}; {format_gaps(len(scored.gaps))}"
    return outcome, f"{shown} is {'' if outcome == 'PASS' else 'not '}{bound} {floor:g}"


def _mean(metric: str, scored: Marks, gate: Gate) -> Estimate | None:
    if not scored.values:
        return None
    return metric_mean(metric, scored.values, scored.contracts, gate.alpha)


def _side(metric: str, floor: float, found: Estimate | None) -> Outcome:
    return found.against(floor, METRICS[metric].direction) if found else "INCONCLUSIVE"


def _filled(metric: str, scored: Marks) -> tuple[Marks, ...]:
    """With what was lost at its worst, and at its best; nobody knows how bad an amount may be."""
    if not scored.gaps:
        return ()
    if METRICS[metric].unit:
        return (Marks((), ()),)
    return tuple(scored.filled(value) for value in METRICS[metric].worst_and_best)
