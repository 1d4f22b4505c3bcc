"""Tests of paired answers that rest on signs: flipped by contract, or counted."""

from collections.abc import Sequence
from typing import Literal

from reports.statistics import cluster_sums, paired_differences

Alternative = Literal["greater", "less", "two-sided"]
EXACT_CONTRACTS = 16
FLIPS = 9999


def sign_flip(
    differences: Sequence[float],
    clusters: Sequence[str],
    alternative: Alternative = "greater",
    *,
    flips: int = FLIPS,
    seed: int = 0,
) -> float:
    """P-value of a mean of 0 when the sign of a whole contract's differences is exchangeable.

    Up to 16 contracts every one of the 2 ** G sign patterns is enumerated; above, `flips` random
    ones are drawn and (1 + as extreme) / (1 + flips) is returned (Phipson and Smyth 2010;
    scipy.stats.permutation_test).

    Args:
        differences: shape (n,).
        clusters: shape (n,), the contract of each difference.
        alternative: the direction looked for.
        flips: how many, above 16 contracts.
        seed: of the flips.

    Raises:
        ValueError: as `cluster_sums`.
    """
    import numpy as np
    from scipy import stats

    sums, _ = cluster_sums(differences, clusters)
    if len(sums) == 1:
        sums = np.append(sums, 0.0)  # scipy wants two; a contract of nothing changes no p-value
    ordered = sums[np.lexsort((sums, np.abs(sums)))]
    found = stats.permutation_test(
        (ordered,),
        lambda flipped, axis: flipped.sum(axis=axis),
        permutation_type="samples",
        vectorized=True,
        alternative=alternative,
        n_resamples=2**EXACT_CONTRACTS if len(sums) <= EXACT_CONTRACTS else flips,
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def mcnemar_exact(gained: int, lost: int) -> float:
    """Two-sided exact p-value of McNemar's test, for cases that are independent.

    2 * P(B <= min(gained, lost)) for B binomial over the discordant pairs with probability 1/2,
    at most 1 (statsmodels). Cases of one contract are not independent: see `cluster_mcnemar`.

    Args:
        gained: cases that only the candidate got right.
        lost: cases that only the baseline got right.
    """
    from statsmodels.stats.contingency_tables import mcnemar

    return float(mcnemar([[0, gained], [lost, 0]], exact=True).pvalue)


def cluster_mcnemar(
    candidate: Sequence[bool], baseline: Sequence[bool], clusters: Sequence[str]
) -> float | None:
    """Two-sided p-value of McNemar's test for clustered pairs.

    With w_g = (gained - lost) / cases of contract g, sum(w_g) ** 2 / sum(w_g ** 2) is chi-squared
    with one degree of freedom for many contracts (Durkalski et al. 2003, Statistics in Medicine
    22). With one case a contract it is McNemar's own (gained - lost) ** 2 / (gained + lost).

    Returns:
        None where no contract gained more or less than it lost.

    Raises:
        ValueError: as `paired_differences` and `cluster_sums`.
    """
    import numpy as np
    from scipy import stats

    sums, sizes = cluster_sums(paired_differences(candidate, baseline), clusters)
    shares = sums / sizes
    if not shares.any():
        return None
    return float(stats.chi2.sf(np.square(shares.sum()) / np.square(shares).sum(), 1))
