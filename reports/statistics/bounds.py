"""Bounds of a mean that the gate holds, from the sums of contracts: the one place of its level.

Every array has shape (...) where the sums have shape (..., G): an exam has no leading axis, a
simulation has as many exams as it likes, and both come through here.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from reports.statistics.clusters import (
    CORRELATION,
    Sums,
    cluster_error,
    correlation_within,
    degrees_of_freedom,
    skewness,
)

if TYPE_CHECKING:
    from reports.statistics.clusters import Floats

Kind = Literal["share", "difference", "amount"]
"""Of values in 0..1, in -1..1, or without an end."""

UNSEEN = 0.15
"""Correlation within contracts that is assumed of what was not seen."""

AFFECTED = 2.0
"""Contracts out of line with the others that weigh as much as that assumption."""

GAINS = 4.0
"""Contracts that gained below which what is gained is as uncertain as what is lost."""

GRADED = 10.0
"""Cases out of line with the others that say as much of their spread as that it is a share's."""

LEAST, MOST = 1e-9, 0.4999
"""Risks between which a p-value is looked for."""


def mean_bounds(sums: Sums, kind: Kind, alpha: float) -> tuple["Floats", "Floats"]:
    """Lower and upper bound of the mean, each one-sided at level 1 - alpha.

    Each is the outer one of two. The first is that of t, of its cluster-robust error and its
    Satterthwaite degrees of freedom, with what is skewed to the bad side taken into account (Hall
    1992, Journal of the Royal Statistical Society B 54). It knows the spread that was seen; where
    few cases are out of line with the others there is little to see, or nothing. So the second
    bounds what may not have been seen: see `most_of_share` and `least_difference`. Amounts have
    no second.

    Args:
        sums: shape (..., G), two contracts or more.
        kind: of the values.
        alpha: risk of each bound, below 0.5.

    >>> import numpy as np
    >>> from reports.statistics.clusters import summed
    >>> alike = summed([0.0] * 200, [f"contract {case % 20}" for case in range(200)])
    >>> [round(float(bound), 3) for bound in mean_bounds(alike, "difference", 0.05)]
    [-0.038, 0.038]
    """
    if kind == "share":
        return lower_bound(sums, kind, alpha), 1 - lower_bound(_complement(sums), kind, alpha)
    return lower_bound(sums, kind, alpha), -lower_bound(_negated(sums), kind, alpha)


def lower_bound(sums: Sums, kind: Kind, alpha: float) -> "Floats":
    """The lower one of `mean_bounds`.

    Of a difference, gains and losses are two shares: see `least_difference`.

    >>> from reports.statistics.clusters import summed
    >>> alike = summed([1.0] * 200, [f"contract {case % 20}" for case in range(200)])
    >>> round(float(lower_bound(alike, "share", 0.05)), 3)
    0.962
    """
    import numpy as np

    mean, error = cluster_error(sums.values, sums.sizes)
    freedom = freedom_of(sums)
    low: Floats = mean - _reach(skewness(sums), freedom, alpha) * error
    if kind == "amount":
        return low
    least = 0.0 if kind == "share" else -1.0
    return np.clip(_unseen(sums, kind, freedom, alpha), least, low.clip(least))


def _unseen(sums: Sums, kind: Kind, freedom: "Floats", alpha: float) -> "Floats":
    if kind == "share":
        other = _complement(sums)
        return 1 - most_of_share(other.gained, other.gained_squares, sums.sizes, freedom, alpha)
    return least_difference(sums, freedom, alpha)


def freedom_of(sums: Sums) -> "Floats":
    """Degrees of freedom, with the data's correlation within contracts, the planned one at least.

    >>> from reports.statistics.clusters import summed
    >>> float(freedom_of(summed([1, 0, 1, 1, 0, 1], ["a", "a", "b", "b", "c", "c"])))
    2.0
    """
    import numpy as np

    correlation = np.clip(correlation_within(sums), CORRELATION, 1.0)
    return degrees_of_freedom(sums.sizes, correlation)


