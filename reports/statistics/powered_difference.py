"""Candidate minus champion as people would score it, from few labels and a judge."""

from collections.abc import Sequence
from dataclasses import replace

from reports.statistics.estimates import Estimate
from reports.statistics.intervals import cluster_mean
from reports.statistics.ppi import PredictionPowered, prediction_powered_mean


def prediction_powered_difference(
    judge: Sequence[float],
    human: Sequence[float | None],
    same: Sequence[bool],
    contracts: Sequence[str],
    alpha: float = 0.05,
    chances: Sequence[float] | None = None,
) -> PredictionPowered:
    """PPI++ estimate of the mean paired difference of people's scores, clustered by contract.

    Where both models gave the same answer nobody needs to label it: people would score it alike.
    The mean over the other cases is that of `prediction_powered_mean`, of differences; times their
    share it is the mean over all. So labels may be given to answers that differ alone, or to all:
    the estimate is of all cases both times. Its bounds are those of the mean times the share, and
    of the share times the mean, put together as squares; a share of 1 is taken as it is.

    Args:
        judge: shape (n,), the judge's score of the candidate's answer less that of the other's.
        human: shape (n,), the same of people's scores; None where not both answers are labelled.
        same: shape (n,), whether both models gave the same answer.
        contracts: shape (n,), the contract of each case.
        alpha: risk of each end; the level is 1 - 2 * alpha.
        chances: shape (n,), with which each case was drawn to be labelled; None where equal.

    Raises:
        ValueError: no answers that differ are labelled, lengths differ, or a score is not finite.

    >>> contracts = [f"contract {case // 10}" for case in range(400)]
    >>> same = [case % 5 > 1 for case in range(400)]
    >>> judge = [0.0 if alike else case % 3 / 2 - 0.6 for case, alike in enumerate(same)]
    >>> human = [None if case % 2 else judge[case] - 0.1 for case in range(400)]
    >>> found = prediction_powered_difference(judge, human, same, contracts)
    >>> print(f"labels of {found.labels.n} cases: {found.estimate:+.3f}")
    labels of 80 cases: -0.080 [-0.113, -0.048]
    """
    differ = [place for place, alike in enumerate(same) if not alike]
    if not len(judge) == len(human) == len(same) == len(contracts):
        raise ValueError(f"{len(judge)}, {len(human)}, {len(same)} values, {len(contracts)} cases")
    if all(human[place] is None for place in differ):
        raise ValueError("no answers that differ are labelled")
    found = prediction_powered_mean(
        [judge[place] for place in differ],
        [human[place] for place in differ],
        [contracts[place] for place in differ],
        alpha,
        kind="difference",
        chances=None if chances is None else [chances[place] for place in differ],
    )
    if len(differ) == len(same):
        return found
    share = cluster_mean([float(not alike) for alike in same], contracts, alpha)
    return replace(
        found, estimate=_times(found.estimate, share), labels=_times(found.labels, share)
    )


def _times(mean: Estimate, share: Estimate) -> Estimate:
    """The mean over the cases that differ times their share; `n` and `clusters` stay."""
    product = mean.mean * share.mean
    if mean.low is None or mean.high is None or share.low is None or share.high is None:
        return replace(mean, mean=product, low=None, high=None)
    fewer, more = share.mean - share.low, share.high - share.mean
    if mean.mean < 0:
        fewer, more = more, fewer
    below, above = (
        ((reach * share.mean) ** 2 + (mean.mean * part) ** 2) ** 0.5
        for reach, part in ((mean.mean - mean.low, fewer), (mean.high - mean.mean, more))
    )
    return replace(mean, mean=product, low=product - below, high=product + above)
