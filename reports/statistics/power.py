"""What an exam can show before it is asked, and how much more it would need.

Power is that of the t of `bounds.py`: noncentral, with its degrees of freedom (G - 1 for G
contracts of equal size) and noncentrality effect / error. What that file adds for skewness and for
what was not seen costs a little more where contracts or differences are few.
"""

import itertools

from reports.statistics.bounds import lower_bound
from reports.statistics.clusters import Sums


def planned_error(
    contracts: int, cases: float, discordance: float = 0.1, correlation: float = 0.05
) -> float:
    """Standard error of mean(d) to be expected of right-or-wrong scores.

    sqrt(discordance * (1 + (cases - 1) * correlation) / (contracts * cases)): the variance of d
    in -1, 0, 1 at no difference, times the design effect (Kish 1965; Miller 2024, sec. 5).

    Args:
        contracts: how many.
        cases: of each contract, on average.
        discordance: share of cases that only one of the two models gets right.
        correlation: within contracts, of d.

    Raises:
        ValueError: a number is out of its range.

    >>> round(planned_error(102, 41), 4), round(planned_error(102, 41, correlation=0.0), 4)
    (0.0085, 0.0049)
    """
    if contracts < 1 or cases < 1 or not 0 <= discordance <= 1 or not 0 <= correlation <= 1:
        raise ValueError("contracts and cases are 1 or more, discordance and correlation in 0..1")
    effect = 1 + (cases - 1) * correlation
    return float((discordance * effect / (contracts * cases)) ** 0.5)


def power_of(
    effect: float,
    error: float,
    contracts: int,
    alpha: float = 0.05,
) -> float:
    """Probability that the lower bound clears the margin.

    Args:
        effect: true difference plus margin, in the unit of the scores.
        error: standard error of mean(d) over that many contracts, above 0.
        contracts: how many.
        alpha: risk of the bound.

    Raises:
        ValueError: fewer than two contracts, or no error.

    >>> round(power_of(0.02, planned_error(102, 41), 102), 2)
    0.76
    """
    from scipy import stats

    if contracts < 2 or not error > 0:
        raise ValueError("power needs two contracts or more and an error above 0")
    freedom = contracts - 1
    return float(stats.nct.sf(stats.t.isf(alpha, freedom), freedom, effect / error))


def minimum_detectable_effect(
    error: float, contracts: int, alpha: float = 0.05, power: float = 0.8
) -> float | None:
    """Smallest effect, true difference plus margin, that is found with this power.

    An exam in which it exceeds the margin cannot be counted on to pass an equal model.

    Returns:
        None with fewer than two contracts.

    Raises:
        ValueError: no error above 0, or a power not between alpha and 1.

    >>> round(minimum_detectable_effect(planned_error(102, 41), 102), 4)
    0.0212
    """
    from scipy.optimize import brentq

    if not alpha < power < 1:
        raise ValueError(f"a power of {power} is not between alpha and 1")
    if contracts < 2:
        return None
    most = error
    while power_of(most, error, contracts, alpha) < power:
        most *= 2
    return float(brentq(lambda effect: power_of(effect, error, contracts, alpha) - power, 0, most))


def required_contracts(
    effect: float,
    error: float,
    contracts: int,
    alpha: float = 0.05,
    power: float = 0.8,
    *,
    most: int = 1_000_000,
) -> int | None:
    """How many contracts like those of this exam find an effect with this power.

    The error of G contracts is error * sqrt(contracts / G). To settle an inconclusive result,
    `effect` is the distance of the observed difference from -margin; this holds as far as the
    observed difference is the true one.

    Args:
        effect: difference plus margin, in the unit of the scores; its sign does not matter.
        error: standard error of mean(d) over the contracts at hand, above 0.
        contracts: at hand.
        alpha: risk of the bound.
        power: wanted.
        most: where to stop looking.

    Returns:
        None when more than `most` would be needed.

    Raises:
        ValueError: no error above 0.

    >>> required_contracts(0.02, planned_error(102, 41), contracts=102)
    115
    """

    def enough(number: int) -> bool:
        scaled = error * (contracts / number) ** 0.5
        return power_of(abs(effect), scaled, number, alpha) >= power

    high = 2
    while not enough(high):
        high *= 2
        if high > most:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def least_reach(contracts: int, cases: float, alpha: float = 0.05) -> float:
    """How far the bound of equal answers lies from nothing: no smaller difference is ever shown.

    It is what was not seen, which `power_of` leaves out, and weighs where contracts are few.

    Args:
        contracts: how many, of equal size.
        cases: of each contract, on average.
        alpha: risk of the bound.

    >>> [round(least_reach(contracts, 24), 3) for contracts in (4, 12, 102)]
    [0.247, 0.054, 0.006]
    """
    return -float(lower_bound(_alike(contracts, cases, 0.0), "difference", alpha))


def fewest_contracts(cases: float, alpha: float = 0.05) -> int:
    """Contracts of equal size with which superiority can be shown, if every case is won.

    Fewer can show it by no answers whatever.

    Args:
        cases: of each contract, on average.
        alpha: risk of the bound.

    >>> fewest_contracts(24), fewest_contracts(1), fewest_contracts(24, alpha=0.01)
    (3, 7, 4)
    """
    return next(
        contracts
        for contracts in itertools.count(2)
        if lower_bound(_alike(contracts, cases, 1.0), "difference", alpha) > 0
    )


def _alike(contracts: int, cases: float, gained: float) -> Sums:
    """Sums of an exam in which as much is gained on every case."""
    import numpy as np

    sizes = np.full(contracts, float(cases))
    return Sums(sizes, gained * sizes, gained * sizes, 0 * sizes, 0 * sizes)
