"""A matplotlib figure as a static SVG of an HTML page, which follows its light and its dark."""

import io
import logging
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

from common.storable import presentable
from reports.charts.fitting import fitted
from reports.charts.lean import lean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LIGHT = {
    "ink": "#22211e", "quiet": "#67635b", "line": "#dedad1", "card": "#ffffff",
    "accent": "#1f4b73", "pass": "#24613f", "fail": "#94291f", "unsure": "#7a5200",
    "s0": "#1f4b74", "s1": "#b0532a", "s2": "#2f7d4f", "s3": "#7a4a9e",
    "s4": "#8f6614", "s5": "#1c747e", "s6": "#a8325e", "s7": "#5b6470",
}  # fmt: skip
"""What a figure is drawn in: each colour stands for the custom property of its name in a page, so
no two are the same. The series s0, s1, … are told apart by shape as well."""

DARK = {
    "ink": "#e6e3dc", "quiet": "#a29d92", "line": "#36383b", "card": "#1e2022",
    "accent": "#9cc3e6", "pass": "#8fcfa8", "fail": "#f0a196", "unsure": "#e6c17a",
    "s0": "#9cc3e6", "s1": "#eba27f", "s2": "#8fcfa8", "s3": "#c8a4e6",
    "s4": "#e6c17a", "s5": "#83cfd8", "s6": "#eb9bb9", "s7": "#b3bac4",
}  # fmt: skip
"""The same in the dark; of a page both stand in its style sheet."""

MARKERS = "oDs^vPXp"
"""Of the series, in their order."""

FEW = 6
"""Models that one chart tells apart."""

WIDTH = 440.0
"""Of a chart, in pixels: what a telephone shows with little loss."""

STYLE: Any = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 11,
    "text.color": LIGHT["ink"],
    "axes.edgecolor": LIGHT["line"],
    "axes.labelcolor": LIGHT["quiet"],
    "axes.labelsize": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": LIGHT["line"],
    "grid.linewidth": 0.7,
    "xtick.color": LIGHT["line"],
    "ytick.color": LIGHT["line"],
    "xtick.labelcolor": LIGHT["quiet"],
    "ytick.labelcolor": LIGHT["ink"],
    "xtick.labelsize": 10,
    "ytick.labelsize": 10.5,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 10,
}
"""Text is text, and a dollar sign in a name is a dollar sign."""

Paint = Callable[["Figure"], None]
"""Draws on an empty figure."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing, and the same in words.

    Attributes:
        svg: an element for the middle of a page; its colours are the page's custom properties.
            Empty where there is nothing to draw.
        alternative: every number that is drawn, line by line; or why nothing is.
        title: what it is of.
        note: what a reader must know of it beside; empty for nothing.
    """

    svg: str
    alternative: str
    title: str
    note: str = ""

    @property
    def alone(self) -> str:
        """As a file of its own: with its colours, its ground and its words."""
        light, dark = (
            "".join(f"--{name}:{colour};" for name, colour in each.items())
            for each in (LIGHT, DARK)
        )
        style = (
            f"<style>svg{{{light}font-family:sans-serif}}"
            f"@media(prefers-color-scheme:dark){{svg{{{dark}}}}}</style>"
            '<rect width="100%" height="100%" style="fill:var(--card)"/>'
        )
        opening, rest = self.svg.split(">", 1)
        silent = re.sub(r' aria-label="[^"]*"', "", opening)
        return f"{silent} aria-label={quoteattr(presentable(self.alternative))}>{style}{rest}"


def draw(paint: Paint, height: float, title: str, alternative: str, width: float = WIDTH) -> Chart:
    """A chart; the same arguments give the same bytes.

    Args:
        paint: draws it, in colours of `LIGHT` alone.
        height: in pixels.
        title: unlike that of any other chart of the page.
        alternative: every number that is drawn, line by line.
        width: in pixels.
    """
    written = _saved(paint, width, height, "svg", title)
    names = {colour: name for name, colour in LIGHT.items()}
    return Chart(lean(written, title, names), alternative, title)


def none(title: str, why: str) -> Chart:
    """No chart, and a sentence that says why."""
    return Chart("", why, title)


def draw_png(paint: Paint, height: float, title: str, width: float = WIDTH) -> bytes:
    """The same as a picture in light colours, at twice its size."""
    return _saved(paint, width, height, "png", title)


def _saved(paint: Paint, width: float, height: float, form: str, title: str) -> bytes:
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # of a home that cannot be written
    import matplotlib
    from matplotlib.figure import Figure

    salted = {**STYLE, "svg.hashsalt": title}
    with matplotlib.rc_context(salted), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # of a name in another script
        figure = Figure(figsize=(width / 72, height / 72))
        figure.patch.set_visible(form == "png")
        paint(figure)
        written = io.BytesIO()
        facts = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
        metadata: Any = facts
        figure.savefig(written, format=form, dpi=144, metadata=metadata)
    return written.getvalue()


def place(figure: "Figure", left: float, top: float, width: float, height: float) -> "Axes":
    """Axes at a place in pixels from the upper left corner; nothing is drawn outside of them."""
    across, up = figure.get_size_inches() * 72
    axes = figure.add_axes((left / across, 1 - (top + height) / up, width / across, height / up))
    axes.patch.set_visible(False)
    return axes


def series(number: int) -> dict[str, Any]:
    """How the points of one model are told from those of the others."""
    colour = LIGHT[f"s{number % len(MARKERS)}"]
    return {"color": colour, "marker": MARKERS[number % len(MARKERS)], "markersize": 5.5}


def key_height(models: Sequence[str]) -> float:
    """Pixels of the key of these models, at the top of a chart."""
    return 6 + 15.0 * -(-len(models[:FEW]) // 2)


def key(figure: "Figure", models: Sequence[str], left: float) -> None:
    """Which model is drawn how: two a line, at the top, from `left` on."""
    across, rows = WIDTH - left, -(-len(models[:FEW]) // 2)
    axes = place(figure, left, 2, across, 15.0 * rows)
    axes.set_axis_off()
    axes.set_xlim(0, across)
    axes.set_ylim(rows - 0.5, -0.5)
    for number, model in enumerate(models[:FEW]):
        row, column = divmod(number, 2)
        at = column * across / 2 + 5
        axes.plot([at], [row], linestyle="none", **series(number))
        name = fitted(model, across / 2 - 24, 10)
        axes.text(at + 8, row, name, va="center_baseline", fontsize=10)


def left_out(models: Sequence[str]) -> str:
    """A line about the models that a chart of the first few does not show.

    >>> left_out(["a", "b"]), left_out(list("abcdefgh"))
    ('', '2 more models are not drawn: g, h')
    """
    more = models[FEW:]
    are = "more models are" if len(more) > 1 else "more model is"
    return f"{len(more)} {are} not drawn: {', '.join(more)}" if more else ""
