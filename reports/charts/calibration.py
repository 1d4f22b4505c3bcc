"""Whether a model that is more confident is more often right."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING

from evals.metrics.confidence import BINS, calibration
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
from reports.report import Report, ReportedResult
from reports.statistics.estimates import Estimate
from reports.statistics.intervals import cluster_mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Calibration of confidence"

RIGHT = 0.5
"""Of token_f1, or of abstention where the contract does not answer: as in the exam as a whole."""

LEFT, SIDE = 64.0, 300.0


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of like confidence: its mean, and the share that is right."""

    confidence: float
    right: Estimate


@dataclass(frozen=True, slots=True)
class Curve:
    """One model's answers by confidence; `error` is the expected calibration error."""

    model: str
    bins: tuple[Bin, ...]
    error: float


def curves(report: Report) -> tuple[Curve, ...]:
    """Of every model that gives a confidence, by at most ten bins of about as many answers each.

    Confidence is the geometric mean of the probabilities of an answer's tokens. Answers that are
    as confident are never parted.
    """
    found = []
    for model, results in report.by_case.items():
        known = [
            (each.confidence, right, report.cases[each.case].contract)
            for each in results.values()
            if each.error is None and each.confidence is not None
            if (right := _right(report, each)) is not None
        ]
        if not known:
            continue
        error = calibration([each[0] for each in known], [each[1] for each in known]).ece.value
        assert error is not None
        rows = [(exp(min(logs, 0.0)), right, contract) for logs, right, contract in known]
        found.append(Curve(model, _bins(rows, report.header.gate.alpha), error))
    return tuple(found)


def _right(report: Report, result: ReportedResult) -> float | None:
    metric = "token_f1" if report.cases[result.case].expected else "abstention"
    score = result.scores.get(metric)
    return None if score is None else float(score >= RIGHT)


def _bins(rows: list[tuple[float, float, str]], alpha: float) -> tuple[Bin, ...]:
    import numpy as np

    rows.sort()
    confidence = np.array([row[0] for row in rows])
    ends = np.quantile(confidence, np.arange(1, BINS) / BINS, method="inverted_cdf")
    number = np.searchsorted(np.unique(ends), confidence)
    found = []
    for place_ in np.unique(number):
        chosen = [row for row, its in zip(rows, number, strict=True) if its == place_]
        mean = sum(row[0] for row in chosen) / len(chosen)
        right = cluster_mean([row[1] for row in chosen], [row[2] for row in chosen], alpha)
        found.append(Bin(mean, right))
    return tuple(found)


def calibration_chart(report: Report) -> Chart:
    """A point a bin, with its interval; on the diagonal confidence is what it says."""
    found = curves(report)
    if not found:
        why = "No model gives a confidence beside an answer that has a score."
        if report.header.dataset.sealed:
            why = "The contracts are sealed: no answer is known."
        return none(TITLE, why)
    models = [each.model for each in found]
    words = "\n".join([*map(_said, found[:FEW]), left_out(models)]).strip()
    return draw(
        lambda figure: _paint(figure, found[:FEW]), key_height(models) + 8 + SIDE + 40, TITLE, words
    )


def _paint(figure: "Figure", found: Sequence[Curve]) -> None:
    models = [each.model for each in found]
    key(figure, models, LEFT)
    axes = place(figure, LEFT, key_height(models) + 8, WIDTH - LEFT - 20, SIDE)
    least = min(point.confidence for each in found for point in each.bins)
    start = min(int(10 * least) / 10, 0.9)
    axes.plot([start, 1], [start, 1], color=LIGHT["quiet"], linestyle=(0, (4, 3)), linewidth=1)
    for number, each in enumerate(found):
        style = series(number)
        for point in each.bins:
            low, high = point.right.low, point.right.high
            if low is not None and high is not None:
                axes.plot([point.confidence] * 2, [low, high], color=style["color"], linewidth=1.3)
        axes.plot(
            [point.confidence for point in each.bins],
            [point.right.mean for point in each.bins],
            linewidth=1, **style,
        )  # fmt: skip
    axes.set_xlim(start, 1.01)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("confidence")
    axes.set_ylabel("share that is right")
    axes.tick_params(axis="y", labelcolor=LIGHT["quiet"], labelsize=10)
    axes.grid()


def _said(found: Curve) -> str:
    points = ", ".join(
        f"{point.confidence:.2f} → {point.right:.2f} of {point.right.n:,}" for point in found.bins
    )
    return (
        f"{found.model}: expected calibration error {found.error:.3f}. Confidence → share that is "
        f"right: {points}"
    )
