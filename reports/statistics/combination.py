"""How much several judges of one thing should count, by the errors that each made before."""

from collections.abc import Mapping

PRIOR = 50
"""Labelled answers that the errors of all judges together weigh beside those of one."""

LEAST = 0.2**2 / 12
"""Variance of a label that was rounded to steps of 0.2: no judge is known to be nearer."""


def inverse_error_weights(errors: Mapping[str, tuple[float, int]]) -> dict[str, float]:
    """Weights that sum to 1, each inverse to a judge's mean squared error, drawn to equal ones.

    With independent and unbiased errors these are the weights of the mean with the least variance;
    leaving correlations out is what holds up where they would have to be estimated (Bates and
    Granger 1969, Operational Research Quarterly 20, 451-468). An error that was measured on n
    answers is drawn to the mean of all judges' errors as if that had been seen on `PRIOR` answers
    more, so that short exams give nearly equal weights.

    Args:
        errors: of each judge, the mean squared error and the number of answers that it is of.

    Raises:
        ValueError: an error is negative or not finite, or is of no answer.

    >>> found = inverse_error_weights({"exact": (0.02, 250), "rough": (0.06, 250)})
    >>> {name: round(weight, 2) for name, weight in found.items()}
    {'exact': 0.71, 'rough': 0.29}
    >>> found = inverse_error_weights({"exact": (0.02, 10), "rough": (0.06, 10)})
    >>> {name: round(weight, 2) for name, weight in found.items()}
    {'exact': 0.54, 'rough': 0.46}
    """
    if not all(0 <= error < float("inf") and count > 0 for error, count in errors.values()):
        raise ValueError(f"mean squared errors and counts of answers, not {dict(errors)}")
    if not errors:
        return {}
    answers = sum(count for _, count in errors.values())
    pooled = sum(error * count for error, count in errors.values()) / answers
    drawn = {
        name: max((error * count + PRIOR * pooled) / (count + PRIOR), LEAST)
        for name, (error, count) in errors.items()
    }
    total = sum(1 / error for error in drawn.values())
    return {name: 1 / error / total for name, error in drawn.items()}
