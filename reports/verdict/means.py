"""The mean of one metric with its interval: of shares, which end at 0 and 1, and of amounts."""

import math
from collections.abc import Sequence
from dataclasses import replace

from evals.metrics.table import METRICS
from reports.statistics.bootstrap import gated_mean, outer
from reports.statistics.estimates import Estimate, cluster_mean, cluster_sums
from reports.statistics.rare import share_bounds


def metric_mean(
    metric: str,
    values: Sequence[float],
    contracts: Sequence[str],
    alpha: float,
    *,
    whole: bool = True,
) -> Estimate:
    """What a report shows and a gate holds of one metric's values.

    Of a share each end is the outer one of `gated_mean` and of `share_bounds`, which know of what
    was not seen.

    Args:
        metric: of the table; one that it does not list is a share.
        values: shape (n,), one or more.
        contracts: shape (n,), of each value.
        alpha: risk of each end.
        whole: of an exam; else one of the many groups of a report, which decide nothing and are
            shown by `cluster_mean` alone.

    Returns:
        `low` and `high` are None of one contract, and of amounts that are all the same: nothing
        is known of the spread.
    """
    if len(set(contracts)) < 2:
        return Estimate(sum(values) / len(values), None, None, len(values), 1)
    share = metric not in METRICS or not METRICS[metric].unit
    found = (gated_mean if whole else cluster_mean)(values, contracts, alpha, share=share)
    if not share:
        return _positive(found)
    if not whole:
        return found
    sums, sizes = cluster_sums(values, contracts)
    squares, _ = cluster_sums([value * value for value in values], contracts)
    low, high = share_bounds(sums, squares, sizes, alpha)
    return outer(found, replace(found, low=float(low), high=float(high)))


def _positive(found: Estimate) -> Estimate:
    """The interval of an amount by its logarithm, which keeps it above 0 (the delta method)."""
    if found.low is None or found.high is None or found.low == found.high:
        return replace(found, low=None, high=None)
    below, above = (found.low - found.mean) / found.mean, (found.high - found.mean) / found.mean
    return replace(found, low=found.mean * math.exp(below), high=found.mean * math.exp(above))
