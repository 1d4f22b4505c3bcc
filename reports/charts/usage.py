"""How long answers took, and what they cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from models.price import NOTHING, dollars
from reports.charts.chart import FEW, LIGHT, WIDTH, Chart, draw, left_out, none, place
from reports.charts.fitting import fitted
from reports.report import Report
from reports.views.wording import format_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Latency and cost"

LEFT, RIGHT, ABOVE, LINE, BELOW = 155.0, 70.0, 24.0, 20.0, 34.0


@dataclass(frozen=True, slots=True)
class Used:
    """What the answers of one model took.

    Attributes:
        model: whose.
        calls: how many this run asked for, of which the latencies are.
        median: seconds; None where it asked for none.
        slow: the 95th percentile, likewise.
        cost: mean US dollars of an answer whose cost is known; None where none is.
        known: answers whose cost is known.
        unknown: those of which nobody knows it.
    """

    model: str
    calls: int
    median: float | None
    slow: float | None
    cost: Decimal | None
    known: int
    unknown: int


def usage(report: Report) -> tuple[Used, ...]:
    """Of every model, in the order of the exam."""
    costs: dict[str, list[Decimal | None]] = {each.model: [] for each in report.performance}
    for result in report.results:
        if result.error is None:
            further = (each.cost for each in result.further)
            costs.setdefault(result.model, []).extend([result.cost, *further])
    found = []
    for speed in report.performance:
        known = [cost for cost in costs[speed.model] if cost is not None]
        found.append(
            Used(
                speed.model,
                speed.calls,
                speed.p50_latency,
                speed.p95_latency,
                sum(known, NOTHING) / len(known) if known else None,
                len(known),
                len(costs[speed.model]) - len(known),
            )
        )
    return tuple(found)


def usage_chart(report: Report) -> Chart:
    """The median and the 95th percentile of the latency, and the cost of an answer."""
    found = usage(report)
    timed = any(each.median is not None for each in found)
    paid = any(each.cost for each in found)
    if not timed and not paid:
        why = "This run asked for no answer, and nobody was paid for any."
        return none(TITLE, f"{why} Every answer was there already." if report.results else why)
    shown = found[:FEW]
    panels = [name for name, there in (("latency", timed), ("cost", paid)) if there]
    height = len(panels) * (ABOVE + LINE * len(shown) + BELOW)
    words = "\n".join([*map(_said, shown), left_out([each.model for each in found])]).strip()
    return draw(lambda figure: _paint(figure, shown, panels), height, TITLE, words)


def _paint(figure: "Figure", found: Sequence[Used], panels: Sequence[str]) -> None:
    block = ABOVE + LINE * len(found) + BELOW
    for number, panel in enumerate(panels):
        top = number * block + ABOVE
        axes = place(figure, LEFT, top, WIDTH - LEFT - RIGHT, LINE * len(found))
        (_latencies if panel == "latency" else _costs)(axes, found)
        places = range(len(found))[::-1]
        axes.set_yticks(list(places), [fitted(each.model, LEFT - 10) for each in found])
        axes.set_ylim(-0.6, len(found) - 0.4)
        axes.set_xlim(left=0)
        axes.locator_params(axis="x", nbins=4)
        axes.grid(axis="x")


def _latencies(axes: "Axes", found: Sequence[Used]) -> None:
    axes.set_title("Seconds: median, 95th percentile")
    for at, each in zip(range(len(found))[::-1], found, strict=True):
        if each.median is None or each.slow is None:
            axes.text(0, at, " not asked in this run", va="center_baseline", color=LIGHT["quiet"])
            continue
        axes.plot([each.median, each.slow], [at, at], color=LIGHT["s0"], linewidth=1.8)
        axes.plot([each.median], [at], "o", markersize=6, color=LIGHT["s0"])
        axes.plot([each.slow], [at], "|", markersize=9, color=LIGHT["s0"])
        said = f"{each.median:.2f}, {each.slow:.2f}"
        _beside(axes, at, said)


def _costs(axes: "Axes", found: Sequence[Used]) -> None:
    axes.set_title("US dollars for 1,000 answers")
    for at, each in zip(range(len(found))[::-1], found, strict=True):
        if each.cost is None:
            axes.text(0, at, " not known", va="center_baseline", color=LIGHT["quiet"])
            continue
        axes.barh(at, float(1000 * each.cost), height=0.6, color=LIGHT["s0"])
        _beside(axes, at, format_value(float(1000 * each.cost), "$/1,000"))


def _beside(axes: "Axes", at: int, said: str) -> None:
    axes.text(
        1.02, at, said, va="center_baseline", fontsize=10, transform=axes.get_yaxis_transform()
    )


def _said(each: Used) -> str:
    if each.median is None or each.slow is None:
        time = "not asked in this run"
    else:
        time = (
            f"{format_value(each.median, 's')} median, {format_value(each.slow, 's')} 95th "
            f"percentile of {each.calls:,} calls"
        )
    cost = "cost not known"
    if each.cost is not None:
        cost = f"{dollars(1000 * each.cost)} for 1,000 answers, by {each.known:,} of known cost"
        cost += f" ({each.unknown:,} are not)" if each.unknown else ""
    return f"{each.model}: {time}; {cost}"
