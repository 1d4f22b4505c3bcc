"""The mean of one metric with its interval: of shares, which end at 0 and 1, and of amounts."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from evals.metrics.table import METRICS
from reports.bootstrap import shown_mean
from reports.statistics import Estimate


def metric_mean(
    metric: str,
    values: Sequence[float],
    contracts: Sequence[str],
    alpha: float,
    estimated: Callable[..., Estimate] = shown_mean,
) -> Estimate:
    """What a report shows and a gate holds of one metric's values.

    Args:
        metric: of the table; one that it does not list is a share.
        values: shape (n,), one or more.
        contracts: shape (n,), of each value.
        alpha: risk of each end.
        estimated: `shown_mean`, or `cluster_mean` for the many groups of a report.

    Returns:
        `low` and `high` are None of one contract, and of amounts that are all the same: nothing
        is known of the spread.
    """
    if len(set(contracts)) < 2:
        return Estimate(sum(values) / len(values), None, None, len(values), 1)
    share = metric not in METRICS or not METRICS[metric].unit
    found = estimated(values, contracts, alpha, share=share)
    return found if share else _positive(found)


def _positive(found: Estimate) -> Estimate:
    """The interval of an amount by its logarithm, which keeps it above 0 (the delta method)."""
    if found.low is None or found.high is None or found.low == found.high:
        return replace(found, low=None, high=None)
    below, above = (found.low - found.mean) / found.mean, (found.high - found.mean) / found.mean
    return replace(found, low=found.mean * math.exp(below), high=found.mean * math.exp(above))
