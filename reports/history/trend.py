"""Metrics over time, drawn: a point a model and run with its interval, and what changed between."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from evals.metrics.table import METRICS
from reports.charts.chart import (
    FEW,
    LIGHT,
    WIDTH,
    Chart,
    draw,
    key,
    key_height,
    none,
    place,
    series,
)
from reports.feedback.satisfaction import Satisfaction
from reports.history.runs import Mark, Ran
from reports.statistics.estimates import Estimate
from reports.views.wording import format_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 100
"""Runs that are drawn: the last ones."""

NUMBERED = 12
"""Changes that bear their number."""

LEFT, RIGHT, ABOVE, PANEL, BELOW = 52.0, 12.0, 18.0, 170.0, 26.0
"""Pixels beside the panel, above it, of it, and below."""

STYLES = {"champion": ("pass", "-"), "data": ("fail", (0, (4, 3)))}
"""How a change is drawn: its colour and its line."""

ASIDE = 0.08
"""How far models of one run stand from each other, in runs."""

OTHERS = {"color": LIGHT["quiet"], "marker": ".", "markersize": 5}
"""Of the models that are in fewest runs."""

SATISFIED = "Satisfaction in service"


@dataclass(frozen=True, slots=True)
class Point:
    """A model's mean in one run, which is the `at`-th that is drawn."""

    at: int
    when: str
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Trend:
    """One metric over time.

    Attributes:
        metric: its name.
        lines: points by model and data set, `model on data set`; those of most runs first.
        times: when each run was, from the first that is drawn.
        marks: changes, each with the number of runs before it.
    """

    metric: str
    lines: Mapping[str, tuple[Point, ...]]
    times: tuple[str, ...]
    marks: tuple[tuple[int, Mark], ...]


def trend(events: Sequence[Ran | Mark], metric: str) -> Trend:
    """The last runs, and what changed between them."""
    runs = sum(isinstance(event, Ran) for event in events)
    found: dict[str, list[Point]] = {}
    times: list[str] = []
    marks: list[tuple[int, Mark]] = []
    skipped = max(runs - MOST, 0)
    for event in events:
        if isinstance(event, Mark):
            if not skipped:
                marks.append((len(times), event))
            continue
        if skipped:
            skipped -= 1
            continue
        for each in event.shown:
            if metric in each.estimates:
                line = found.setdefault(f"{each.model} on {event.dataset}", [])
                line.append(Point(len(times), event.when, each.estimates[metric]))
        times.append(event.when)
    order = sorted(found, key=lambda name: -len(found[name]))
    lines = {name: tuple(found[name]) for name in order}
    return Trend(metric, lines, tuple(times), tuple(marks))


def trend_chart(events: Sequence[Ran | Mark], metric: str) -> Chart:
    """One metric; a mark bears the number of the change in the page's list."""
    found = trend(events, metric)
    known = METRICS.get(metric)
    unit = known.unit if known else ""
    arrow = "↓ lower is better" if known and known.direction == "lower" else "↑ higher is better"
    title = f"{metric} over {len(found.times)} {'run' if len(found.times) == 1 else 'runs'}"
    if not found.lines:
        return none(title, f"{metric} was measured in none of these runs.")
    chart = _drawn(found, title, unit)
    return replace(chart, note=f"{arrow}.{_others(found)}{_earlier(events)}")


def _drawn(found: Trend, title: str, unit: str) -> Chart:
    said = [
        f"{name}: "
        + ", ".join(
            f"{point.when[:10]} {format_value(point.estimate.mean, unit)}{_ends(point, unit)}"
            for point in points
        )
        for name, points in found.lines.items()
    ]
    said += [f"{mark.when[:10]}: {mark.words}" for _, mark in found.marks]
    height = key_height([*found.lines]) + ABOVE + PANEL + BELOW
    return draw(lambda figure: _paint(figure, found, unit), height, title, "\n".join(said))


def _ends(point: Point, unit: str) -> str:
    low, high = point.estimate.low, point.estimate.high
    if low is None or high is None:
        return ""
    return f" [{format_value(low, unit)}, {format_value(high, unit)}]"


def _others(found: Trend) -> str:
    more = len(found.lines) - FEW
    return f" Dots without a line are the other {more} models." if more > 0 else ""


