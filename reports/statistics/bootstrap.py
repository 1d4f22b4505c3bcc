"""Intervals of what is no mean, by resampling contracts."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.statistics.clusters import Floats


def bca(
    of_contracts: "Callable[[Floats], Floats]",
    contracts: int,
    whole: float,
    alpha: float,
    draws: int,
    seed: int,
) -> tuple[float, float] | tuple[None, None]:
    """Ends of the BCa interval at two-sided level 1 - 2 * alpha, of a statistic of contracts.

    Each draw takes G contracts with replacement (Efron 1987; scipy.stats.bootstrap). Draws spread
    too little by sqrt((G - 1) / G) and know no t; BCa is therefore taken at the level
    Phi(-sqrt(G / (G - 1)) * t(1 - alpha, G - 1)) (Hesterberg 2015, The American Statistician 69).
    Where the bias correction is not finite the percentile interval stands in.

    Args:
        of_contracts: from drawn contracts' numbers, shape (..., G), to shape (...).
        contracts: how many.
        whole: the statistic of all.
        alpha: risk of each end.
        draws: how many.
        seed: of the draws.

    Returns:
        None with one contract, and where a draw leaves the statistic undefined (such as a ratio
        over nothing). No width where every draw says the same.

    >>> import numpy as np
    >>> means = np.array([0.9, 0.7, 0.8, 0.4, 0.6])
    >>> def mean_of(drawn, axis=-1):
    ...     return means[drawn.astype(int)].mean(axis=-1)
    >>> low, high = bca(mean_of, 5, 0.68, alpha=0.05, draws=4000, seed=0)
    >>> round(low, 2), round(high, 2)
    (0.48, 0.84)
    """
    import warnings

    import numpy as np
    from scipy import stats

    if contracts < 2:
        return None, None
    wider = (contracts / (contracts - 1)) ** 0.5 * stats.t.isf(alpha, contracts - 1)
    level = max(float(stats.norm.sf(wider)), 1 / draws)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # scipy warns of draws that are all alike, which is answered below.
        warnings.simplefilter("ignore")
        found = stats.bootstrap(
            (np.arange(contracts, dtype=float),),
            of_contracts,
            vectorized=True,
            confidence_level=1 - 2 * level,
            method="BCa",
            n_resamples=draws,
            rng=np.random.default_rng(seed),
        )
    drawn = found.bootstrap_distribution
    if not np.isfinite(drawn).all():
        return None, None
    if np.ptp(drawn) <= 1e-12 * max(abs(whole), 1.0):
        return whole, whole
    ends = np.array(found.confidence_interval)
    if not np.isfinite(ends).all():
        ends = np.quantile(drawn, (level, 1 - level))
    return float(ends[0]), float(ends[1])
