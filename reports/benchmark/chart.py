"""The benchmark as a picture: a panel a measure, a line a method, each mean with its interval."""

import io
import re
import warnings
from typing import TYPE_CHECKING, Any, Literal
from xml.sax.saxutils import quoteattr

from reports.benchmark.benchmark import Benchmark, Row
from reports.benchmark.measures import Measure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LONGEST = 34
"""Characters of a method's name that are drawn."""

BASELINE, METHOD = "#D55E00", "#0072B2"
"""Of Okabe and Ito's colours, which are told apart without red and green; shapes differ too."""

STYLE: Any = {
    "svg.hashsalt": "bar-exam",
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
}
"""The same bytes each time, text as text, and a dollar sign in a name is a dollar sign."""


def draw(found: Benchmark, form: Literal["png", "svg"]) -> bytes:
    """The picture; the same benchmark gives the same bytes. What it says in words is in it."""
    import matplotlib
    from matplotlib.figure import Figure

    said = alternative(found)
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # of a name in another script
        figure = Figure(
            figsize=(2.6 + 2.0 * len(found.measures), 1.3 + 0.34 * len(found.rows)),
            layout="constrained",
        )
        axes = figure.subplots(1, len(found.measures), sharey=True, squeeze=False)[0]
        for place, (panel, measure) in enumerate(zip(axes, found.measures, strict=True)):
            _panel(panel, measure, found, labelled=place == 0)
        written = io.BytesIO()
        facts: dict[str, Any] = {"Title": "Benchmark", "Description": said}
        facts |= {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
        figure.savefig(written, format=form, dpi=160, metadata=facts)
    return _spoken(written.getvalue(), said) if form == "svg" else written.getvalue()


def _panel(axes: "Axes", measure: Measure, found: Benchmark, *, labelled: bool) -> None:
    places = range(len(found.rows))[::-1]  # the first stands on top
    base = next(row for row in found.rows if row.entrant is found.field.baseline)
    middle = base.means[measure.name]
    if middle is not None:
        axes.axvline(middle.mean, color=BASELINE, linestyle=":", linewidth=1, zorder=1)
    for place, row in zip(places, found.rows, strict=True):
        _point(axes, row, measure, place, baseline=row is base)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_ylim(-0.6, len(found.rows) - 0.4)
    arrow = "lower is better" if measure.direction == "lower" else "higher is better"
    axes.set_title(_clipped(measure.title), fontsize=9, fontweight="bold", loc="left")
    axes.set_xlabel(arrow, fontsize=8)
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    if labelled:
        axes.set_yticks(list(places), [_label(row, baseline=row is base) for row in found.rows])


def _point(axes: "Axes", row: Row, measure: Measure, place: int, *, baseline: bool) -> None:
    """A mean and its interval; where there is none, a word that says so."""
    found = row.means[measure.name]
    if found is None:
        axes.text(0.5, place, "not measured", ha="center", va="center", fontsize=7, color="#666666")
        return
    colour = BASELINE if baseline else METHOD
    if found.low is not None and found.high is not None:
        axes.plot([found.low, found.high], [place, place], color=colour, linewidth=1.6, zorder=2)
    axes.plot(
        [found.mean],
        [place],
        marker="D" if baseline else "o",
        markersize=5,
        color=colour,
        markerfacecolor="white" if baseline else colour,
        zorder=3,
        clip_on=False,
    )


def _label(row: Row, *, baseline: bool) -> str:
    return f"{_clipped(row.entrant.label)}{' (baseline)' if baseline else ''}"


def _clipped(name: str) -> str:
    """The name, its middle left out where it is long: ends tell models apart."""
    name = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name)
    half = LONGEST // 2
    return name if len(name) <= LONGEST else f"{name[: half - 1]}…{name[-half:]}"


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
    return f"{_clipped(row.entrant.label)} {'not measured' if found is None else found}"


def _spoken(svg: bytes, said: str) -> bytes:
    """The drawing with its words where a screen reader looks for them."""
    spoken = f'<svg role="img" aria-label={quoteattr(said)} '
    return re.sub(rb"<svg ", lambda _: spoken.encode(), svg, count=1)
