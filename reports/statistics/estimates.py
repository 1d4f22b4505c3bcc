"""Estimates that respect the unit of independence: the contract, not the question."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


Outcome = Literal["PASS", "FAIL", "INCONCLUSIVE", "N/A"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over `n` cases of `clusters` contracts, with its interval.

    `low` and `high` are None with fewer than two contracts: nothing is known of the spread.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    clusters: int

    def __format__(self, spec: str) -> str:
        """`mean [low, high]`, each number by `spec`; the mean alone where there is no interval.

        >>> loss = Estimate(-0.01, -0.025, 0.005, 400, 40)
        >>> f"{loss}", f"{loss:+.2f}", f"{Estimate(0.5, None, None, 9, 1)}"
        ('-0.010 [-0.025, 0.005]', '-0.01 [-0.03, +0.01]', '0.500')
        """
        spec = spec or ".3f"
        if self.low is None or self.high is None:
            return format(self.mean, spec)
        return f"{self.mean:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"

    def __str__(self) -> str:
        """As `__format__` without a specification.

        >>> str(Estimate(0.5, 0.4, 0.6, 100, 10))
        '0.500 [0.400, 0.600]'
        """
        return format(self)

    def __neg__(self) -> "Estimate":
        """The estimate of the opposite: of baseline minus candidate, of a loss instead of a gain.

        >>> -Estimate(0.25, -0.125, 0.5, 40, 4)
        Estimate(mean=-0.25, low=-0.5, high=0.125, n=40, clusters=4)
        """
        low = None if self.high is None else -self.high
        high = None if self.low is None else -self.low
        return replace(self, mean=-self.mean, low=low, high=high)

    def against(self, line: float, better: Literal["higher", "lower"] = "higher") -> Outcome:
        """PASS where the whole interval keeps to the line, FAIL where none of it does.

        Of a floor, a ceiling, and a margin alike: that no more than a margin is lost asks of the
        difference to reach -margin. The line itself keeps to it: a floor may be just reached, a
        loss of just the margin is tolerated. A claim that excludes the line, such as to be better
        than nothing, is the FAIL of its opposite, "at most nothing". INCONCLUSIVE are intervals
        on both sides of the line, and estimates that have none.

        Args:
            line: to reach, or not to exceed.
            better: which values keep to the line: higher ones or lower ones.

        >>> shown = Estimate(0.9, 0.85, 0.95, 400, 40)
        >>> shown.against(0.85), shown.against(0.9), shown.against(0.5, "lower")
        ('PASS', 'INCONCLUSIVE', 'FAIL')
        """
        if self.low is None or self.high is None:
            return "INCONCLUSIVE"
        low, high = self.low - line, self.high - line
        if better == "lower":
            low, high = -high, -low
        if low >= 0:
            return "PASS"
        return "FAIL" if high < 0 else "INCONCLUSIVE"


def cluster_mean(
    values: Sequence[float],
    clusters: Sequence[str],
    alpha: float = 0.05,
    *,
    share: bool = False,
) -> Estimate:
    """Mean with a cluster-robust t interval at two-sided level 1 - 2 * alpha.

    The error is `standard_error`, and t has G - 1 degrees of freedom for G contracts. Each end of
    the interval is thus a one-sided bound at level 1 - alpha. Where all values are equal the
    interval has no width, unless they are shares.

    A share lies in 0..1, and so does its interval. Where every value is 0, or every value is 1,
    the residuals say nothing; the interval is then Wilson's for as many trials as contracts.

    Args:
        values: shape (n,).
        clusters: shape (n,), the contract of each value.
        alpha: risk of each end.
        share: whether values are shares in 0..1.

    Raises:
        ValueError: there are no values, one is not finite, or the lengths differ.

    >>> right, contracts = [1, 1, 0, 1, 0, 0, 1, 1], ["a", "a", "b", "b", "c", "c", "d", "d"]
    >>> print(cluster_mean(right, contracts))
    0.625 [0.062, 1.188]
    >>> print(cluster_mean(right, contracts, share=True))
    0.625 [0.062, 1.000]
    """
    from scipy import stats

    sums, sizes = cluster_sums(values, clusters)
    centre, groups, cases = float(sums.sum() / sizes.sum()), len(sums), len(values)
    error = standard_error(values, clusters)
    if error is None:
        return Estimate(centre, None, None, cases, groups)
    if share and centre in (0.0, 1.0):
        low, high = wilson(round(centre) * groups, groups, alpha)
        return Estimate(centre, low, high, cases, groups)
    reach = float(stats.t.isf(alpha, groups - 1)) * error
    low, high = centre - reach, centre + reach
    if share:
        low, high = max(low, 0.0), min(high, 1.0)
    return Estimate(centre, low, high, cases, groups)


def standard_error(values: Sequence[float], clusters: Sequence[str]) -> float | None:
    """Cluster-robust standard error of the mean: that of `cluster_error`.

    Where the contracts' means coincide although the cases differ, contracts say nothing of the
    spread; the error is then that of independent cases, s / sqrt(n).

    Returns:
        None with one contract, 0 where all values are equal.

    Raises:
        ValueError: as `cluster_sums`.

    >>> apart, together = ["a", "b", "c", "d"], ["a", "a", "b", "b"]
    >>> [round(standard_error([1, 1, 0, 0], names), 3) for names in (apart, together)]
    [0.289, 0.5]
    """
    import numpy as np

    sums, sizes = cluster_sums(values, clusters)
    if len(sums) < 2:
        return None
    error = float(cluster_error(sums, sizes)[1])
    if error == 0 and np.ptp(values):
        error = float(np.std(values, ddof=1)) / len(values) ** 0.5
    return error


def cluster_sums(values: Sequence[float], clusters: Sequence[str]) -> tuple["Floats", "Floats"]:
    """Sums of the values and numbers of cases by contract, each of shape (G,), in order of name.

    Raises:
        ValueError: there are no values, one is not finite, or the lengths differ.

    >>> sums, sizes = cluster_sums([1, 0, 1, 1], ["b", "b", "b", "a"])
    >>> sums.tolist(), sizes.tolist()
    ([1.0, 2.0], [1.0, 3.0])
    """
    import numpy as np

    scores = np.asarray(values, dtype=float)
    if not len(scores):
        raise ValueError("no values to average")
    if len(clusters) != len(scores):
        raise ValueError(f"{len(scores)} values, but {len(clusters)} contracts")
    if not np.isfinite(scores).all():
        raise ValueError("a value is not finite; leave out what could not be scored")
    place = {name: number for number, name in enumerate(sorted(set(clusters)))}
    members = np.fromiter((place[name] for name in clusters), dtype=np.intp, count=len(scores))
    sizes = np.bincount(members).astype(np.float64)
    return np.bincount(members, weights=scores).astype(np.float64, copy=False), sizes


def cluster_error(sums: "Floats", sizes: "Floats") -> tuple["Floats", "Floats"]:
    """Mean and its cluster-robust standard error.

    With residuals summed within each of G contracts to s_g, the variance of the mean of n values
    is G / (G - 1) * sum(s_g ** 2) / n ** 2 (Miller 2024, arXiv 2411.00640, eq. 4, and the
    small-sample factor of Cameron and Miller 2015, sec. VI.B, as statsmodels' OLS on a constant).

    Args:
        sums: shape (..., G), sum of each contract's values.
        sizes: shape (..., G) or (G,), number of each contract's cases, or, for the ratio of two
            sums, its denominator (Cochran 1977, sec. 6.3: linearised).

    Returns:
        Means and standard errors, each of shape (...); errors are 0 for a single contract.

    >>> mean, error = cluster_error(*cluster_sums([1, 1, 0, 0], ["a", "a", "b", "b"]))
    >>> float(mean), float(error)
    (0.5, 0.5)
    """
    import numpy as np

    groups = sums.shape[-1]
    cases = sizes.sum(axis=-1)
    mean = sums.sum(axis=-1) / cases
    residuals = sums - mean[..., np.newaxis] * sizes
    squares = np.square(residuals).sum(axis=-1)
    # What is left where all values are equal is rounding, not spread.
    squares = np.where(squares < 1e-24 * np.square(sums).sum(axis=-1), 0.0, squares)
    return mean, np.sqrt(groups / max(groups - 1, 1) * squares) / cases


def paired_differences(candidate: Sequence[float], baseline: Sequence[float]) -> list[float]:
    """Candidate minus baseline, case by case.

    Raises:
        ValueError: the lengths differ.

    >>> paired_differences([1, 0, 1], [0, 0, 1])
    [1.0, 0.0, 0.0]
    """
    if len(candidate) != len(baseline):
        raise ValueError(f"{len(candidate)} candidate values, but {len(baseline)} of the baseline")
    return [float(one) - float(other) for one, other in zip(candidate, baseline, strict=True)]


def wilson(successes: int, trials: int, alpha: float = 0.05) -> tuple[float, float]:
    """Wilson's score interval of a proportion at two-sided level 1 - 2 * alpha.

    Raises:
        ValueError: there are no trials, or not as many as successes.

    >>> low, high = wilson(20, 20)
    >>> round(low, 3), round(high, 3)
    (0.881, 1.0)
    """
    from statsmodels.stats.proportion import proportion_confint

    if not 0 <= successes <= trials or not trials:
        raise ValueError(f"{successes} successes of {trials} trials")
    low, high = proportion_confint(successes, trials, 2 * alpha, method="wilson")
    return float(low), float(high)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values adjusted so that the risk of any false finding is kept (Holm 1979).

    Raises:
        ValueError: one is not in 0..1.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    return _adjusted(p_values, "holm")


def benjamini_hochberg(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values adjusted so that the share of false findings is kept (Benjamini, Hochberg 1995).

    Raises:
        ValueError: one is not in 0..1.

    >>> [round(q, 3) for q in benjamini_hochberg([0.01, 0.04, 0.03])]
    [0.03, 0.04, 0.04]
    """
    return _adjusted(p_values, "fdr_bh")


def _adjusted(p_values: Sequence[float], method: str) -> tuple[float, ...]:
    from statsmodels.stats.multitest import multipletests

    if not all(0 <= p <= 1 for p in p_values):
        raise ValueError("a p-value is not in 0..1")
    if not p_values:
        return ()
    return tuple(float(p) for p in multipletests(p_values, method=method)[1])


def intra_cluster_correlation(values: Sequence[float], clusters: Sequence[str]) -> float | None:
    """Share of the variance that lies between contracts, by analysis of variance.

    (MSB - MSW) / (MSB + (m - 1) * MSW) with m = (n - sum(n_g ** 2) / n) / (G - 1), for mean
    squares between and within G contracts of n_g cases (Donner and Koval 1980, Biometrics 36).
    It is negative, to -1 / (m - 1), where the cases of a contract differ more than contracts do.

    Returns:
        None where it is not defined: one contract, one case a contract, or equal values.

    Raises:
        ValueError: as `cluster_sums`.

    >>> contracts = ["a", "a", "b", "b", "c", "c"]
    >>> [intra_cluster_correlation(v, contracts) for v in ([1, 1, 0, 0, 1, 1], [1, 0, 1, 0, 1, 0])]
    [1.0, -1.0]
    """
    import numpy as np

    sums, sizes = cluster_sums(values, clusters)
    groups, cases = len(sums), len(values)
    scores = np.asarray(values, dtype=float)
    if groups < 2 or cases == groups or not np.ptp(scores):
        return None
    means = sums / sizes
    between = float(sizes @ np.square(means - scores.mean())) / (groups - 1)
    total = float(np.square(scores - scores.mean()).sum())
    within = max(total - between * (groups - 1), 0.0) / (cases - groups)
    size = (cases - float(sizes @ sizes) / cases) / (groups - 1)
    return (between - within) / (between + (size - 1) * within)
