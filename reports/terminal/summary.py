"""The summary in the terminal: each metric, models side by side, in as much detail as fits."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from reports.report import Group, Report
from reports.statistics.estimates import Estimate
from reports.terminal.columns import GAP, Column, clipped, fitted, flat, needed
from reports.views.compared import Compared, Comparison, comparisons
from reports.views.wording import format_value

if TYPE_CHECKING:
    from rich.console import Console

STYLES: Mapping[str, str] = {
    "PASS": "green",
    "PROMOTE": "bold green",
    "FAIL": "bold red",
    "FAILED": "bold red",
    "REJECT": "bold red",
    "INCONCLUSIVE": "yellow",
    "MISSED": "yellow",
}

HIDDEN = frozenset({"recall@5", "ndcg@5", "jaccard", "tokens_in", "tokens_out"})
LEVELS = (0, 1, 2, 3, 4)
"""Of detail: counts too; intervals; those of differences alone; none; no differences."""


def print_summary(report: Report, console: "Console") -> None:
    """Print the table in the most detail that fits; of too many models, some tables."""
    found = comparisons(report)
    beside = found[0] if len(found) == 1 and found[0].opponent else None
    metrics = _metrics(report)
    if not metrics:
        return
    for level in LEVELS:
        columns = _columns(report, metrics, report.summary, beside, level)
        if needed(columns) <= console.width:
            _print_table(columns, console)
            return
    for group in report.summary:
        _print_table(_columns(report, metrics, [group], None, LEVELS[-1]), console)


def _metrics(report: Report) -> list[str]:
    known = {metric for group in report.summary for metric in group.estimates}
    return [name for name in report.metrics if name in known and name not in HIDDEN]


def _columns(
    report: Report,
    metrics: Sequence[str],
    groups: Sequence[Group],
    beside: Comparison | None,
    level: int,
) -> list[Column]:
    arrows = {name: "↓" if report.lower_is_better(name) else "↑" for name in metrics}
    columns = [Column("metric", tuple(f"{flat(name)} {arrows[name]}" for name in metrics))]
    for group in groups:
        found = [group.estimates.get(name) for name in metrics]
        cells = tuple(
            _shown(each, report.unit_of(name), whole=level < 2)
            for name, each in zip(metrics, found, strict=True)
        )
        columns.append(Column(flat(group.model), cells))
        if level == 0:
            columns.append(Column("n", tuple(str(e.n) if e else "unscored" for e in found)))
    if beside and level < 4:
        rows = {row.metric: row for row in beside.metrics}
        columns += _compared(report, [rows.get(name) for name in metrics], level)
    return columns


def _compared(report: Report, rows: Sequence[Compared | None], level: int) -> Iterator[Column]:
    """Difference, margin and outcome of a candidate, where the gate asks for them."""
    if not any(row and row.difference for row in rows):
        return
    yield Column(
        "difference",
        tuple(
            _shown(row.difference, report.unit_of(row.metric), whole=level < 3, sign="+")
            if row and row.difference
            else ""
            for row in rows
        ),
    )
    if level < 2:
        margins = (row.margin if row else None for row in rows)
        yield Column("margin", tuple("" if each is None else f"{each:g}" for each in margins))
    if level < 3:
        yield Column("outcome", tuple((row.outcome if row else None) or "" for row in rows))


def _shown(estimate: Estimate | None, unit: str, *, whole: bool, sign: str = "") -> str:
    if estimate is None:
        return "-"
    if whole:
        return f"{estimate:{sign}.3f}"
    return format_value(estimate.mean, unit) if unit else f"{estimate.mean:{sign}z.3f}"


def _print_table(columns: Sequence[Column], console: "Console") -> None:
    from rich.cells import cell_len
    from rich.text import Text

    widths = fitted(columns, console.width)
    for row in range(-1, len(columns[0].cells)):
        line = Text()
        for place, (column, width) in enumerate(zip(columns, widths, strict=True)):
            cell = clipped(column.head, width) if row < 0 else column.cells[row]
            style = "bold" if row < 0 else STYLES.get(cell, "")
            space = " " * (width - cell_len(cell))
            left = place == 0 or column.head == "outcome"
            line.append(cell + space if left else space + cell, style)
            line.append(" " * GAP if place < len(columns) - 1 else "")
        line.rstrip()
        console.print(line, soft_wrap=True)
