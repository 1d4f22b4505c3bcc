"""The tables of a page: one metric a line, one group of cases a row, with the places to draw at."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from reports.page.wording import format_interval, format_value
from reports.report import Check, Group, Report
from reports.statistics.estimates import Estimate


@dataclass(frozen=True, slots=True)
class Plot:
    """Places on an axis of 0..100; `label` says the same to who cannot see it."""

    mean: float
    low: float | None
    high: float | None
    floor: float | None
    most: str
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """One metric of one model in the summary table; `first` opens the metric."""

    metric: str
    first: bool
    model: str
    mean: str
    interval: str
    n: str
    unscored: int
    reason: str
    plot: Plot | None
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One metric of one group; `heat` runs from 0 (good) to 4 (bad), None where it has no scale."""

    text: str
    value: float | None
    heat: int | None
    note: str


@dataclass(frozen=True, slots=True)
class Row:
    """One group of cases of one model; `link` shows its cases."""

    name: str
    link: str
    model: str
    cases: int
    missed: int
    cells: tuple[Cell, ...]


def metric_lines(report: Report, metrics: Sequence[str]) -> Iterator[Line]:
    """The summary table: every metric, and within it every model."""
    checks = {verdict.model: verdict.checks for verdict in report.verdicts}
    reasons = _reasons(report)
    for metric in metrics:
        unit = report.unit_of(metric)
        most = _axis(report, metric, unit)
        for number, group in enumerate(report.summary):
            estimate, lost = group.estimates.get(metric), group.unscored.get(metric, 0)
            common = reasons.get((group.model, metric), Counter()).most_common(1)
            yield Line(
                metric=metric,
                first=number == 0,
                model=group.model,
                mean=format_value(estimate.mean, unit) if estimate else _absent(lost),
                interval=format_interval(estimate, unit) if estimate else "",
                n=f"{estimate.n:,}" if estimate else "0",
                unscored=lost,
                reason=common[0][0] if common else "",
                plot=_plot(metric, group.model, unit, estimate, _floor(report, metric), most)
                if estimate
                else None,
                checks=tuple(c for c in checks.get(group.model, ()) if c.metric == metric),
            )


def _absent(unscored: int) -> str:
    return "unscored" if unscored else "not asked"


def _reasons(report: Report) -> dict[tuple[str, str], Counter[str]]:
    """Why scores are missing, by (model, metric)."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for result in report.results:
        for metric, value in result.scores.items():
            if value is None:
                reason = result.reasons.get(metric, "no reason given")
                found.setdefault((result.model, metric), Counter())[reason] += 1
    return found


def _axis(report: Report, metric: str, unit: str) -> float:
    """The right end of the metric's axis: 1 for shares, else past the farthest whisker."""
    if not unit:
        return 1.0
    estimates = [group.estimates.get(metric) for group in report.summary]
    floors = [floor for floor in [_floor(report, metric)] if floor is not None]
    ends = [e.mean if e.high is None else e.high for e in estimates if e]
    return 1.1 * max([*ends, *floors], default=0.0) or 1.0


def _floor(report: Report, metric: str) -> float | None:
    rule = report.header.gate.metrics.get(metric)
    return rule.floor if rule else None


def _plot(
    metric: str, model: str, unit: str, estimate: Estimate, floor: float | None, most: float
) -> Plot:
    def place(value: float) -> float:
        return round(100 * min(max(value / most, 0.0), 1.0), 1)

    low, high = estimate.low, estimate.high
    against = f", floor {floor:g}" if floor is not None else ""
    return Plot(
        mean=place(estimate.mean),
        low=None if low is None else place(low),
        high=None if high is None else place(high),
        floor=None if floor is None else place(floor),
        most=format_value(most, unit) if unit else "1",
        label=f"{metric} of {model}: {format_value(estimate.mean, unit)} "
        f"{format_interval(estimate, unit)}{against}",
    )


def group_rows(
    report: Report, kind: Literal["category", "contract"], metrics: Sequence[str]
) -> list[Row]:
    """A row for each model on each category, or on each contract."""
    several = len(report.summary) > 1
    missed = Counter(
        (result.model, case.category if kind == "category" else case.contract)
        for result in report.results
        if result.missed
        for case in [report.cases[result.case]]
    )
    groups = report.categories if kind == "category" else report.contracts
    return [
        Row(
            name=group.name,
            link=urlencode({kind: group.name, **({"model": group.model} if several else {})}),
            model=group.model,
            cases=group.cases,
            missed=missed[group.model, group.name],
            cells=tuple(_cell(report, group, metric) for metric in metrics),
        )
        for group in sorted(groups, key=lambda group: group.name)
    ]


def _cell(report: Report, group: Group, metric: str) -> Cell:
    estimate, lost = group.estimates.get(metric), group.unscored.get(metric, 0)
    if estimate is None:
        return Cell("unscored" if lost else "–", None, None, f"{lost:,} cases" if lost else "")
    unit, mean = report.unit_of(metric), estimate.mean
    share = mean if report.lower_is_better(metric) else 1 - mean
    heat = round(4 * min(max(share, 0.0), 1.0))
    note = f"n {estimate.n:,}" + (f",\n{lost:,} unscored" if lost else "")
    text = f"{mean:.2f}" if unit != "tokens" else format_value(mean, unit)
    return Cell(text, mean, None if unit else heat, note)
