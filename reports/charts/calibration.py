"""Whether confidence says how often a model is right, and a judge's score what people give."""

from collections.abc import Iterator, Sequence
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
from reports.report import Report, ReportedResult, Section
from reports.sections.judge_curve import BINS as BY_SCORE
from reports.sections.judge_curve import JUDGE, NAME, PEOPLE
from reports.statistics.estimates import Estimate
from reports.statistics.intervals import cluster_mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE, JUDGED = "Calibration of confidence", "A judge beside people"

RIGHT = 0.5
"""Of token_f1, or of abstention where the contract does not answer: as in the exam as a whole."""

LEFT, SIDE = 64.0, 300.0


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers that are given about as much: the mean of it, and of what it should say."""

    given: float
    found: Estimate


@dataclass(frozen=True, slots=True)
class Curve:
    """One model's answers by confidence, or one judge's by its score.

    `error` is the expected calibration error; None of a judge.
    """

    name: str
    bins: tuple[Bin, ...]
    error: float | None = None


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
    said = [f"{_error(each)}. Confidence → share that is right: {_points(each)}" for each in found]
    return _chart(TITLE, found, said, ("confidence", "share that is right"))


def judge_chart(report: Report) -> Chart:
    """A point a fifth of the judge's scores; on the diagonal it gives what people give."""
    found = judged(report)
    if not found:
        return none(JUDGED, "No judge scored an answer that people have scored too.")
    said = [f"{each.name}. Judge → people: {_points(each)}" for each in found]
    return _chart(JUDGED, found, said, ("mean score of the judge", "mean score of people"))


def judged(report: Report) -> tuple[Curve, ...]:
    """Of every judge that took its own exam, and of answers of this one that people labelled."""
    section = report.section(NAME)
    if section is None:
        return ()
    subjects = dict.fromkeys(each.subject for each in section.findings)
    return tuple(Curve(subject, tuple(_by_score(section, subject))) for subject in subjects)


def _by_score(section: Section, subject: str) -> Iterator[Bin]:
    for name in BY_SCORE:
        judge = section.of(subject, JUDGE.format(name))
        people = section.of(subject, PEOPLE.format(name))
        if judge and people and judge.estimate and people.estimate:
            yield Bin(judge.estimate.mean, people.estimate)


def _chart(
    title: str, found: Sequence[Curve], said: Sequence[str], labels: tuple[str, str]
) -> Chart:
    names = [each.name for each in found]
    words = "\n".join([*said[:FEW], left_out(names)]).strip()
    height = key_height(names) + 8 + SIDE + 40
    return draw(lambda figure: _paint(figure, found[:FEW], labels), height, title, words)


def _paint(figure: "Figure", found: Sequence[Curve], labels: tuple[str, str]) -> None:
    names = [each.name for each in found]
    key(figure, names, LEFT)
    axes = place(figure, LEFT, key_height(names) + 8, WIDTH - LEFT - 20, SIDE)
    least = min(point.given for each in found for point in each.bins)
    start = min(int(10 * least) / 10, 0.9)
    axes.plot([start, 1], [start, 1], color=LIGHT["quiet"], linestyle=(0, (4, 3)), linewidth=1)
    for number, each in enumerate(found):
        style = series(number)
        for point in each.bins:
            low, high = point.found.low, point.found.high
            if low is not None and high is not None:
                axes.plot([point.given] * 2, [low, high], color=style["color"], linewidth=1.3)
        axes.plot(
            [point.given for point in each.bins],
            [point.found.mean for point in each.bins],
            linewidth=1, **style,
        )  # fmt: skip
    axes.set_xlim(start, 1.01)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.tick_params(axis="y", labelcolor=LIGHT["quiet"], labelsize=10)
    axes.grid()


def _error(found: Curve) -> str:
    return f"{found.name}: expected calibration error {found.error:.3f}"


def _points(found: Curve) -> str:
    return ", ".join(
        f"{point.given:.2f} → {point.found:.2f} of {point.found.n:,}" for point in found.bins
    )
