"""How the scores of cases are spread: a mean of 0.5 may be half of everything, or all of half."""

from collections.abc import Sequence
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
from reports.report import Report
from reports.views.wording import metrics_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Scores of the cases"

BINS = 10
MOST = 8
"""Metrics that are drawn: first those that gate."""

ABREAST, LEFT, PANEL, ABOVE, BELOW, APART = 2, 34.0, 90.0, 26.0, 26.0, 40.0
"""Panels in a row, and pixels at their left, of each, above, below and between them."""


@dataclass(frozen=True, slots=True)
class Spread:
    """One metric of all models: of each the part of its scored cases in every tenth of 0..1."""

    metric: str
    shares: tuple[tuple[float, ...], ...]
    cases: tuple[int, ...]


def spreads(report: Report) -> tuple[Spread, ...]:
    """Of every share that some case has in part, those that gate first.

    Of what is 0 or 1 of every case the mean says all.
    """
    models = [group.model for group in report.summary]
    values: dict[str, dict[str, list[float]]] = {}
    for result in report.results:
        for metric, score in result.scores.items():
            if score is not None and not report.unit_of(metric):
                values.setdefault(metric, {}).setdefault(result.model, []).append(score)
    graded = [
        metric
        for metric in metrics_of(report.summary, report.metrics)
        if any(0 < score < 1 for scores in values.get(metric, {}).values() for score in scores)
    ]
    gating = set(report.gating)
    return tuple(
        Spread(
            metric,
            tuple(_shares(values[metric].get(model, ())) for model in models),
            tuple(len(values[metric].get(model, ())) for model in models),
        )
        for metric in sorted(graded, key=lambda metric: metric not in gating)
    )


def _shares(scores: Sequence[float]) -> tuple[float, ...]:
    """The part of the scores in each bin; the last holds 1, and none of no score."""
    counts = [0] * BINS
    for score in scores:
        counts[min(max(int(score * BINS), 0), BINS - 1)] += 1
    return tuple(count / len(scores) if scores else 0.0 for count in counts)


def distributions_chart(report: Report) -> Chart:
    """A panel a metric, a line a model."""
    found = spreads(report)
    if not found:
        why = "The contracts are sealed: no case is known."
        if not report.header.dataset.sealed:
            why = "No metric has a score between 0 and 1: the means say all."
        return none(TITLE, why)
    models = [group.model for group in report.summary]
    shown = found[:MOST]
    rows = -(-len(shown) // ABREAST)
    height = key_height(models) + rows * (ABOVE + PANEL + BELOW)
    said = [
        _said(each, model, number) for each in shown for number, model in enumerate(models[:FEW])
    ]
    more = ", ".join(each.metric for each in found[MOST:])
    said += [f"Not drawn: {more}"] if more else []
    words = "\n".join([*said, left_out(models)]).strip()
    return draw(lambda figure: _paint(figure, shown, models), height, TITLE, words)


def _paint(figure: "Figure", found: Sequence[Spread], models: Sequence[str]) -> None:
    key(figure, models, LEFT)
    across = (WIDTH - LEFT) / ABREAST
    for number, each in enumerate(found):
        row, column = divmod(number, ABREAST)
        top = key_height(models) + row * (ABOVE + PANEL + BELOW) + ABOVE
        _panel(place(figure, LEFT + column * across, top, across - APART, PANEL), each)


def _panel(axes: "Axes", found: Spread) -> None:
    middles = [(bin_ + 0.5) / BINS for bin_ in range(BINS)]
    for number, shares in enumerate(found.shares[:FEW]):
        if found.cases[number]:
            axes.plot(middles, shares, linewidth=1.5, **{**series(number), "markersize": 3.5})
    most = max(max(shares) for shares in found.shares[:FEW])
    axes.set_ylim(-0.04 * most, 1.08 * most or 1)
    axes.set_yticks([0, most], ["0", f"{most:.0%}"])
    axes.tick_params(axis="y", labelcolor=LIGHT["quiet"], labelsize=10)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_title(fitted(found.metric, (WIDTH - LEFT) / ABREAST - APART, 11, bold=True))
    axes.grid(axis="x")


def _said(found: Spread, model: str, number: int) -> str:
    cases = found.cases[number]
    if not cases:
        return f"{found.metric} of {model}: no score"
    parts = ", ".join(
        f"{bin_ / BINS:g}–{(bin_ + 1) / BINS:g} {share:.1%}"
        for bin_, share in enumerate(found.shares[number])
        if share
    )
    return f"{found.metric} of {model}, {cases:,} cases: {parts}"
