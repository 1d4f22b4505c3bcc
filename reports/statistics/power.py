"""What an exam can show before it is asked, and how much more it would need.

All of it is for the test of `paired.py`: a cluster-robust t over G contracts. Its power is taken
from the noncentral t with G - 1 degrees of freedom and noncentrality effect / error, which
is that of a one-sample t-test on G contracts (statsmodels' TTestPower).
"""


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


def power_of(effect: float, error: float, contracts: int, alpha: float = 0.05) -> float:
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
    from statsmodels.stats.power import TTestPower

    if contracts < 2 or not error > 0:
        raise ValueError("power needs two contracts or more and an error above 0")
    size = effect / (error * contracts**0.5)
    return float(TTestPower().power(size, contracts, alpha, alternative="larger"))


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
