"""Two models on the same cases: is the candidate no worse than a margin, or better?

Everywhere d = candidate - baseline, signed so that more is better; where less is better the
caller swaps the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.statistics.bounds import Kind, p_value
from reports.statistics.clusters import cluster_error, summed
from reports.statistics.estimates import Estimate, Outcome, paired_differences
from reports.statistics.intervals import interval


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

    The outcome is that of the interval against -margin (`mean_bounds`: of a share's differences,
    or of an amount's where one is beyond -1..1), and the p-value is the smallest risk at which the
    lower bound reaches -margin. Several guards that must all pass need no correction (Berger 1982,
    intersection-union); p-values of several superiority tests go to `holm`.

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
    +0.010 [-0.003, +0.027]: PASS
    """
    if not margin >= 0:
        raise ValueError(f"a margin of {margin} is not a tolerated loss; give 0 or more")
    differences = paired_differences(candidate, baseline)
    sums = summed(differences, clusters)
    kind: Kind = "difference" if max(map(abs, differences)) <= 1 else "amount"
    difference = interval(sums, kind, alpha)
    outcome = difference.against(-margin)
    if difference.clusters < 2:
        return Comparison(difference, None, margin, outcome, None)
    known = difference.low is not None
    return Comparison(
        difference,
        float(cluster_error(sums.values, sums.sizes)[1]),
        margin,
        outcome,
        p_value(sums, kind, -margin) if known else None,
    )


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
        ValueError: as `paired_differences` and `summed`.

    >>> candidate, baseline = [True] * 6, [False] * 6
    >>> [round(cluster_mcnemar(candidate, baseline, names), 4) for names in ("abcdef", "aaabbb")]
    [0.0143, 0.1573]
    """
    import numpy as np
    from scipy import stats

    sums = summed(paired_differences(candidate, baseline), clusters)
    shares = sums.values / sums.sizes
    if not shares.any():
        return None
    return float(stats.chi2.sf(np.square(shares.sum()) / np.square(shares).sum(), 1))
