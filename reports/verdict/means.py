"""The mean of one metric with its interval: of shares, which end at 0 and 1, and of amounts."""

import math
from collections.abc import Sequence
from dataclasses import replace

from evals.metrics.table import METRICS
from reports.statistics.bounds import Kind, p_value
from reports.statistics.clusters import summed
from reports.statistics.estimates import Estimate
from reports.statistics.intervals import cluster_mean


def metric_mean(
    metric: str, values: Sequence[float], contracts: Sequence[str], alpha: float
) -> Estimate:
    """What a report shows and a gate holds of one metric's values.

    Args:
        metric: of the table; one that it does not list is a share, if its values are.
        values: shape (n,), one or more.
        contracts: shape (n,), of each value.
        alpha: risk of each end.
    """
    found = cluster_mean(values, contracts, alpha, _kind(metric, values))
    return _positive(found) if _is_amount(metric) else found


def floor_p_value(
    metric: str, values: Sequence[float], contracts: Sequence[str], floor: float
) -> float | None:
    """Smallest risk at which the interval of `metric_mean` keeps to the floor, or the ceiling.

    Returns:
        None of one contract, and of amounts that are all the same.

    >>> right, contracts = [1.0] * 36 + [0.0] * 4, [f"contract {case % 20}" for case in range(40)]
    >>> round(floor_p_value("abstention", right, contracts, 0.7), 3)
    0.01
    """
    kind = _kind(metric, values)
    if len(set(contracts)) < 2 or (kind == "amount" and min(values) == max(values)):
        return None
    if _is_amount(metric):  # turn round what `_positive` does
        mean = sum(values) / len(values)
        floor = mean * (1 + math.log(floor / mean)) if floor > 0 else -math.inf
    if METRICS[metric].direction == "lower":
        whole = 1.0 if kind == "share" else 0.0
        values, floor = [whole - value for value in values], whole - floor
    return p_value(summed(values, contracts), kind, floor)


def _is_amount(metric: str) -> bool:
    return metric in METRICS and bool(METRICS[metric].unit)


def _kind(metric: str, values: Sequence[float]) -> Kind:
    if _is_amount(metric) or not all(0 <= value <= 1 for value in values):
        return "amount"
    return "share"


def _positive(found: Estimate) -> Estimate:
    """The interval of an amount by its logarithm, which keeps it above 0 (the delta method)."""
    if found.low is None or found.high is None:
        return found
    below, above = (found.low - found.mean) / found.mean, (found.high - found.mean) / found.mean
    return replace(found, low=found.mean * math.exp(below), high=found.mean * math.exp(above))
