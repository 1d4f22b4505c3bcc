"""Paired differences: of checks, categories and contracts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from reports.charts.chart import Chart, none
from reports.charts.forest import Row, forest
from reports.report import Check, MetricRule, Report
from reports.statistics.estimates import Estimate
from reports.verdict.categories import FALSE_DISCOVERIES

MOST = 24
"""Rows of one plot: of more those that stand out, then the largest."""

PLOTS = 6
"""Plots of one kind."""

OUTCOMES = {
    "PASS": ("pass", "✓"),
    "FAIL": ("fail", "✗"),
    "INCONCLUSIVE": ("unsure", "?"),
    "N/A": ("quiet", ""),
}
"""How a check is drawn: its colour, and what stands behind its name."""


def checks_charts(report: Report) -> tuple[Chart, ...]:
    """Every gated metric against an opponent, a chart a model and opponent.

    Signed so that right is better. Differences of amounts have no common axis, and are left to the
    table of checks.
    """
    drawn = (
        chart
        for verdict in report.verdicts
        for against in dict.fromkeys(check.against for check in verdict.checks)
        if (chart := _checks(report, verdict.model, against, verdict.checks)) is not None
    )
    return tuple(islice(drawn, PLOTS))


def _checks(report: Report, model: str, against: str, checks: Sequence[Check]) -> Chart | None:
    shown = [
        (check, estimate)
        for check in checks
        if check.against == against and check.compares and not report.unit_of(check.metric)
        if (estimate := check.estimate) is not None and estimate.low is not None
    ]
    if not shown:
        return None
    rows, said = [], []
    for check, estimate in shown:
        lower = report.lower_is_better(check.metric)
        gain = -estimate if lower else estimate
        line = _asked(report.header.gate.metrics.get(check.metric))
        colour, mark = OUTCOMES[check.outcome]
        rows.append(Row(check.metric, gain, colour, line, mark))
        asked = "" if line is None else f", asked for {line:+g} or more"
        said.append(f"{check.metric}: {gain:+.3f}{asked}: {check.outcome}")
    title = f"{model} against {against}: gain by metric"
    note = "The dashed line is what is asked of the interval. ✓ passes, ✗ fails, ? is inconclusive."
    return forest(title, rows, "gain (right is better)", said, note)


def _asked(rule: MetricRule | None) -> float | None:
    """What the interval of a gain must clear; None where the gate asks for nothing."""
    if rule is None:
        return None
    if rule.goal == "superior":
        return 0.0
    return None if rule.margin is None else -rule.margin


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one category or contract."""

    group: str
    estimate: Estimate
    q_value: float

    @property
    def stands_out(self) -> bool:
        """Whether it is a finding, of which one in twenty is expected to be false."""
        return self.q_value <= FALSE_DISCOVERIES


Kind = tuple[str, str, str]
"""Model, opponent and metric."""


def category_charts(report: Report) -> tuple[Chart, ...]:
    """Differences by category, a chart a model, opponent and metric."""
    found = [
        (
            (each.model, each.against, each.metric),
            Difference(each.category, each.estimate, each.q_value),
        )
        for each in report.differences
    ]
    return _charts(report, found, "category", "categories")


def contract_charts(report: Report) -> tuple[Chart, ...]:
    """Differences by contract, likewise."""
    found = [
        (
            (each.model, each.against, each.metric),
            Difference(each.contract, each.estimate, each.q_value),
        )
        for each in report.contract_differences
    ]
    return _charts(report, found, "contract", "contracts")


def _charts(
    report: Report, found: Iterable[tuple[Kind, Difference]], one: str, many: str
) -> tuple[Chart, ...]:
    kinds: dict[Kind, list[Difference]] = {}
    for kind, each in found:
        kinds.setdefault(kind, []).append(each)
    if not kinds:
        return (none(f"Differences by {one}", _why_none(report, many)),)
    drawn = [_chart(report, kind, each, one, many) for kind, each in [*kinds.items()][:PLOTS]]
    if more := [" ".join(kind) for kind in kinds][PLOTS:]:
        drawn.append(none(f"More differences by {one}", f"Not drawn: {', '.join(more)}."))
    return tuple(drawn)


def _why_none(report: Report, many: str) -> str:
    if report.header.dataset.sealed:
        return f"The contracts are sealed: nothing is told of their {many}."
    if not any(each.role in ("champion", "baseline") for each in report.header.models):
        return f"No other model was measured against: there are no differences by {many}."
    return f"No differences by {many} were noted: no primary metric has pairs enough for them."


def _chart(report: Report, kind: Kind, found: Sequence[Difference], one: str, many: str) -> Chart:
    """Those that matter, best first; the note says what is not drawn."""
    model, against, metric = kind
    first = sorted(found, key=lambda each: (not each.stands_out, -abs(each.estimate.mean)))
    shown = sorted(first[:MOST], key=lambda each: -each.estimate.mean)
    lower = report.lower_is_better(metric)
    rows = [
        Row(
            each.group,
            each.estimate,
            _colour(each, lower=lower),
            mark="*" if each.stands_out else "",
        )
        for each in (reversed(shown) if lower else shown)
    ]
    said = [
        f"{each.group}: {each.estimate:+.3f}, n {each.estimate.n:,}, q = {each.q_value:.2g}"
        + (" *" if each.stands_out else "")
        for each in shown
    ]
    better = "left" if lower else "right"
    label = f"{metric}, candidate less opponent ({better} is better)"
    title = f"{metric} of {model} against {against}, by {one}"
    return forest(title, rows, label, said, _left(found, first[MOST:], one, many))


def _colour(found: Difference, *, lower: bool) -> str:
    if not found.stands_out:
        return "quiet"
    return "pass" if (found.estimate.mean > 0) != lower else "fail"


def _left(found: Sequence[Difference], rest: Sequence[Difference], one: str, many: str) -> str:
    out = sum(each.stands_out for each in found)
    said = (
        f"{out:,} of {len(found):,} {many if len(found) != 1 else one} stand out (*): q at most "
        f"{FALSE_DISCOVERIES}, corrected over all of them by Benjamini and Hochberg's method"
    )
    if not rest:
        return f"{said}."
    most = max(abs(each.estimate.mean) for each in rest)
    more = sum(each.stands_out for each in rest)
    stands = "stand" if more > 1 else "stands"
    return (
        f"{said}. {len(rest):,} are not drawn: {more or 'none'} of them {stands} out, and none "
        f"differs by more than {most:.3f}."
    )
