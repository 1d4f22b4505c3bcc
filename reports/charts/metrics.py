"""Every metric of every model: its interval, its floor, what it may lose to the champion."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.charts.chart import (
    FEW,
    LIGHT,
    WIDTH,
    Chart,
    draw,
    key,
    key_height,
    left_out,
    none,
    place,
    series,
)
from reports.charts.fitting import fitted
from reports.report import MetricRule, Report
from reports.statistics.estimates import Estimate
from reports.views.wording import format_interval, format_value, metrics_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Metrics with intervals"

LEFT, RIGHT, TOP, BETWEEN, AXIS = 150.0, 14.0, 8.0, 12.0, 34.0
"""Pixels beside and above the panels, between metrics, and below a panel."""

LINE = 15.0
"""Pixels of one model."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric of all models.

    Attributes:
        metric: its name.
        unit: of its values.
        lower: whether less is better.
        estimates: one a model; None where it has no value.
        rule: what the gate asks.
        opponent: the champion, or the baseline where there is none; empty without either.
        theirs: its estimate, which the margin is held against.
    """

    metric: str
    unit: str
    lower: bool
    estimates: tuple[Estimate | None, ...]
    rule: MetricRule
    opponent: str
    theirs: Estimate | None

    @property
    def tolerated(self) -> tuple[float, float] | None:
        """The opponent's mean, and the mean that is worse by just the margin."""
        if self.theirs is None or not self.rule.margin:
            return None
        worse = self.rule.margin if self.lower else -self.rule.margin
        return self.theirs.mean, self.theirs.mean + worse


def metrics_chart(report: Report) -> Chart:
    """Means with their intervals: shares on one axis, every other metric on its own."""
    models = [group.model for group in report.summary]
    measured = list(_measured(report))
    if not any(any(each.estimates) for each in measured):
        return none(TITLE, "No metric has a value of any case.")
    shares = [each for each in measured if not each.unit]
    others = [[each] for each in measured if each.unit and any(each.estimates)]
    panels = [each for each in (shares, *others) if each]
    rows = min(len(models), FEW)
    block = rows * LINE + BETWEEN
    height = key_height(models) + sum(len(each) * block + TOP + AXIS for each in panels)
    said = [_said(each, models) for each in measured]
    words = "\n".join([*said, left_out(models)]).strip()
    return draw(lambda figure: _paint(figure, panels, models, block), height, TITLE, words)


def _measured(report: Report) -> Iterator[Measured]:
    by_role = {model.role: model.name for model in reversed(report.header.models)}
    opponent = by_role.get("champion") or by_role.get("baseline") or ""
    for metric in metrics_of(report.summary, report.metrics):
        found = {group.model: group.estimates.get(metric) for group in report.summary}
        yield Measured(
            metric,
            report.unit_of(metric),
            report.lower_is_better(metric),
            tuple(found.values()),
            report.header.gate.metrics.get(metric, MetricRule()),
            opponent,
            found.get(opponent),
        )


def _paint(
    figure: "Figure", panels: Sequence[Sequence[Measured]], models: Sequence[str], block: float
) -> None:
    top = key_height(models)
    key(figure, models, LEFT)
    for panel in panels:
        height = len(panel) * block
        axes = place(figure, LEFT, top + TOP, WIDTH - LEFT - RIGHT, height)
        _panel(axes, panel, len(models[:FEW]), block)
        top += TOP + height + AXIS


def _panel(axes: "Axes", panel: Sequence[Measured], models: int, block: float) -> None:
    """Metrics from above, and of each the models from above, in pixels of height."""
    ticks = _ticks(panel)
    most = ticks[-1]
    height = len(panel) * block
    for row, each in enumerate(panel):
        above = height - row * block
        below = above - block + BETWEEN
        _lines(axes, each, above, below)
        for number, estimate in enumerate(each.estimates[:models]):
            _point(axes, estimate, above - (number + 0.5) * LINE, number, most)
        arrow = "↓" if each.lower else "↑"
        label = f"{fitted(each.metric, LEFT - 30, 11)} {arrow}"
        axes.text(
            -0.03, (above + below) / 2, label, ha="right", va="center_baseline",
            transform=axes.get_yaxis_transform(),
        )  # fmt: skip
    unit = panel[0].unit
    labels = [format_value(each, unit) if unit else f"{each:g}" for each in ticks]
    axes.set_xticks(ticks, labels)
    axes.get_xticklabels()[-1].set_horizontalalignment("right" if unit else "center")
    axes.set_xlim(0, most)
    axes.set_ylim(BETWEEN / 2, height + BETWEEN / 2)
    axes.set_yticks([])
    axes.grid(axis="x")


def _ticks(panel: Sequence[Measured]) -> Sequence[float]:
    """Quarters of shares; else round values, past the farthest whisker, floor or margin."""
    from matplotlib.ticker import MaxNLocator

    if not panel[0].unit:
        return [0, 0.25, 0.5, 0.75, 1]
    ends = [
        end
        for each in panel
        for end in (
            *(e.mean if e.high is None else e.high for e in each.estimates if e),
            each.rule.floor or 0.0,
            *(each.tolerated or ()),
        )
    ]
    return MaxNLocator(3).tick_values(0, max(ends, default=0.0) or 1.0)


def _lines(axes: "Axes", each: Measured, above: float, below: float) -> None:
    """The floor, and the stretch that is tolerated beside the opponent."""
    if each.tolerated:
        low, high = sorted(each.tolerated)
        axes.fill_between([low, high], below, above, color=LIGHT["unsure"], alpha=0.18, linewidth=0)
    if each.rule.floor is not None:
        axes.plot(
            [each.rule.floor] * 2, [below - 2, above + 2],
            color=LIGHT["fail"], linestyle=(0, (3, 2)), linewidth=1.5,
        )  # fmt: skip


def _point(axes: "Axes", found: Estimate | None, at: float, number: int, most: float) -> None:
    if found is None:
        axes.text(0.01 * most, at, "no value", va="center", fontsize=9, color=LIGHT["quiet"])
        return
    style = series(number)
    if found.low is not None and found.high is not None:
        ends = [min(max(end, 0.0), most) for end in (found.low, found.high)]
        axes.plot(ends, [at, at], color=style["color"], linewidth=1.8, solid_capstyle="butt")
    axes.plot([min(max(found.mean, 0.0), most)], [at], linestyle="none", **style)


def _said(each: Measured, models: Sequence[str]) -> str:
    better = "lower" if each.lower else "higher"
    values = [
        f"{model} no value"
        if found is None
        else f"{model} {format_value(found.mean, each.unit)} {format_interval(found, each.unit)}"
        for model, found in zip(models, each.estimates, strict=True)
    ][:FEW]
    line = f"{each.metric} ({better} is better): {', '.join(values)}"
    if each.rule.floor is not None:
        line += f"; floor {each.rule.floor:g}"
    if each.tolerated:
        line += f"; margin {each.rule.margin:g} from {each.opponent}, to {each.tolerated[1]:z.3f}"
    return line
