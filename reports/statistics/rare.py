"""Bounds that hold where few cases tell of a share, or none: what was not seen may still be there.

t knows the spread that was seen. Where nearly all cases agree there is little to see, and the
interval of t is too narrow, or has no width at all.
"""

from typing import TYPE_CHECKING

from reports.statistics.estimates import cluster_error

if TYPE_CHECKING:
    from reports.statistics.estimates import Floats


Moments = tuple["Floats", "Floats"]
CORRELATION = 0.05
"""Within contracts, of what has hardly been seen; as exams are planned."""

EVENTS = 10
"""Cases out of line with the others that weigh as much as that assumption."""


def share_bounds(
    sums: "Floats", squares: "Floats", sizes: "Floats", alpha: float
) -> tuple["Floats", "Floats"]:
    """Bounds of the mean of values in 0..1, each one-sided at level 1 - alpha.

    Those of Clopper and Pearson, for as many independent cases as say as much: n over the design
    effect, and less by the square of two t's for few contracts (Korn and Graubard 1998, Survey
    Methodology 24). The design effect is that of the data, as far as `EVENTS` cases or more are
    out of line with the others, and that of `CORRELATION` where none is; likewise values between 0
    and 1 spread less than right and wrong, as far as they were seen to. Contracts count by Kish's
    n ** 2 / sum(n_g ** 2), so that a few large ones are few.

    Args:
        sums: shape (..., G), sum of each contract's values.
        squares: shape (..., G), sum of their squares.
        sizes: shape (G,), number of each contract's cases; two contracts or more.
        alpha: risk of each bound.

    >>> import numpy as np
    >>> right = sizes = np.full(20, 10.0)
    >>> [round(float(bound), 3) for bound in share_bounds(right, right, sizes, alpha=0.05)]
    [0.977, 1.0]
    """
    import numpy as np
    from scipy import stats

    cases, pairs = float(sizes.sum()), float(sizes @ sizes)
    mean, error = cluster_error(sums, sizes)
    mean = np.clip(mean, 0.0, 1.0)  # of rounding
    binary = mean * (1 - mean)
    spread = np.clip(squares.sum(axis=-1) / cases - np.square(mean), 0.0, binary)
    seen = _over(np.square(error) * cases, spread)
    weight = np.minimum(mean, 1 - mean) * cases
    assumed = 1 + (pairs / cases - 1) * CORRELATION
    effect = np.maximum((weight * seen + EVENTS * assumed) / (weight + EVENTS), 1.0)
    graded = (weight * _over(spread, binary) + EVENTS) / (weight + EVENTS)
    few = stats.t.isf(alpha, max(cases**2 / pairs - 1, 1)) / stats.t.isf(alpha, cases - 1)
    trials = cases / effect / graded / max(float(few), 1.0) ** 2
    hits = mean * trials
    with np.errstate(all="ignore"):
        low = np.where(mean > 0, stats.beta.ppf(alpha, hits, trials - hits + 1), 0.0)
        high = np.where(mean < 1, stats.beta.isf(alpha, hits + 1, trials - hits), 1.0)
    return low, high


def _over(value: "Floats", unit: "Floats") -> "Floats":
    """Their ratio, 1 where both are nothing."""
    import numpy as np

    ratio: Floats = np.where(unit > 0, value / np.where(unit > 0, unit, 1.0), 1.0)
    return ratio


def difference_bounds(
    gained: Moments, lost: Moments, sizes: "Floats", alpha: float
) -> tuple["Floats", "Floats"]:
    """Bounds of the mean of differences in -1..1, each one-sided at level 1 - alpha.

    What is gained and what is lost are two shares. The lower bound takes the upper one of what is
    lost, and of the rest the gain that was seen; the upper bound turns that round.

    Args:
        gained: of each contract's differences above 0, their sums and the sums of their squares,
            each of shape (..., G).
        lost: of those below 0, without their sign.
        sizes: shape (G,), number of each contract's cases; two contracts or more.
        alpha: risk of each bound.

    >>> import numpy as np
    >>> none, sizes = np.zeros(20), np.full(20, 10.0)
    >>> bounds = difference_bounds((none, none), (none, none), sizes, alpha=0.05)
    >>> [round(float(bound), 3) for bound in bounds]
    [-0.023, 0.023]
    """
    return _least(gained, lost, sizes, alpha), -_least(lost, gained, sizes, alpha)


def _least(gained: Moments, lost: Moments, sizes: "Floats", alpha: float) -> "Floats":
    """Lower bound of the mean of gained less lost."""
    import numpy as np

    worst = share_bounds(*lost, sizes, alpha)[1]
    kept = sizes.sum() - lost[0].sum(axis=-1)
    share = np.where(kept > 0, gained[0].sum(axis=-1) / np.where(kept > 0, kept, 1.0), 0.0)
    least: Floats = (1 - worst) * share - worst
    return least
