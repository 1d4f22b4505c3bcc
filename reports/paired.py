"""Two models on the same cases: is the candidate no worse than a margin, or better?

Everywhere d = candidate - baseline, signed so that more is better; where less is better the
caller swaps the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from reports.bootstrap import cluster_bootstrap, is_small, outer, ratio_difference, shown_mean
from reports.statistics import Estimate, cluster_error, cluster_sums

if TYPE_CHECKING:
    from reports.statistics import Floats

Outcome = Literal["PASS", "FAIL", "INCONCLUSIVE"]
Alternative = Literal["greater", "less", "two-sided"]
EXACT_CONTRACTS = 16
FLIPS = 9999


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
    """Non-inferiority by a margin, or with margin 0 superiority, of the mean of d.

    The p-value is that of t = (mean(d) + margin) / error with G - 1 degrees of freedom; in a
    small exam it is the larger of that and of `sign_flip` on d + margin. Several guards that must
    all pass need no correction (Berger 1982, intersection-union); p-values of several
    superiority tests go to `holm`.

    Args:
        candidate: shape (n,).
        baseline: shape (n,), on the same cases.
        clusters: shape (n,), the contract of each case.
        margin: the loss that is tolerated, not negative, in the unit of the scores.
        alpha: risk of each bound.

    Raises:
        ValueError: no cases, different lengths, a value that is not finite, a negative margin.
    """
    differences = paired(candidate, baseline)
    difference = shown_mean(differences, clusters, alpha)
    sums, sizes = cluster_sums(differences, clusters)
    p_value, error = _p_value(sums, sizes, margin)
    if p_value is not None and is_small(difference.clusters, difference.n):
        shifted = [value + margin for value in differences]
        p_value = max(p_value, sign_flip(shifted, clusters))
    return Comparison(difference, error, margin, judge(difference, margin), p_value)


def compare_ratios(
    candidate: "Floats",
    baseline: "Floats",
    clusters: Sequence[str],
    margin: float = 0.0,
    alpha: float = 0.05,
    *,
    seed: int = 0,
) -> Comparison:
    """As `compare_means`, for ratios of sums such as precision, recall and F1.

    The bounds are of the BCa bootstrap over contracts, both models recomputed in each draw; the
    error and its t are linearised (Cochran 1977, sec. 6.3), and in a small exam their bounds are
    taken where they are the outer ones.

    Args:
        candidate: shape (n, 2), each case's numerator and denominator.
        baseline: shape (n, 2), on the same cases.
        clusters: shape (n,), the contract of each case.
        margin: the loss that is tolerated, not negative.
        alpha: risk of each bound.
        seed: of the draws.

    Raises:
        ValueError: as `compare_means`, or a model's denominators sum to 0.
    """
    import numpy as np
    from scipy import stats

    columns = np.concatenate([candidate, baseline], axis=1).T
    sums = np.stack([cluster_sums(column, clusters)[0] for column in columns], axis=-1)
    cases = len(clusters)
    difference = cluster_bootstrap(sums, ratio_difference, cases, alpha, seed=seed)
    influences, weights = _linearised(sums)
    p_value, error = _p_value(influences, weights, margin)
    if error is not None and is_small(len(sums), cases):
        reach = float(stats.t.isf(alpha, len(sums) - 1)) * error
        centre = difference.mean
        straight = Estimate(centre, centre - reach, centre + reach, cases, len(sums))
        difference = outer(difference, straight)
    return Comparison(difference, error, margin, judge(difference, margin), p_value)


def judge(difference: Estimate, margin: float) -> Outcome:
    """PASS when the lower bound is above -margin, FAIL when the upper one is below it.

    INCONCLUSIVE otherwise, and without bounds. Each bound is one-sided at the estimate's alpha,
    so at a true difference of -margin either error has probability alpha at most.

    Raises:
        ValueError: the margin is negative or not a number.
    """
    if not margin >= 0:
        raise ValueError(f"a margin of {margin} is not a tolerated loss; give 0 or more")
    if difference.low is None or difference.high is None:
        return "INCONCLUSIVE"
    if difference.low > -margin:
        return "PASS"
    return "FAIL" if difference.high < -margin else "INCONCLUSIVE"


def paired(candidate: Sequence[float], baseline: Sequence[float]) -> list[float]:
    """Candidate minus baseline, case by case.

    Raises:
        ValueError: the lengths differ.
    """
    if len(candidate) != len(baseline):
        raise ValueError(f"{len(candidate)} candidate values, but {len(baseline)} of the baseline")
    return [float(one) - float(other) for one, other in zip(candidate, baseline, strict=True)]


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
        ValueError: as `compare_means`.
    """
    import numpy as np
    from scipy import stats

    sums, sizes = cluster_sums(paired(candidate, baseline), clusters)
    shares = sums / sizes
    if not shares.any():
        return None
    return float(stats.chi2.sf(np.square(shares.sum()) / np.square(shares).sum(), 1))


def _p_value(sums: "Floats", sizes: "Floats", margin: float) -> tuple[float | None, float | None]:
    from scipy import stats

    if len(sums) < 2:
        return None, None
    mean, error = (float(part) for part in cluster_error(sums, sizes))
    if error:
        return float(stats.t.sf((mean + margin) / error, len(sums) - 1)), error
    return (0.0 if mean > -margin else 1.0), error


def _linearised(sums: "Floats") -> tuple["Floats", "Floats"]:
    """Sums by contract whose mean and error are those of the difference of two ratios."""
    import numpy as np

    one, one_of, other, other_of = sums.T
    gain = (one - one.sum() / one_of.sum() * one_of) / one_of.sum()
    loss = (other - other.sum() / other_of.sum() * other_of) / other_of.sum()
    weights = np.full(len(sums), 1 / len(sums))
    return gain - loss + float(ratio_difference(sums.sum(axis=0))) * weights, weights
