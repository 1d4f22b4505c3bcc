"""The mean of an exam's values with its interval: the one that is shown, and that gates hold."""

from collections.abc import Sequence

from reports.statistics.bounds import Kind, mean_bounds
from reports.statistics.clusters import Sums, summed
from reports.statistics.estimates import Estimate


def cluster_mean(
    values: Sequence[float],
    clusters: Sequence[str],
    alpha: float = 0.05,
    kind: Kind = "share",
) -> Estimate:
    """Mean with its interval at two-sided level 1 - 2 * alpha: the bounds of `mean_bounds`.

    Args:
        values: shape (n,).
        clusters: shape (n,), the contract of each value.
        alpha: risk of each end.
        kind: of the values.

    Raises:
        ValueError: there are no values, one is not finite, or the lengths differ.

    >>> right, contracts = [1, 1, 0, 1, 0, 0, 1, 1], ["a", "a", "b", "b", "c", "c", "d", "d"]
    >>> print(cluster_mean(right, contracts))
    0.625 [0.000, 1.000]
    """
    return interval(summed(values, clusters), kind, alpha)


def interval(sums: Sums, kind: Kind, alpha: float) -> Estimate:
    """The mean of one exam with its interval.

    `low` and `high` are None with one contract, and where amounts are all the same: nothing is
    known of their spread.

    >>> print(interval(summed([3.0] * 4, "abcd"), "amount", 0.05))
    3.000
    """
    counted, groups = float(sums.sizes.sum()), int((sums.sizes > 0).sum())
    mean, cases = float(sums.values.sum()) / counted, round(counted)
    if groups < 2:
        return Estimate(mean, None, None, cases, groups)
    low, high = (float(bound) for bound in mean_bounds(sums, kind, alpha))
    if kind == "amount" and high - low <= 1e-12 * abs(mean):
        return Estimate(mean, None, None, cases, groups)
    return Estimate(mean, low, high, cases, groups)
