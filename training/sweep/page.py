"""What a sweep found, as a table and a picture."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from training.sweep.tried import Row, recommended

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLE: Any = {"svg.hashsalt": "bar-exam", "svg.fonttype": "none", "text.parse_math": False}
"""The same bytes each time, and text as text."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Of Okabe and Ito, told apart without red and green; markers differ too."""
MARKERS = "osD^vPX*"


@dataclass(frozen=True, slots=True)
class Sweep:
    """One table: what was scored, in which unit costs are, and of how much."""

    title: str
    score: str
    unit: str
    cases: int
    contracts: int
    rows: Sequence[Row]


def table(sweep: Sweep) -> str:
    """Markdown: every setting, the best first, and what is recommended."""
    best = sweep.rows[0]
    lines = [
        f"## {sweep.title}",
        "",
        f"{sweep.cases} cases of {sweep.contracts} validation contracts; 90 % intervals over "
        "contracts, of differences paired by case.",
        "",
        f"| setting | {sweep.score} | less than the best | {sweep.unit} |",
        "|---|---|---|---|",
    ]
    for row in sweep.rows:
        less = "the best" if row is best else f"{row.less:+z.3f}{'' if row.told else ', noise'}"
        cost = f"{row.tried.cost:,.0f}"
        lines.append(f"| `{row.tried.typed}` | {row.score:.3f} | {less} | {cost} |")
    return "\n".join([*lines, "", conclusion(sweep)]) + "\n"


def conclusion(sweep: Sweep) -> str:
    """The recommendation, and what it does not rest on."""
    choice, best = recommended(sweep.rows), sweep.rows[0]
    near = sum(not row.told for row in sweep.rows)
    if choice is best:
        alike = "" if near == 1 else f"; of the others {near - 1} cannot be told from it"
        return f"Recommended: `{choice.tried.typed}`, the best{alike}."
    return (
        f"Recommended: `{choice.tried.typed}`: of the {near} settings that cannot be told from the "
        f"best (`{best.tried.typed}`) the one with the fewest {sweep.unit}. That they are alike "
        "is not shown: more contracts may tell them apart."
    )


def alternative(sweep: Sweep) -> str:
    """What the picture shows, in words."""
    choice = recommended(sweep.rows)
    return (
        f"{sweep.title}: {sweep.score} against {sweep.unit} of {len(sweep.rows)} settings; the "
        f"recommended one, {choice.tried.typed}, has {choice.score:.3f} at {choice.tried.cost:,.0f}"
    )


def draw(sweep: Sweep) -> bytes:
    """The picture as SVG: score against cost, a line a series, the recommended one ringed."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8.5, 4.6), layout="constrained")
        axes = figure.subplots()
        _series(axes, sweep.rows)
        choice = recommended(sweep.rows)
        axes.scatter(
            [choice.tried.cost], [choice.score.mean], label="recommended",
            s=180, facecolors="none", edgecolors="black", zorder=3,
        )  # fmt: skip
        axes.set_xlabel(sweep.unit)
        axes.set_ylabel(f"{sweep.score}, 90 % intervals")
        axes.set_title(sweep.title, loc="left", fontweight="bold")
        axes.grid(color="#DDDDDD", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
        written = io.BytesIO()
        facts = {"Title": sweep.title, "Description": alternative(sweep)}
        figure.savefig(written, format="svg", metadata=facts | {"Date": None, "Creator": None})
    return written.getvalue()


def _series(axes: "Axes", rows: Sequence[Row]) -> None:
    names = sorted({row.tried.series for row in rows})
    for number, name in enumerate(names):
        own = sorted((r for r in rows if r.tried.series == name), key=lambda r: r.tried.cost)
        means = [row.score.mean for row in own]
        below = [row.score.mean - (row.score.mean if row.score.low is None else row.score.low)
                 for row in own]  # fmt: skip
        above = [(row.score.mean if row.score.high is None else row.score.high) - row.score.mean
                 for row in own]  # fmt: skip
        axes.errorbar(
            [row.tried.cost for row in own], means, yerr=[below, above], label=name, capsize=2,
            color=COLOURS[number % len(COLOURS)], marker=MARKERS[number % len(MARKERS)],
            markersize=5, linewidth=1,
        )  # fmt: skip
