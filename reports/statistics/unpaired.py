"""Two arms that answered different requests: the difference of their means.

Values hang together in two ways that cross: those on one contract, and those of one person. The
interval of each mean is computed by contracts, by people, and by both together, and its reach on
either side is, as variances of two-way clusters are (Cameron, Gelbach and Miller 2011, Journal of
Business & Economic Statistics 29), the root of the first two squares less the third; never less
than the larger of the first two. Reaches of two means are put together as squares, since the arms
are other requests (Zou and Donner 2008, Statistics in Medicine 27).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reports.statistics.bounds import Kind
from reports.statistics.clusters import Sums, summed
from reports.statistics.estimates import Estimate
from reports.statistics.intervals import interval

HALVINGS = 24
"""Of the risk, in search of the p-value: to one part in ten million."""


@dataclass(frozen=True, slots=True)
class Arm:
    """What one arm's requests were scored: shapes (n,) of values, contracts and people."""

    values: Sequence[float]
    contracts: Sequence[str]
    people: Sequence[str]


def two_way_mean(arm: Arm, kind: Kind = "share", alpha: float = 0.05) -> Estimate:
    """The mean of one arm, clustered by contracts and by people.

    Args:
        arm: its values.
        kind: of the values.
        alpha: risk of each end.

    Raises:
        ValueError: there are no values, one is not finite, or the lengths differ.

    >>> values = [float(n % 4 > 0) for n in range(80)]
    >>> contracts, people = [f"c{n % 20}" for n in range(80)], [f"p{n % 16}" for n in range(80)]
    >>> print(two_way_mean(Arm(values, contracts, people)))
    0.750 [0.418, 0.998]
    """
    return _mean(_summed(arm), kind, alpha)


def _summed(arm: Arm) -> tuple[Sums, Sums, Sums]:
    """By contracts, by people, and by both together."""
    pairs = zip(arm.contracts, arm.people, strict=True)
    both = [f"{len(contract)} {contract} {person}" for contract, person in pairs]
    by_contract, by_person = summed(arm.values, arm.contracts), summed(arm.values, arm.people)
    return by_contract, by_person, summed(arm.values, both)


def _mean(sums: tuple[Sums, Sums, Sums], kind: Kind, alpha: float) -> Estimate:
    ways = [interval(each, kind, alpha) for each in sums]
    mean, groups = ways[0].mean, min(each.clusters for each in ways[:2])
    below, above = (_both(*(_reach(each, side) for each in ways)) for side in ("low", "high"))
    low = None if below is None else mean - below
    high = None if above is None else mean + above
    if kind == "share":
        low = None if low is None else max(0.0, low)
        high = None if high is None else min(1.0, high)
    return Estimate(mean, low, high, ways[0].n, groups)


def difference_at(
    candidate: Arm, champion: Arm, kind: Kind = "share"
) -> Callable[[float], Estimate]:
    """Candidate minus champion, of arms that were drawn apart, by the risk of its ends.

    Args:
        candidate: what its requests were scored.
        champion: likewise.
        kind: of the values.

    Raises:
        ValueError: an arm has no values, or see `two_way_mean`.

    >>> def arm(right):
    ...     values = [float(n % 10 < right) for n in range(300)]
    ...     names = [f"{right} {n}" for n in range(300)]
    ...     return Arm(values, names, names)
    >>> found = difference_at(arm(9), arm(7))
    >>> print(f"{found(0.05):+.2f}", p_value_of(found) < 0.001)
    +0.20 [+0.14, +0.25] True
    """
    one, other = _summed(candidate), _summed(champion)
    return lambda risk: _minus(_mean(one, kind, risk), _mean(other, kind, risk))


def stratified(strata: Sequence[Estimate]) -> Estimate:
    """One difference of several strata, weighted by their cases.

    Rows of two strata are never put together: where the shares of arms differ from one to the next,
    so does what was asked, and a difference of all rows would be of that (Simpson's paradox).

    Args:
        strata: at least one difference; each with the risk of its ends that the result is to have.

    >>> week = Estimate(0.1, 0.0, 0.2, 100, 20)
    >>> print(stratified([week, week]))
    0.100 [0.029, 0.171]
    """
    total = sum(each.n for each in strata)
    weights = [each.n / total for each in strata]
    mean = sum(weight * each.mean for weight, each in zip(weights, strata, strict=True))
    groups = sum(each.clusters for each in strata)
    reaches = []
    for side in ("low", "high"):
        found = [_reach(each, side) for each in strata]
        known = [each for each in found if each is not None]
        squares = (weight * each for weight, each in zip(weights, known, strict=False))
        whole = sum(each**2 for each in squares) ** 0.5
        reaches.append(whole if len(known) == len(found) else None)
    low = None if reaches[0] is None else mean - reaches[0]
    high = None if reaches[1] is None else mean + reaches[1]
    return Estimate(mean, low, high, total, groups)


def p_value_of(at: Callable[[float], Estimate]) -> float:
    """Two-sided: twice the smallest risk at which the interval leaves nothing out; 1 at most.

    Args:
        at: the estimate with ends of this risk.

    >>> def at(risk):
    ...     reach = (0.5 - risk) / 4
    ...     return Estimate(0.1, 0.1 - reach, 0.1 + reach, 100, 20)
    >>> round(p_value_of(at), 3)
    0.2
    """
    least, most = 0.0, 0.5
    for _ in range(HALVINGS):
        middle = (least + most) / 2
        found = at(middle)
        if "FAIL" in (found.against(0.0), (-found).against(0.0)):
            most = middle
        else:
            least = middle
    return min(1.0, 2 * most)


def _minus(one: Estimate, other: Estimate) -> Estimate:
    mean, cases = one.mean - other.mean, one.n + other.n
    below, above = (
        _root(_reach(one, side), _reach(other, beside))
        for side, beside in (("low", "high"), ("high", "low"))
    )
    low = None if below is None else mean - below
    high = None if above is None else mean + above
    return Estimate(mean, low, high, cases, min(one.clusters, other.clusters))


def _reach(estimate: Estimate, side: str) -> float | None:
    """How far an end is from the mean."""
    end: float | None = getattr(estimate, side)
    return None if end is None else abs(end - estimate.mean)


def _root(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else float((one**2 + other**2) ** 0.5)


def _both(contract: float | None, person: float | None, together: float | None) -> float | None:
    if contract is None or person is None or together is None:
        return None
    square = max(contract**2 + person**2 - together**2, contract**2, person**2)
    return float(square**0.5)
