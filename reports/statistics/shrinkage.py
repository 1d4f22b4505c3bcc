"""Differences of small groups, drawn toward what all groups have in common: empirical Bayes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reports.statistics.estimates import Estimate

LIMIT = 0.15
"""Standard errors by which a group is drawn at most."""

FEWEST = 3
"""Groups below which nothing is known of how groups differ."""


def shifts(groups: Mapping[str, Sequence[float]], limit: float = LIMIT) -> dict[str, float]:
    """How far the mean of each group is drawn toward that of all, each of its own sign.

    With group means y_j of n_j values, v_j = s ** 2 / n_j of the variance within groups, pooled,
    and tau ** 2 of that between the true means (DerSimonian and Laird 1986, by moments):

        shift_j = v_j / (v_j + tau ** 2) * (mu - y_j)

    where mu is their mean weighted by 1 / (v_j + tau ** 2). It is held within `limit * sqrt(v_j)`
    either way: the limited translation of Efron and Morris (1972, JASA 67). Without the limit a
    single group that lies apart would be drawn nearly all the way, and be acquitted by the others.
    With it the risk of a bound at level alpha that is moved by the shift is at most
    1 - Phi(z - limit) for any one group, however the others lie: 0.068 for alpha 0.05.

    Args:
        groups: values of each group, one or more.
        limit: in standard errors.

    Returns:
        Of every group; 0 with fewer than three groups, or where values do not differ within any.

    >>> found = shifts({"a": [0, 0, 1, 0], "b": [0, 0, 0, 0], "c": [0, -1, 0, 0]})
    >>> {name: round(shift, 3) for name, shift in found.items()}
    {'a': -0.031, 'b': 0.0, 'c': 0.031}
    """
    import numpy as np

    nothing = dict.fromkeys(groups, 0.0)
    sizes = np.array([len(values) for values in groups.values()], dtype=float)
    if len(groups) < FEWEST or sizes.sum() <= len(groups):
        return nothing
    means = np.array([np.mean(values) for values in groups.values()])
    squares = sum(float(np.square(np.subtract(v, np.mean(v))).sum()) for v in groups.values())
    if squares == 0:
        return nothing
    spread = squares / (sizes.sum() - len(groups)) / sizes
    weights = 1 / spread
    centre = weights @ means / weights.sum()
    excess = weights @ np.square(means - centre) - (len(groups) - 1)
    between = max(float(excess / (weights.sum() - weights @ weights / weights.sum())), 0.0)
    weights = 1 / (spread + between)
    centre = weights @ means / weights.sum()
    drawn = spread / (spread + between) * (centre - means)
    reach = limit * np.sqrt(spread)
    bounded = np.clip(drawn, -reach, reach)
    return {name: float(shift) for name, shift in zip(groups, bounded, strict=True)}


def moved(found: Estimate, shift: float) -> Estimate:
    """An estimate of a difference of shares, mean and bounds moved, within -1..1.

    >>> print(moved(Estimate(-0.10, -0.20, 0.0, 40, 40), 0.02))
    -0.080 [-0.180, 0.020]
    """

    def end(value: float | None) -> float | None:
        return None if value is None else min(max(value + shift, -1.0), 1.0)

    return replace(found, mean=found.mean + shift, low=end(found.low), high=end(found.high))
