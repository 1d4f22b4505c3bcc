"""How much of what an exam measures is the drawing of answers, and not the cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance


@dataclass(frozen=True, slots=True)
class Drawing:
    """The variance of one answer's score, in its two parts.

    Attributes:
        deviation: standard deviation of a case's score from draw to draw.
        share: of the variance of a single answer's score that is drawing; None where there is none.
        of_mean: the share that is left of it in a case's mean; None where there is none.
        cases: from how many.
    """

    deviation: float
    share: float | None
    of_mean: float | None
    cases: int


def drawing(scores: Sequence[Sequence[float]]) -> Drawing:
    """Within and between cases, by one-way analysis of variance.

    Args:
        scores: of each case, as often as it was asked: twice or more, each as often as the others;
            of two cases or more.

    Source: Searle, Casella, McCulloch 1992, Variance Components, 3.6 (balanced data).

    >>> found = drawing([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [1.0, 1.0]])
    >>> round(found.deviation, 3), round(found.share, 3), found.cases
    (0.354, 0.429, 4)
    """
    repeats = len(scores[0])
    within = fmean(variance(of_case) for of_case in scores)
    of_means = variance([fmean(of_case) for of_case in scores])
    between = max(of_means - within / repeats, 0.0)
    return Drawing(
        deviation=within**0.5,
        share=within / (within + between) if within + between else None,
        of_mean=within / repeats / (within / repeats + between) if within + between else None,
        cases=len(scores),
    )
