"""Estimates that respect the unit of independence: the contract, not the question."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over `n` cases of `clusters` contracts, with its interval.

    `low` and `high` are None with fewer than two contracts: nothing is known of the spread.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    clusters: int


def cluster_mean(
    values: Sequence[float],
    clusters: Sequence[str],
    alpha: float = 0.05,
    *,
    share: bool = False,
) -> Estimate:
    """Mean with a cluster-robust t interval at two-sided level 1 - 2 * alpha.

    With residuals r summed within each of G clusters to s_g, the variance of the mean of n values
    is G / (G - 1) * sum(s_g ** 2) / n ** 2, and t has G - 1 degrees of freedom (Miller 2024,
    arXiv 2411.00640, eq. 4; Cameron and Miller 2015 for the small-sample factor). Each end of the
    interval is thus a one-sided bound at level 1 - alpha.

    A share lies in 0..1, and so does its interval. Where every value is 0, or every value is 1,
    the residuals say nothing; the interval is then Wilson's for as many trials as contracts.

    Args:
        values: shape (n,).
        clusters: shape (n,), the contract of each value.
        alpha: risk of each end.
        share: whether values are shares in 0..1.

    Raises:
        ValueError: there are no values.
    """
    import numpy as np
    from scipy import stats
    from statsmodels.stats.proportion import proportion_confint

    if not len(values):
        raise ValueError("no values to average")
    scores = np.asarray(values, dtype=float)
    _, members = np.unique(np.asarray(clusters, dtype=object).astype(str), return_inverse=True)
    groups = int(members.max()) + 1
    mean = float(scores.mean())
    if groups < 2:
        return Estimate(mean, None, None, len(scores), groups)
    if share and mean in (0.0, 1.0):
        low, high = proportion_confint(mean * groups, groups, 2 * alpha, method="wilson")
        return Estimate(mean, float(low), float(high), len(scores), groups)
    sums = np.bincount(members, weights=scores - mean, minlength=groups)
    error = np.sqrt(groups / (groups - 1) * float(sums @ sums)) / len(scores)
    reach = float(stats.t.ppf(1 - alpha, groups - 1) * error)
    low, high = mean - reach, mean + reach
    if share:
        low, high = max(low, 0.0), min(high, 1.0)
    return Estimate(mean, low, high, len(scores), groups)