def _earlier(events: Sequence[Ran | Mark]) -> str:
    more = sum(isinstance(event, Ran) for event in events) - MOST
    return f" {more:,} earlier runs are not drawn." if more > 0 else ""


def _paint(figure: "Figure", found: Trend, unit: str) -> None:
    names = [*found.lines]
    key(figure, names, LEFT)
    axes = place(figure, LEFT, key_height(names) + ABOVE, WIDTH - LEFT - RIGHT, PANEL)
    low, high = _span(found)
    middle = (min(len(found.lines), FEW) - 1) / 2
    for number, points in enumerate(found.lines.values()):
        style, aside = (series(number), number - middle) if number < FEW else (OTHERS, 0.0)
        _line(axes, points, style, (low, high), ASIDE * aside, joined=number < FEW)
    _changes(axes, found)
    last = len(found.times) - 1
    axes.set_xlim(-0.6, last + 0.6)
    shown = sorted({0, last})
    axes.set_xticks(shown, [found.times[each][:10] for each in shown])
    if last:
        axes.get_xticklabels()[0].set_horizontalalignment("left")
        axes.get_xticklabels()[1].set_horizontalalignment("right")
    axes.set_ylim(low, high)
    axes.locator_params(axis="y", nbins=5)
    axes.yaxis.set_major_formatter(lambda at, _: format_value(at, unit) if unit else f"{at:.2f}")
    axes.tick_params(axis="y", labelcolor=LIGHT["quiet"], labelsize=10)
    axes.grid(axis="y")


def _line(
    axes: "Axes",
    points: Sequence[Point],
    style: Mapping[str, Any],
    span: tuple[float, float],
    aside: float,
    *,
    joined: bool,
) -> None:
    for point in points:
        ends = (point.estimate.low, point.estimate.high)
        if ends[0] is not None and ends[1] is not None:
            held = [min(max(end, span[0]), span[1]) for end in ends if end is not None]
            axes.plot([point.at + aside] * 2, held, color=style["color"], linewidth=1.2, alpha=0.6)
    axes.plot(
        [point.at + aside for point in points],
        [point.estimate.mean for point in points],
        linestyle="-" if joined else "none",
        linewidth=1.2,
        **style,
    )


def _changes(axes: "Axes", found: Trend) -> None:
    """Between the runs where they happened; several in one gap stand beside each other."""
    between = Counter(at for at, _ in found.marks)
    passed: Counter[int] = Counter()
    for number, (at, mark) in enumerate(found.marks, start=1):
        passed[at] += 1
        x = at - 0.5 + 0.8 * (passed[at] / (between[at] + 1) - 0.5)
        colour, line = STYLES[mark.kind]
        axes.axvline(x, color=LIGHT[colour], linestyle=line, linewidth=1.2)
        if len(found.marks) <= NUMBERED:
            axes.annotate(
                str(number), (x, 1), (0, 3), xycoords=("data", "axes fraction"),
                textcoords="offset points", ha="center", fontsize=9, color=LIGHT[colour],
            )  # fmt: skip


def _span(found: Trend) -> tuple[float, float]:
    """The upright axis: what is drawn, with some room, and never less than a tenth of its top."""
    ends = [
        end
        for points in found.lines.values()
        for each in points
        for end in (each.estimate.mean, each.estimate.low, each.estimate.high)
        if end is not None
    ]
    low, high = min(ends), max(ends)
    room = max(high - low, 0.1 * abs(high), 1e-6)
    return low - 0.06 * room, high + 0.06 * room


def satisfaction_chart(satisfied: Sequence[Satisfaction]) -> Chart:
    """How people in service scored answers, a point a model and period."""
    times = sorted({each.since for each in satisfied})
    lines: dict[str, list[Point]] = {}
    for each in satisfied:
        point = Point(times.index(each.since), each.since, each.estimate)
        lines.setdefault(each.model or "unknown model", []).append(point)
    found = Trend(SATISFIED, {name: tuple(lines[name]) for name in lines}, tuple(times), ())
    return replace(_drawn(found, SATISFIED, ""), note="↑ higher is better. Nobody drew who scores.")