def _reach(skewed: "Floats", freedom: "Floats", alpha: float) -> "Floats":
    """How many errors the lower bound lies below the mean.

    Where (mean - truth) / error has skewness k on the bad side, Hall's transformation
    T - k T**2 / 3 + k**2 T**3 / 27 - k / 6 has none; the quantile of t is put through its inverse.
    Skewness on the good side would move the bound up, and is left alone.
    """
    import numpy as np
    from scipy import stats

    quantile = stats.t.isf(alpha, freedom)
    bad = np.maximum(-skewed, 1e-9)
    moved = 3 / bad * (1 - np.cbrt(1 - bad * (quantile + bad / 6)))
    reach: Floats = np.maximum(moved, quantile)
    return reach


def most_of_share(
    sums: "Floats", squares: "Floats", sizes: "Floats", freedom: "Floats", alpha: float
) -> "Floats":
    """Upper bound of the mean of values in 0..1, at level 1 - alpha, that holds at 0 too.

    That of Clopper and Pearson for as many independent cases as say as much: see `_trials`.

    Args:
        sums: shape (..., G), sum of each contract's values.
        squares: shape (..., G), sum of their squares.
        sizes: shape (..., G), number of each contract's cases.
        freedom: shape (...), of the t that belongs to the mean.
        alpha: risk, below 0.5.

    >>> import numpy as np
    >>> none, sizes = np.zeros(20), np.full(20, 10.0)
    >>> round(float(most_of_share(none, none, sizes, np.array(19.0), 0.05)), 3)
    0.038
    """
    import numpy as np

    mean, effect = _design_effect(sums, squares, sizes)
    rare = np.where((mean <= 0.5)[..., np.newaxis], sums, sizes - sums)
    trials = _trials(sums, squares, sizes, effect, _affected(rare), freedom, alpha)
    return _most(mean, trials, alpha)


def least_difference(sums: Sums, freedom: "Floats", alpha: float) -> "Floats":
    """Lower bound of the mean of values in -1..1, at level 1 - alpha, that holds at 0 too.

    What is gained and what is lost are two shares g and l. With w the upper bound of what is lost
    and b the lower one of what is gained, the difference lies no lower than

        g - l - sqrt(((w - l) * (1 + g / (1 - l))) ** 2 + u * (g - b) ** 2)

    which is the recovery of variance estimates (MOVER; Zou and Donner 2008, Statistics in Medicine
    27): of what turns out to be lost, the part g / (1 - l) was counted as gained. The weight u of
    the gains' own uncertainty is `GAINS` over `GAINS` and the contracts that gained: t knows the
    rest. The cases count by the design effect of the difference, in which what bunches together
    bunches, gained or lost.

    Args:
        sums: shape (..., G).
        freedom: shape (...), of the t that belongs to the mean.
        alpha: risk, below 0.5.

    >>> from reports.statistics.clusters import summed
    >>> names = [f"contract {case % 40}" for case in range(400)]
    >>> one_lost = summed([-1.0] + [0.0] * 399, names)
    >>> round(float(least_difference(one_lost, freedom_of(one_lost), 0.05)), 3)
    -0.019
    """
    import numpy as np
    from scipy import stats

    lost, _ = _design_effect(sums.lost, sums.lost_squares, sums.sizes)
    gained, _ = _design_effect(sums.gained, sums.gained_squares, sums.sizes)
    _, effect = _design_effect(sums.values, sums.squares, sums.sizes)
    affected = _affected(sums.gained + sums.lost)
    trials = _trials(sums.lost, sums.lost_squares, sums.sizes, effect, affected, freedom, alpha)
    worst = _most(lost, trials, alpha)
    with np.errstate(all="ignore"):
        least = np.where(
            gained > 0, stats.beta.ppf(alpha, gained * trials, (1 - gained) * trials + 1), 0.0
        )
    kept = 1 + _over(gained, 1 - lost)
    uncertain = GAINS / (GAINS + _affected(sums.gained))
    reach = np.square((worst - lost) * kept) + uncertain * np.square(gained - least)
    low: Floats = gained - lost - np.sqrt(reach)
    return low


