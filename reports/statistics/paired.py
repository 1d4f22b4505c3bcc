"""Two models on the same cases: is the candidate no worse than a margin, or better?

Everywhere d = candidate - baseline, signed so that more is better; where less is better the
caller swaps the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from reports.statistics.bootstrap import gated_mean, is_small, outer
from reports.statistics.estimates import (
    Estimate,
    Outcome,
    cluster_sums,
    paired_differences,
    standard_error,
)
from reports.statistics.rare import Moments, difference_bounds


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two models' paired scores say about a margin.

    `difference` carries the one-sided bounds that `outcome` follows from, `error` is the
    cluster-robust standard error, and `p_value` that of "worse by the margin or more"; the last
    two are None with one contract.
    """

    difference: Estimate
    error: float | None
    margin: float
    outcome: Outcome
    p_value: float | None


def compare_means(
    candidate: Sequence[float],
    baseline: Sequence[float],
    clusters: Sequence[str],
    margin: float = 0.0,
    alpha: float = 0.05,
) -> Comparison:
    """Is no more lost than a margin (non-inferiority), by the mean of d?

    Each bound is the outer one of `gated_mean` and, for differences in -1..1, of
    `difference_bounds`: that no difference was seen says how few there may be, not that there is
    none. Other differences without spread have no bounds.

    The outcome is that of the interval against -margin. The p-value is that of
    t = (mean(d) + margin) / error with G - 1 degrees of freedom; in a small exam it is the larger
    of that and of `sign_flip` on d + margin. Several guards that must all pass need no correction
    (Berger 1982, intersection-union); p-values of several superiority tests go to `holm`.

    Args:
        candidate: shape (n,).
        baseline: shape (n,), on the same cases.
        clusters: shape (n,), the contract of each case.
        margin: the loss that is tolerated, not negative, in the unit of the scores.
        alpha: risk of each bound.

    Raises:
        ValueError: no cases, different lengths, a value that is not finite, a negative margin.

    >>> candidate, baseline = [1] * 400, [1] * 396 + [0] * 4
    >>> contracts = [f"contract {case % 40}" for case in range(400)]
    >>> found = compare_means(candidate, baseline, contracts, margin=0.02)
    >>> print(f"{found.difference:+.3f}: {found.outcome}")
    +0.010 [-0.001, +0.026]: PASS
    """
    if not margin >= 0:
        raise ValueError(f"a margin of {margin} is not a tolerated loss; give 0 or more")
    differences = paired_differences(candidate, baseline)
    difference = _bounded(gated_mean(differences, clusters, alpha), differences, clusters, alpha)
    error = standard_error(differences, clusters)
    p_value = _p_value(difference, error, margin)
    if p_value is not None and is_small(difference.clusters, difference.n):
        shifted = [value + margin for value in differences]
        p_value = max(p_value, sign_flip(shifted, clusters))
    return Comparison(difference, error, margin, difference.against(-margin), p_value)


def _bounded(
    shown: Estimate, differences: Sequence[float], clusters: Sequence[str], alpha: float
) -> Estimate:
    """`shown`, with what was not seen taken into account; see `compare_means`."""
    if shown.low is None:
        return shown
    if max(map(abs, differences)) > 1:
        return replace(shown, low=None, high=None) if shown.low == shown.high else shown
    sizes = cluster_sums(differences, clusters)[1]

    def moments(sign: float) -> Moments:
        parts = [max(sign * value, 0.0) for value in differences]
        squares = [part * part for part in parts]
        return cluster_sums(parts, clusters)[0], cluster_sums(squares, clusters)[0]

    low, high = difference_bounds(moments(1), moments(-1), sizes, alpha)
    return outer(shown, replace(shown, low=float(low), high=float(high)))


def _p_value(difference: Estimate, error: float | None, margin: float) -> float | None:
    from scipy import stats

    if error is None:
        return None
    distance = difference.mean + margin
    if error:
        return float(stats.t.sf(distance / error, difference.clusters - 1))
    return 0.0 if distance > 0 else 1.0


def two_sided(better: float | None, worse: float | None) -> float | None:
    """P-value of a difference either way: twice the smaller of the two one-sided ones, 1 at most.

    Both are needed, since neither need be 1 less the other: in a small exam `compare_means` takes
    the larger of two p-values on either side.

    Args:
        better: one-sided p-value of "the candidate is better"; None where there is none.
        worse: of "the candidate is worse".

    >>> two_sided(0.01, 0.99), two_sided(0.7, 0.6), two_sided(None, None)
    (0.02, 1.0, None)
    """
    if better is None or worse is None:
        return None
    return min(1.0, 2 * min(better, worse))


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

    >>> sign_flip([0.5, 0.25, 1.0], ["a", "b", "c"])
    0.125
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

    >>> mcnemar_exact(gained=6, lost=0)
    0.03125
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

    >>> candidate, baseline = [True] * 6, [False] * 6
    >>> [round(cluster_mcnemar(candidate, baseline, names), 4) for names in ("abcdef", "aaabbb")]
    [0.0143, 0.1573]
    """
    import numpy as np
    from scipy import stats

    sums, sizes = cluster_sums(paired_differences(candidate, baseline), clusters)
    shares = sums / sizes
    if not shares.any():
        return None
    return float(stats.chi2.sf(np.square(shares.sum()) / np.square(shares).sum(), 1))
