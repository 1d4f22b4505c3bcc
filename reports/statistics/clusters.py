"""What the contracts of an exam add up to: all that means and bounds are computed from."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

CORRELATION = 0.05
"""Within contracts, of what has hardly been seen; as exams are planned."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Of one exam, or of many at once: every array has shape (..., G) for G contracts.

    `sizes` counts the cases of each contract, none included. `gained` and `gained_squares` are
    sums over the values above 0 and over their squares, `lost` and `lost_squares` over those below
    0, without their sign.
    """

    sizes: "Floats"
    gained: "Floats"
    gained_squares: "Floats"
    lost: "Floats"
    lost_squares: "Floats"

    @property
    def values(self) -> "Floats":
        """Sum of each contract's values."""
        return self.gained - self.lost

    @property
    def squares(self) -> "Floats":
        """Sum of their squares."""
        return self.gained_squares + self.lost_squares


def summed(
    values: Sequence[float],
    clusters: Sequence[str],
    among: Collection[str] = (),
    weights: "Floats | None" = None,
) -> Sums:
    """The sums of one exam, contracts in order of name: arrays of shape (G,).

    Args:
        values: shape (n,).
        clusters: shape (n,), the contract of each value.
        among: every contract that has a place, with or without a value; those of the values
            where none are given.
        weights: shape (n,), how many cases each value stands for; one where none are given.

    Raises:
        ValueError: there are no values, one is not finite, or the lengths differ.

    >>> found = summed([1, 0, -0.5, 1], ["b", "b", "b", "a"])
    >>> found.sizes.tolist(), found.values.tolist(), found.squares.tolist()
    ([1.0, 3.0], [1.0, 0.5], [1.0, 1.25])
    """
    import numpy as np

    scores = np.asarray(values, dtype=float)
    if not len(scores):
        raise ValueError("no values to average")
    if len(clusters) != len(scores):
        raise ValueError(f"{len(scores)} values, but {len(clusters)} contracts")
    if not np.isfinite(scores).all():
        raise ValueError("a value is not finite; leave out what could not be scored")
    place = {name: number for number, name in enumerate(sorted({*clusters, *among}))}
    members = np.fromiter((place[name] for name in clusters), dtype=np.intp, count=len(scores))

    counted = np.ones_like(scores) if weights is None else weights

    def by_contract(each: "Floats") -> "Floats":
        sums = np.bincount(members, counted * each, minlength=len(place))
        return sums.astype(np.float64, copy=False)

    gained, lost = np.maximum(scores, 0.0), np.maximum(-scores, 0.0)
    return Sums(
        by_contract(np.ones_like(scores)),
        by_contract(gained),
        by_contract(gained * gained),
        by_contract(lost),
        by_contract(lost * lost),
    )


def cluster_error(sums: "Floats", sizes: "Floats") -> tuple["Floats", "Floats"]:
    """Mean and its cluster-robust standard error, CR2.

    With residuals summed within each contract to s_g, of n_g of the n cases, the variance of the
    mean is sum(s_g ** 2 / (1 - n_g / n)) / n ** 2: the bias-reduced linearisation of Bell and
    McCaffrey (2002, Survey Methodology 28) of a regression on a constant. It is unbiased where
    cases are independent, and with contracts of equal size the usual one with its factor
    G / (G - 1) (Miller 2024, arXiv 2411.00640, eq. 4).

    Args:
        sums: shape (..., G), sum of each contract's values.
        sizes: shape (..., G) or (G,), number of each contract's cases, none included.

    Returns:
        Means and standard errors, each of shape (...); errors are 0 for a single contract.

    >>> import numpy as np
    >>> mean, error = cluster_error(np.array([2.0, 0.0]), np.array([2.0, 2.0]))
    >>> float(mean), float(error)
    (0.5, 0.5)
    """
    import numpy as np

    cases = sizes.sum(axis=-1)
    mean = sums.sum(axis=-1) / cases
    residuals = sums - mean[..., np.newaxis] * sizes
    squares = (np.square(residuals) / _rest(sizes)).sum(axis=-1)
    # What is left where all values are equal is rounding, not spread.
    squares = np.where(squares < 1e-24 * np.square(sums).sum(axis=-1), 0.0, squares)
    return mean, np.sqrt(squares) / cases


def correlation_between(one: Sums, other: Sums) -> "Floats":
    """Correlation of two means over the same contracts, shape (...): that of their residual sums.

    0 where one of them does not vary from contract to contract.

    >>> judge, people = summed([1, 1, 0, 1], "aabc"), summed([1, 0, 0], "abc")
    >>> round(float(correlation_between(judge, people)), 2)
    0.7
    """
    import numpy as np

    first, second = _residual_terms(one), _residual_terms(other)
    spread = np.square(first).sum(axis=-1) * np.square(second).sum(axis=-1)
    unit = np.sqrt(np.where(spread > 1e-24, spread, 1.0))
    return np.where(spread > 1e-24, (first * second).sum(axis=-1) / unit, 0.0)