def _trials(
    sums: "Floats",
    squares: "Floats",
    sizes: "Floats",
    effect: "Floats",
    affected: "Floats",
    freedom: "Floats",
    alpha: float,
) -> "Floats":
    """How many independent cases of right or wrong say as much as these.

    n over the design effect, and over the square of t's quantile to the normal one (Korn and
    Graubard 1998, Survey Methodology 24). The design effect is the given one as far as contracts
    are affected, that of a correlation of `UNSEEN` where none is, and never below that of these
    values. Likewise values between 0 and 1 spread less than right and wrong, as far as `GRADED`
    cases or more show it.
    """
    import numpy as np
    from scipy import stats

    cases = sizes.sum(axis=-1)
    mean, seen = _design_effect(sums, squares, sizes)
    assumed = 1 + (np.square(sizes).sum(axis=-1) / cases - 1) * UNSEEN
    effect = (affected * effect + AFFECTED * assumed) / (affected + AFFECTED)
    binary = mean * (1 - mean)
    spread = np.clip(squares.sum(axis=-1) / cases - np.square(mean), 0.0, binary)
    out = np.minimum(mean, 1 - mean) * cases
    graded = (out * np.where(binary > 0, _over(spread, binary), 1.0) + GRADED) / (out + GRADED)
    few = np.maximum(stats.t.isf(alpha, freedom) / stats.norm.isf(alpha), 1.0)
    trials: Floats = cases / np.maximum(effect, seen) / graded / np.square(few)
    return trials


def _design_effect(sums: "Floats", squares: "Floats", sizes: "Floats") -> tuple["Floats", "Floats"]:
    """The mean, and its variance by contracts over that of independent cases, 1 at least."""
    import numpy as np

    cases = sizes.sum(axis=-1)
    mean, error = cluster_error(sums, sizes)
    mean = np.clip(mean, -1.0, 1.0)  # of rounding
    spread = np.maximum(squares.sum(axis=-1) / cases - np.square(mean), 0.0)
    return mean, np.maximum(_over(np.square(error) * cases, spread), 1.0)


def _affected(out: "Floats") -> "Floats":
    """The effective number of contracts that hold what is out of line with the others."""
    import numpy as np

    return _over(np.square(out.sum(axis=-1)), np.square(out).sum(axis=-1))


def _most(mean: "Floats", trials: "Floats", alpha: float) -> "Floats":
    import numpy as np
    from scipy import stats

    with np.errstate(all="ignore"):
        most = stats.beta.isf(alpha, mean * trials + 1, (1 - mean) * trials)
    return np.where(mean < 1, most, 1.0)


def p_value(sums: Sums, kind: Kind, line: float) -> float:
    """Smallest risk at which the lower bound of one exam reaches the line.

    It is 1 where even a risk of one half does not, and 1e-9 at least.

    >>> from reports.statistics.clusters import summed
    >>> won = summed([1.0] * 96, [f"contract {case % 4}" for case in range(96)])
    >>> round(p_value(won, "difference", 0.0), 3)
    0.005
    """
    from scipy.optimize import brentq

    def short(alpha: float) -> float:
        return float(lower_bound(sums, kind, alpha)) - line

    if not short(MOST) >= 0:
        return 1.0
    return LEAST if short(LEAST) >= 0 else float(brentq(short, LEAST, MOST, xtol=1e-7))


def _negated(sums: Sums) -> Sums:
    return Sums(sums.sizes, sums.lost, sums.lost_squares, sums.gained, sums.gained_squares)


def _complement(sums: Sums) -> Sums:
    """Of 1 less each value, of shares."""
    squares = sums.sizes - 2 * sums.gained + sums.gained_squares
    return replace(sums, gained=sums.sizes - sums.gained, gained_squares=squares)


def _over(value: "Floats", unit: "Floats") -> "Floats":
    """Their ratio, 0 where both are nothing."""
    import numpy as np

    ratio: Floats = np.where(unit > 0, value / np.where(unit > 0, unit, 1.0), 0.0)
    return ratio
