"""Whether an answer's confidence says how likely it is to be right."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, isnan
from typing import TYPE_CHECKING

from evals.results import Score

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BINS = 10


@dataclass(frozen=True, slots=True)
class Calibration:
    """Confidence against correctness; each value in 0..1, or None with the reason.

    Attributes:
        cases: those with a confidence and a correctness.
        left_out: those that lack one.
        ece: expected calibration error over bins of equal mass: the gap between mean confidence
            and mean correctness, weighed by the bin's cases; lower is better. Naeini et al. 2015;
            equal mass as in Nixon et al. 2019.
        brier: mean squared difference of confidence and correctness; lower is better. Brier 1950.
        auroc: chance that a right answer has the higher confidence than a wrong one, ties half;
            an answer that is 0.7 right is right with weight 0.7 and wrong with weight 0.3.
        aurc: mean error of the k most confident answers over all k, the area under risk and
            coverage; lower is better. Geifman and El-Yaniv 2017.
    """

    cases: int
    left_out: int
    ece: Score
    brier: Score
    auroc: Score
    aurc: Score


def calibration(
    log_probabilities: Sequence[float | None],
    correctness: Sequence[float | None],
    bins: int = BINS,
) -> Calibration:
    """Calibrate mean log-probabilities of answers (`Answer.confidence`) against correctness.

    Confidence is exp(mean log-probability), the geometric mean of the token probabilities.
    Answers of the same confidence share their mean correctness, so that no order matters.

    Args:
        log_probabilities: one per answer, at most 0; None or NaN where the model gives none.
        correctness: in 0..1, aligned with them; None where it could not be scored.
        bins: at most this many, each with as many answers as the next, give or take one.

    Raises:
        ValueError: the two differ in length.

    >>> from math import log
    >>> found = calibration([log(0.9), log(0.8), log(0.6), None], [1.0, 1.0, 0.0, 1.0])
    >>> found.cases, found.left_out, round(found.brier.value, 3), found.auroc.value
    (3, 1, 0.137, 1.0)
    """
    pairs = [
        (exp(min(given, 0.0)), right)
        for given, right in zip(log_probabilities, correctness, strict=True)
        if given is not None and right is not None and not isnan(given)
    ]
    left_out = len(log_probabilities) - len(pairs)
    if not pairs:
        silent = all(given is None or isnan(given) for given in log_probabilities)
        none = Score(None, "no confidence given" if silent else "no answer has both scores")
        return Calibration(0, left_out, none, none, none, none)

    import numpy as np

    confident, right = np.array(sorted(pairs, reverse=True)).T
    shared = _tied(confident, right)
    count = np.arange(1, len(pairs) + 1)
    return Calibration(
        cases=len(pairs),
        left_out=left_out,
        ece=Score(_calibration_error(confident, shared, bins)),
        brier=Score(float(np.mean((confident - right) ** 2))),
        auroc=_auroc(confident, right),
        aurc=Score(float(np.mean(np.cumsum(1 - shared) / count))),
    )


def _tied(confident: "NDArray[np.float64]", right: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """The mean correctness of the answers that are as confident."""
    import numpy as np

    _, group, sizes = np.unique(confident, return_inverse=True, return_counts=True)
    means: NDArray[np.float64] = np.bincount(group, weights=right) / sizes
    return means[group]


def _calibration_error(
    confident: "NDArray[np.float64]", right: "NDArray[np.float64]", bins: int
) -> float:
    import numpy as np

    gaps = np.array_split(confident - right, min(bins, len(right)))
    return float(sum(abs(gap.sum()) for gap in gaps) / len(right))


def _auroc(confident: "NDArray[np.float64]", right: "NDArray[np.float64]") -> Score:
    import numpy as np
    from sklearn.metrics import roc_auc_score

    if not right.any():
        return Score(None, "every answer is wrong")
    if (right == 1).all():
        return Score(None, "every answer is right")
    labels = np.repeat([1, 0], len(right))
    weights = np.concatenate([right, 1 - right])
    return Score(float(roc_auc_score(labels, np.tile(confident, 2), sample_weight=weights)))
