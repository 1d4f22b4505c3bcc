"""Two models on the same cases: is the candidate no worse than a margin, or better?

Everywhere d = candidate - baseline, signed so that more is better; where less is better the
caller swaps the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from reports.bootstrap import cluster_bootstrap, is_small, outer, ratio_difference, shown_mean
from reports.rare import Moments, difference_bounds
from reports.signs import sign_flip
from reports.statistics import (
    Estimate,
    cluster_error,
    cluster_sums,
    paired_differences,
    standard_error,
)

if TYPE_CHECKING:
    from reports.statistics import Floats

Outcome = Literal["PASS", "FAIL", "INCONCLUSIVE"]


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

    Each bound is the outer one of `shown_mean` and, for differences in -1..1, of
    `difference_bounds`: that no difference was seen says how few there may be, not that there is
    none. Other differences without spread have no bounds.

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
    differences = paired_differences(candidate, baseline)
    difference = _bounded(shown_mean(differences, clusters, alpha), differences, clusters, alpha)
    error = standard_error(differences, clusters)
    p_value = _p_value(difference, error, margin)
    if p_value is not None and is_small(difference.clusters, difference.n):
        shifted = [value + margin for value in differences]
        p_value = max(p_value, sign_flip(shifted, clusters))
    return Comparison(difference, error, margin, judge(difference, margin), p_value)


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

    See `compare_sums` for the bounds. The p-value is that of the linearised t.

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

    columns = np.concatenate([candidate, baseline], axis=1).T
    sums = np.stack([cluster_sums(column, clusters)[0] for column in columns], axis=-1)
    return compare_sums(sums, len(clusters), margin, alpha, seed=seed)


def compare_sums(
    sums: "Floats", cases: int, margin: float = 0.0, alpha: float = 0.05, *, seed: int = 0
) -> Comparison:
    """As `compare_ratios`, from sums by contract.

    Each bound is the outer one of two: the BCa bootstrap over contracts, both models recomputed
    in each draw, and t with G - 1 degrees of freedom and the linearised error of the ratios
    (Cochran 1977, sec. 6.3). In simulation the bootstrap alone falls 1 to 2 points short of its
    level (docs/statistics.md).

    Args:
        sums: shape (G, 4): the candidate's numerator and denominator, then the baseline's.
        cases: how many were summed.
        margin: the loss that is tolerated, not negative.
        alpha: risk of each bound.
        seed: of the draws.

    Raises:
        ValueError: as `cluster_bootstrap`, or a negative margin.
    """
    from scipy import stats

    groups = len(sums)
    difference = cluster_bootstrap(sums, ratio_difference, cases, alpha, seed=seed)
    error = float(cluster_error(*_linearised(sums))[1]) if groups > 1 else None
    p_value = _p_value(difference, error, margin)
    if error is not None:
        reach = float(stats.t.isf(alpha, groups - 1)) * error
        centre = difference.mean
        straight = Estimate(centre, centre - reach, centre + reach, cases, groups)
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


def _p_value(difference: Estimate, error: float | None, margin: float) -> float | None:
    from scipy import stats

    if error is None:
        return None
    distance = difference.mean + margin
    if error:
        return float(stats.t.sf(distance / error, difference.clusters - 1))
    return 0.0 if distance > 0 else 1.0


def _linearised(sums: "Floats") -> tuple["Floats", "Floats"]:
    """Sums by contract whose mean and error are those of the difference of two ratios."""
    import numpy as np

    one, one_of, other, other_of = sums.T
    gain = (one - one.sum() / one_of.sum() * one_of) / one_of.sum()
    loss = (other - other.sum() / other_of.sum() * other_of) / other_of.sum()
    weights = np.full(len(sums), 1 / len(sums))
    return gain - loss + float(ratio_difference(sums.sum(axis=0))) * weights, weights
