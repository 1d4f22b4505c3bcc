"""The tables of a page: one metric a line, one group of cases a row."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from reports.report import Check, Group, Report
from reports.views.wording import format_interval, format_value

MOST = 500
"""Groups in a table: where each question is a contract of its own there are as many as cases."""


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


@dataclass(frozen=True, slots=True)
class Grouping:
    """Rows of the groups of which most was missed, by name; `left` counts the other groups."""

    rows: tuple[Row, ...]
    left: int


def metric_lines(report: Report, metrics: Sequence[str]) -> Iterator[Line]:
    """The summary table: every metric, and within it every model."""
    checks = {verdict.model: verdict.checks for verdict in report.verdicts}
    reasons = _reasons(report)
    for metric in metrics:
        unit = report.unit_of(metric)
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


def grouping(
    report: Report, kind: Literal["category", "contract"], metrics: Sequence[str]
) -> Grouping:
    """A row for each model on each category, or on each contract."""
    missed = Counter(
        (result.model, case.category if kind == "category" else case.contract)
        for result in report.results
        if result.missed
        for case in [report.cases[result.case]]
    )
    groups = report.categories if kind == "category" else report.contracts
    of_all: Counter[str] = Counter()
    for group in groups:
        of_all[group.name] += missed[group.model, group.name]
    names = sorted(of_all, key=lambda name: (-of_all[name], name))
    told = {*names[:MOST]}
    several = len(report.summary) > 1
    rows = tuple(
        Row(
            name=group.name,
            link=urlencode({kind: group.name, **({"model": group.model} if several else {})}),
            model=group.model,
            cases=group.cases,
            missed=missed[group.model, group.name],
            cells=tuple(_cell(report, group, metric) for metric in metrics),
        )
        for group in sorted(groups, key=lambda group: group.name)
        if group.name in told
    )
    return Grouping(rows, max(0, len(names) - MOST))


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
