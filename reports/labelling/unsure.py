"""Cases drawn with chances of their own: higher where models differ and the judge knows little.

A case has one random number, its place in the order of `spread`, and is drawn where that lies below
its chance. Half of what is drawn is the beginning of that order, a plain draw as it always was; for
the other half the chance rises with what the judge does not know of the case. Each chance is known,
so that labels count inversely to it and estimates are right whatever the judge is worth.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import pvariance

from evals.labels import ALL, UNSURE
from reports.labelling.draw import ToLabel, next_to_label, rows_of, spread
from reports.report import Report, ReportedResult
from reports.sections.labels import METRIC

LEAST, SLOPE = 0.04, 0.25
"""Expected square of a judge's error at a score s: LEAST + SLOPE * s * (1 - s). Fitted to the
reference judge's scores of 766 labelled answers on which it was not fitted: its error is 0.2 near 0
and 1, and 0.33 between."""


def unsure_to_label(report: Report, cases: int) -> list[ToLabel]:
    """The answers to so many cases, drawn as above: a row for each answer, in the order of places.

    The weight of a case is the root of the expected square of the judge's error in what is to be
    estimated, the models' difference, which is 0 where all gave the same answer. That makes the
    variance least (Zrnic and Candes 2024, arXiv 2403.03208). Of one model, whose mean such chances
    do not make narrower (docs/decisions/0033), and where no case has a weight, chances are equal.

    Args:
        report: of an exam.
        cases: how many; fewer are drawn where no more have a chance.
    """
    places = [0] * len(report.cases)
    for place, number in enumerate(spread([(case.contract, case.id) for case in report.cases])):
        places[number] = place
    weights = _weights(report)
    if not any(weights):
        return next_to_label(report, (), cases)
    found = draw(weights, places, cases)
    drawn = {
        report.cases[number].id: ALL if places[number] < found.plain else UNSURE
        for number in found.drawn
    }
    of = {case.id: chance for case, chance in zip(report.cases, found.chances, strict=True)}
    return [replace(row, probability=of[row.case_id]) for row in rows_of(report, drawn)]


@dataclass(frozen=True, slots=True)
class Draw:
    """What was drawn of N cases.

    Attributes:
        drawn: their numbers, in the order of places.
        plain: how many of them are the beginning of that order.
        chances: shape (N,), with which each case is drawn.
    """

    drawn: tuple[int, ...]
    plain: int
    chances: tuple[float, ...]


def draw(weights: Sequence[float], places: Sequence[int], cases: int) -> Draw:
    """So many cases, each drawn with the chance max(plain share, min(1, c * weight)).

    Half are plain, more where fewer cases than the other half have a weight. Those that come after
    have the least place over weight, which draws them in proportion to weight (sequential Poisson
    sampling: Ohlsson 1998, Journal of Official Statistics 14). c is such that the chances add up to
    the number of cases; that they are these is an approximation, close where ten are drawn or more.

    Args:
        weights: shape (N,), 0 or more.
        places: shape (N,), of the cases in the random order.
        cases: how many.

    >>> found = draw([1, 1, 3, 3, 0, 0], [3, 5, 1, 4, 2, 0], 4)
    >>> found.drawn, found.plain, [round(chance, 2) for chance in found.chances]
    ((5, 2, 0, 3), 2, [0.67, 0.67, 1.0, 1.0, 0.33, 0.33])
    """
    count, plain = len(places), _plain(weights, places, cases)
    lines = sorted(
        ((place + 0.5) / count / weight, number)
        for number, (weight, place) in enumerate(zip(weights, places, strict=True))
        if weight and place >= plain
    )
    drawn = {number for number, place in enumerate(places) if place < plain}
    drawn |= {number for _, number in lines[: cases - plain]}
    return Draw(
        tuple(sorted(drawn, key=lambda number: places[number])),
        plain,
        tuple(_chances(weights, plain / count, len(drawn))),
    )


def _chances(weights: Sequence[float], least: float, total: int) -> list[float]:
    """max(least, min(1, c * weight)) of each, where c makes them add up to the total."""
    low, high = 0.0, 1 / min((weight for weight in weights if weight), default=1.0)

    def at(line: float) -> list[float]:
        return [max(least, min(1.0, line * weight)) for weight in weights]

    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(at(middle)) < total else (low, middle)
    return at(high)


def _plain(weights: Sequence[float], places: Sequence[int], cases: int) -> int:
    weighted = sorted(place for weight, place in zip(weights, places, strict=True) if weight)
    plain, most = (cases + 1) // 2, min(cases, len(places))
    while plain < most and plain + len(weighted) - bisect_left(weighted, plain) < cases:
        plain += 1
    return min(plain, most)


def _weights(report: Report) -> list[float]:
    """Of each case, the root of the expected square of the judge's error."""
    answers: list[dict[tuple[str, ...], ReportedResult]] = [{} for _ in report.cases]
    for result in report.results:
        if result.error is None:
            answers[result.case].setdefault(tuple(result.answer.split()), result)
    return [
        math.sqrt(sum(map(_square, texts.values()))) if len(texts) > 1 else 0.0 for texts in answers
    ]


def _square(result: ReportedResult) -> float:
    """Of the judge's error in an answer."""
    score = result.scores.get(METRIC)
    votes = [vote for vote in result.votes.get(METRIC, {}).values() if vote is not None]
    return error_of(0.5 if score is None else score, votes)


def error_of(score: float, votes: Sequence[float] = ()) -> float:
    """The expected square of a judge's error; judges of a panel add what their scores spread.

    >>> error_of(0.5), round(error_of(0.5, [0.1, 0.9]), 4), error_of(1.0)
    (0.1025, 0.2625, 0.04)
    """
    said = min(max(score, 0.0), 1.0)
    return LEAST + SLOPE * said * (1 - said) + (pvariance(votes) if len(votes) > 1 else 0.0)
