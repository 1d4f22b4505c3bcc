"""The benchmark as a picture: a panel a measure, a line a method, each mean with its interval."""

from typing import TYPE_CHECKING

from reports.benchmark.benchmark import Benchmark, Row
from reports.benchmark.measures import Measure
from reports.charts.chart import LIGHT, WIDTH, Chart, draw, draw_png, place
from reports.charts.fitting import fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Means with intervals"

ABREAST, LABELS, APART = 2, 180.0, 12.0
"""Panels in a row, and pixels of the names at its left and between panels."""

LINE, ABOVE, BELOW = 21.0, 24.0, 44.0
"""Pixels of a method, above a panel and below it."""


def chart_of(found: Benchmark) -> Chart:
    """The picture; the same benchmark gives the same bytes. What it says in words is in it."""
    return draw(lambda figure: _paint(figure, found), _height(found), TITLE, alternative(found))


def png_of(found: Benchmark) -> bytes:
    """The same for where SVG is not shown."""
    return draw_png(lambda figure: _paint(figure, found), _height(found), TITLE)


def _block(found: Benchmark) -> float:
    return ABOVE + LINE * len(found.rows) + BELOW


def _height(found: Benchmark) -> float:
    return _block(found) * -(-len(found.measures) // ABREAST)


def _paint(figure: "Figure", found: Benchmark) -> None:
    across = (WIDTH - LABELS) / ABREAST
    for number, measure in enumerate(found.measures):
        row, column = divmod(number, ABREAST)
        axes = place(
            figure,
            LABELS + column * across,
            row * _block(found) + ABOVE,
            across - APART,
            LINE * len(found.rows),
        )
        _panel(axes, measure, found, labelled=column == 0)


def _panel(axes: "Axes", measure: Measure, found: Benchmark, *, labelled: bool) -> None:
    places = range(len(found.rows))[::-1]  # the first stands on top
    base = next(row for row in found.rows if row.entrant is found.field.baseline)
    middle = base.means[measure.name]
    if middle is not None:
        axes.axvline(middle.mean, color=LIGHT["s1"], linestyle=":", linewidth=1, zorder=1)
    for at, row in zip(places, found.rows, strict=True):
        _point(axes, row, measure, at, baseline=row is base)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_ylim(-0.6, len(found.rows) - 0.4)
    axes.set_title(fitted(measure.title, (WIDTH - LABELS) / ABREAST - APART, 11, bold=True))
    axes.set_xlabel(f"{measure.direction} is better")
    axes.grid(axis="x")
    labels = [_label(row, baseline=row is base) for row in found.rows] if labelled else []
    axes.set_yticks(list(places) if labelled else [], labels)


def _point(axes: "Axes", row: Row, measure: Measure, at: int, *, baseline: bool) -> None:
    """A mean and its interval; where there is none, a word that says so."""
    found = row.means[measure.name]
    if found is None:
        axes.text(0.5, at, "not measured", ha="center", va="center", color=LIGHT["quiet"])
        return
    colour = LIGHT["s1" if baseline else "s0"]
    if found.low is not None and found.high is not None:
        axes.plot([found.low, found.high], [at, at], color=colour, linewidth=1.6, zorder=2)
    axes.plot(
        [found.mean],
        [at],
        marker="D" if baseline else "o",
        markersize=6,
        color=colour,
        markerfacecolor=LIGHT["card"] if baseline else colour,
        zorder=3,
    )


def _label(row: Row, *, baseline: bool) -> str:
    return (
        f"{fitted(row.entrant.label, LABELS - 76)} (baseline)"
        if baseline
        else fitted(row.entrant.label, LABELS - 10)
    )


def alternative(found: Benchmark) -> str:
    """What the picture shows, in words.

    Every method's means, measure by measure, with their intervals.
    """
    parts = [
        f"{measure.title}: " + ", ".join(_said(row, measure) for row in found.rows)
        for measure in found.measures
    ]
    return f"Means with intervals. {'. '.join(parts)}."


def _said(row: Row, measure: Measure) -> str:
    found = row.means[measure.name]
    return f"{row.entrant.label} {'not measured' if found is None else found}"
