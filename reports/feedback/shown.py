"""Satisfaction over time, as a table of a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.feedback.satisfaction import Satisfaction

if TYPE_CHECKING:
    from rich.table import Table

NOBODY = "(not said)"
HEADS = ("since", "model", "mean score, 90 %", "scores", "clusters")


def cells(each: Satisfaction) -> tuple[str, ...]:
    """One line of the table.

    >>> from reports.statistics.estimates import Estimate
    >>> cells(Satisfaction("2026-01-01", "", Estimate(0.5, 0.25, 0.75, 1200, 30)))
    ('2026-01-01', '(not said)', '0.500 [0.250, 0.750]', '1,200', '30')
    """
    found = each.estimate
    return each.since, each.model or NOBODY, str(found), f"{found.n:,}", f"{found.clusters:,}"


def table(found: Sequence[Satisfaction]) -> "Table":
    """All of them, oldest first."""
    from rich.markup import escape
    from rich.table import Table

    made = Table(box=None, pad_edge=False, header_style="bold", title="satisfaction")
    for head in HEADS:
        made.add_column(head, justify="left" if head in HEADS[:2] else "right")
    for each in found:
        made.add_row(*map(escape, cells(each)))
    return made
