"""Intervals by resampling contracts, for small exams."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from reports.statistics.estimates import Estimate, cluster_mean, cluster_sums

if TYPE_CHECKING:
    from reports.statistics.estimates import Floats


SMALL_CONTRACTS = 20
SMALL_CASES = 300
DRAWS = 4000


def cluster_bootstrap(
    sums: "Floats",
    statistic: "Callable[[Floats], Floats]",
    cases: int,
    alpha: float = 0.05,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Estimate:
    """A statistic of sums with its BCa interval at two-sided level 1 - 2 * alpha over contracts.

    Each draw takes G contracts with replacement and recomputes the statistic from their sums, for
    both models at once, so that the pairing is kept (Efron 1987; scipy.stats.bootstrap). Draws
    spread too little by sqrt((G - 1) / G) and know no t; BCa is therefore taken at the level
    Phi(-sqrt(G / (G - 1)) * t(1 - alpha, G - 1)) (Hesterberg 2015, The American Statistician 69).
    Where the bias correction is not finite the percentile interval stands in. Contracts are drawn
    by their sums, not names: renaming or reordering them changes nothing.

    Args:
        sums: shape (G, k), k sums of each contract.
        statistic: from shape (..., k), the sums of one draw, to shape (...).
        cases: how many cases were summed.
        alpha: risk of each end.
        draws: how many.
        seed: of the draws.

    Returns:
        `low` and `high` are None with one contract, and where a draw leaves the statistic
        undefined (such as a ratio over nothing).

    Raises:
        ValueError: there are no contracts, a sum is not finite, or the statistic is undefined.

    >>> import numpy as np
    >>> right, cases = np.array([9, 7, 8, 4, 6.0]), np.full(5, 10.0)
    >>> sums = np.stack([right, cases], axis=-1)
    >>> found = cluster_bootstrap(sums, lambda total: total[..., 0] / total[..., 1], 50)
    >>> f"{found:.2f}"
    '0.68 [0.48, 0.84]'
    """
    import numpy as np

    if sums.ndim != 2 or not len(sums):
        raise ValueError("no contracts to draw from")
    if not np.isfinite(sums).all():
        raise ValueError("a sum is not finite; leave out what could not be scored")
    rows = sums[np.lexsort(sums.T)]

    def of_contracts(drawn: "Floats", axis: int = -1) -> "Floats":
        del axis  # scipy asks for it; contracts are always last
        with np.errstate(divide="ignore", invalid="ignore"):
            return statistic(rows[drawn.astype(np.intp)].sum(axis=-2))

    whole = float(of_contracts(np.arange(len(rows), dtype=float)))
    if not np.isfinite(whole):
        raise ValueError("the statistic is not defined on these sums")
    low, high = bca(of_contracts, len(rows), whole, alpha, draws, seed)
    return Estimate(whole, low, high, cases, len(rows))


def bca(
    of_contracts: "Callable[[Floats], Floats]",
    contracts: int,
    whole: float,
    alpha: float,
    draws: int,
    seed: int,
) -> tuple[float, float] | tuple[None, None]:
    """Ends of the interval that `cluster_bootstrap` describes, of any statistic of drawn contracts.

    `of_contracts` takes drawn contracts' numbers, shape (..., G), and returns shape (...).

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


def is_small(contracts: int, cases: int) -> bool:
    """Whether normal theory alone is not to be trusted: few contracts, or few hundred cases.

    Bowyer 2025 (arXiv 2503.01747) shows intervals of normal theory too narrow below a few hundred
    cases, Cameron and Miller 2015 (sec. VI) cluster-robust ones below some 20 to 50 clusters.

    >>> is_small(contracts=12, cases=492), is_small(102, 4182)
    (True, False)
    """
    return contracts < SMALL_CONTRACTS or cases < SMALL_CASES


def gated_mean(
    values: Sequence[float],
    clusters: Sequence[str],
    alpha: float = 0.05,
    *,
    share: bool = False,
    seed: int = 0,
) -> Estimate:
    """The mean with the interval that is shown and gated on.

    That of `cluster_mean`; in a small exam (`is_small`) each end is the outer one of that and of
    the BCa bootstrap over contracts.

    Args:
        values: shape (n,).
        clusters: shape (n,), the contract of each value.
        alpha: risk of each end.
        share: whether values are shares in 0..1.
        seed: of the draws.

    Raises:
        ValueError: as `cluster_mean`.

    >>> right, contracts = [1, 1, 0, 1, 0, 0, 1, 1], ["a", "a", "b", "b", "c", "c", "d", "d"]
    >>> print(gated_mean(right, contracts, share=True))
    0.625 [0.000, 1.000]
    """
    import numpy as np

    estimate = cluster_mean(values, clusters, alpha, share=share)
    if not is_small(estimate.clusters, estimate.n):
        return estimate
    sums = np.stack(cluster_sums(values, clusters), axis=-1)
    drawn = cluster_bootstrap(
        sums, lambda total: total[..., 0] / total[..., 1], estimate.n, alpha, seed=seed
    )
    return outer(estimate, drawn)


def outer(first: Estimate, second: Estimate) -> Estimate:
    """The first estimate, each end the outer one of both; None where either has none.

    >>> one, other = Estimate(0.5, 0.4, 0.6, 40, 4), Estimate(0.5, 0.3, 0.55, 40, 4)
    >>> print(outer(one, other))
    0.500 [0.300, 0.600]
    """
    if first.low is None or first.high is None or second.low is None or second.high is None:
        low, high = None, None
    else:
        low, high = min(first.low, second.low), max(first.high, second.high)
    return Estimate(first.mean, low, high, first.n, first.clusters)
