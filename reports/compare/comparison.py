"""What each metric says of two models of written reports."""

from dataclasses import dataclass, replace

from reports.compare.sides import Sides
from reports.statistics.estimates import Estimate
from reports.statistics.paired import cluster_mcnemar, compare_means, mcnemar_exact


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """What the two show. The difference is B - A in the metric's own direction; wins are B's.

    `p_value` is two-sided and None with one contract. `exact` and `by_contract` are McNemar's,
    for scores of 0 and 1 alone: the first takes cases for independent, the second does not and
    is None where no contract gained more than it lost. `unpaired` cases lack a score on a side.
    """

    metric: str
    mean_a: float
    mean_b: float
    difference: Estimate
    p_value: float | None
    wins: int
    losses: int
    ties: int
    unpaired: int
    exact: float | None
    by_contract: float | None


def compare(metric: str, sides: Sides) -> MetricComparison | None:
    """Compare one metric; None where no case was scored on both sides.

    The interval is at the level of B's gate file, as in B's report. The p-value is twice the
    smaller of the two one-sided p-values of `compare_means`.
    """
    met = [
        (one.scores.get(metric), two.scores.get(metric), sides.b.cases[two.case].contract)
        for one, two in sides.results()
        if metric in one.scores or metric in two.scores
    ]
    scored = [(x, y, contract) for x, y, contract in met if x is not None and y is not None]
    if not scored:
        return None
    a, b = [x for x, _, _ in scored], [y for _, y, _ in scored]
    contracts = [contract for _, _, contract in scored]
    lower = sides.b.lower_is_better(metric)
    better, worse = (a, b) if lower else (b, a)
    alpha = sides.b.header.gate.alpha
    gain = compare_means(better, worse, contracts, alpha=alpha)
    loss = compare_means(worse, better, contracts, alpha=alpha)
    p_values = [found.p_value for found in (gain, loss) if found.p_value is not None]
    wins = sum(x > y for x, y in zip(better, worse, strict=True))
    losses = sum(x < y for x, y in zip(better, worse, strict=True))
    binary = {*a, *b} <= {0.0, 1.0}
    right = [x == 1 for x in better], [x == 1 for x in worse]
    return MetricComparison(
        metric=metric,
        mean_a=sum(a) / len(a),
        mean_b=sum(b) / len(b),
        difference=_turned(gain.difference) if lower else gain.difference,
        p_value=min(1.0, 2 * min(p_values)) if p_values else None,
        wins=wins,
        losses=losses,
        ties=len(scored) - wins - losses,
        unpaired=len(met) - len(scored),
        exact=mcnemar_exact(wins, losses) if binary else None,
        by_contract=cluster_mcnemar(*right, contracts) if binary else None,
    )


def _turned(estimate: Estimate) -> Estimate:
    """The estimate of the opposite difference."""
    if estimate.low is None or estimate.high is None:
        return replace(estimate, mean=-estimate.mean)
    return replace(estimate, mean=-estimate.mean, low=-estimate.high, high=-estimate.low)
