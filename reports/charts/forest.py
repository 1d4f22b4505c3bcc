"""A forest plot: differences with their intervals, a row each, about a line at 0."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reports.charts.chart import LIGHT, WIDTH, Chart, draw, place
from reports.charts.fitting import fitted
from reports.statistics.estimates import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEFT, RIGHT, TOP, LINE, BELOW = 184.0, 12.0, 6.0, 17.0, 40.0
"""Pixels beside and above the rows, of each, and below them."""


@dataclass(frozen=True, slots=True)
class Row:
    """A difference: `line` is what its interval must clear, `mark` what stands behind its name."""

    name: str
    estimate: Estimate
    colour: str = "s0"
    line: float | None = None
    mark: str = ""


def forest(title: str, rows: Sequence[Row], label: str, said: Sequence[str], note: str) -> Chart:
    """A plot of these rows from above, with the words of each.

    Args:
        title: of the chart.
        rows: from above.
        label: of the axis.
        said: the rows in words.
        note: what a reader must know beside.
    """
    height = TOP + LINE * len(rows) + BELOW
    drawn = draw(lambda figure: _paint(figure, rows, label), height, title, "\n".join(said))
    return replace(drawn, note=note)


def _paint(figure: "Figure", rows: Sequence[Row], label: str) -> None:
    axes = place(figure, LEFT, TOP, WIDTH - LEFT - RIGHT, LINE * len(rows))
    reach = _reach(rows)
    axes.axvline(0, color=LIGHT["quiet"], linewidth=1)
    for at, row in zip(range(len(rows))[::-1], rows, strict=True):
        _row(axes, row, at, reach)
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_yticks(
        range(len(rows))[::-1],
        [f"{fitted(each.name, LEFT - 24)}{f' {each.mark}' if each.mark else ''}" for each in rows],
    )
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel(fitted(label, WIDTH - 24, 10), x=1.0, ha="right")
    axes.grid(axis="x")


def _row(axes: "Axes", row: Row, at: int, reach: float) -> None:
    found, colour = row.estimate, LIGHT[row.colour]
    if row.line is not None:
        axes.plot(
            [row.line] * 2, [at - 0.45, at + 0.45], color=LIGHT["fail"], linestyle=(0, (3, 2))
        )
    if found.low is not None and found.high is not None:
        ends = [max(found.low, -reach), min(found.high, reach)]
        axes.plot(ends, [at, at], color=colour, linewidth=1.8, solid_capstyle="butt")
    axes.plot([found.mean], [at], linestyle="none", marker="D" if row.mark == "*" else "o",
              markersize=5.5, color=colour)  # fmt: skip


def _reach(rows: Sequence[Row]) -> float:
    """How far the axis goes either way: all means and lines, and most of the intervals."""
    means = [abs(row.estimate.mean) for row in rows] + [abs(row.line or 0.0) for row in rows]
    ends = sorted(
        max(abs(end) for end in (row.estimate.low, row.estimate.high))
        for row in rows
        if row.estimate.low is not None and row.estimate.high is not None
    )
    usual = ends[int(0.9 * (len(ends) - 1))] if ends else 0.0
    return 1.08 * max(*means, usual) or 1.0