def _residual_terms(sums: Sums) -> "Floats":
    """What each contract adds to the error of the mean, as in `cluster_error`, shape (..., G)."""
    import numpy as np

    mean = sums.values.sum(axis=-1) / sums.sizes.sum(axis=-1)
    terms: Floats = (sums.values - mean[..., np.newaxis] * sums.sizes) / np.sqrt(_rest(sums.sizes))
    return terms


def correlation_within(sums: Sums) -> "Floats":
    """Mean product of the residuals of two cases of one contract over the mean square, shape (...).

    As Imbens and Kolesar (2016, Review of Economics and Statistics 98) estimate it for their
    degrees of freedom; 0 where values or contracts tell nothing.

    >>> float(correlation_within(summed([1, 1, 0, 0], ["a", "a", "b", "b"])))
    1.0
    """
    import numpy as np

    cases = sums.sizes.sum(axis=-1)
    mean = sums.values.sum(axis=-1) / cases
    residuals = sums.values - mean[..., np.newaxis] * sums.sizes
    within = sums.squares.sum(axis=-1) - cases * np.square(mean)
    products = np.square(residuals).sum(axis=-1) - within
    pairs = np.square(sums.sizes).sum(axis=-1) - cases
    known = (pairs > 0) & (within > 1e-12 * sums.squares.sum(axis=-1))
    unit = np.where(known, pairs * within / cases, 1.0)
    return np.where(known, products / unit, 0.0)


def intra_cluster_correlation(values: Sequence[float], clusters: Sequence[str]) -> float | None:
    """`correlation_within` of one exam's values.

    Returns:
        None where it is not defined: one contract, one case a contract, or equal values.

    Raises:
        ValueError: as `summed`.

    >>> contracts = ["a", "a", "b", "b", "c", "c"]
    >>> alike, apart = [1, 1, 0, 0, 1, 1], [1, 0, 1, 0, 1, 0]
    >>> [round(intra_cluster_correlation(values, contracts), 9) for values in (alike, apart)]
    [1.0, -1.0]
    """
    sums = summed(values, clusters)
    if len(sums.sizes) in (1, len(values)) or min(values) == max(values):
        return None
    return float(correlation_within(sums))


def degrees_of_freedom(sizes: "Floats", correlation: "Floats | float") -> "Floats":
    """Of the t that belongs to `cluster_error`, by Satterthwaite's approximation, shape (...).

    Under a working model of equal variances and one correlation within contracts the variance
    estimate is a quadratic form of normal values; its degrees of freedom are tr(M) ** 2 / tr(M M)
    for M the covariance of its G terms (Bell and McCaffrey 2002; with a correlation, Imbens and
    Kolesar 2016). They are G - 1 for contracts of equal size, whatever the correlation, and fewer
    the more a few contracts hold.

    Args:
        sizes: shape (..., G), cases of each contract.
        correlation: within contracts, shape (...) or a number.

    >>> import numpy as np
    >>> even, half = np.full(21, 20.0), np.array([400.0] + [20.0] * 20)
    >>> [round(float(degrees_of_freedom(sizes, 0.05)), 1) for sizes in (even, half)]
    [20.0, 1.3]
    """
    import numpy as np

    share = sizes / sizes.sum(axis=-1, keepdims=True)
    spread = sizes * (1 + (sizes - 1) * np.asarray(correlation)[..., np.newaxis])
    factor = 1 / _rest(sizes)
    whole = spread.sum(axis=-1)

    def total(one: "Floats", other: "Floats | float" = 1.0) -> "Floats":
        weighted: Floats = (factor * one * other).sum(axis=-1)
        return weighted

    # With v_g the variance of contract g's sum, w_g its share of the cases and V the sum of all
    # v_g, residual sums have the covariances v_g [g = h] - w_h v_g - w_g v_h + w_g w_h V.
    own = -2 * share * spread + np.square(share) * whole[..., np.newaxis]
    trace = total(spread + own)
    shares, spreads, both = total(share, share), total(spread, spread), total(share, spread)
    squares = (
        (np.square(factor) * spread * (spread + 2 * own)).sum(axis=-1)
        + 2 * shares * spreads
        + np.square(whole * shares)
        + 2 * np.square(both)
        - 4 * whole * shares * both
    )
    freedom: Floats = np.square(trace) / squares
    return freedom


def skewness(sums: Sums) -> "Floats":
    """Of the mean over its error: sum(z ** 3) / sum(z ** 2) ** 1.5 of the residuals, shape (...).

    z_g is s_g / sqrt(1 - n_g / n), as in `cluster_error`; 0 where nothing differs.

    >>> round(float(skewness(summed([0, 0, 0, 1], "abcd"))), 2)
    0.58
    """
    import numpy as np

    terms = _residual_terms(sums)
    squares = np.square(terms).sum(axis=-1)
    known = squares > 1e-24 * np.square(sums.values).sum(axis=-1)
    return np.where(known, (terms**3).sum(axis=-1) / np.where(known, squares, 1.0) ** 1.5, 0.0)


def _rest(sizes: "Floats") -> "Floats":
    """What share of the cases other contracts hold; 1 where that is none, as nothing is known."""
    import numpy as np

    rest = 1 - sizes / sizes.sum(axis=-1, keepdims=True)
    return np.where(rest > 0, rest, 1.0)
