"""How far a judge agrees with people, and what sways it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from reports.statistics.bootstrap import bca
from reports.statistics.bounds import Kind
from reports.statistics.estimates import Estimate
from reports.statistics.intervals import cluster_mean

if TYPE_CHECKING:
    from reports.statistics.clusters import Floats

STEPS = 5
DRAWS = 2000
ONE_CONTRACT = "one contract says nothing of the spread"
Winner = Literal["A", "B", "tie"]


@dataclass(frozen=True, slots=True)
class Measured:
    """An estimate, or None and the reason; the reason is also why an estimate has no interval."""

    estimate: Estimate | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a judge's scores agree with people's.

    Attributes:
        bias: the judge's scores less people's.
        gain: how much larger the mean absolute error is of giving every answer people's mean. That
            has a kappa of 0 and no rank correlation, however well it does here.
    """

    kappa: Measured
    spearman: Measured
    mean_absolute_error: Measured
    bias: Measured
    gain: Measured


@dataclass(frozen=True, slots=True)
class Confusion:
    """How a judge tells right answers from wrong ones at a mark.

    Attributes:
        sensitivity: share of the answers that reach the mark by people's scores that do by the
            judge's.
        specificity: share of the others that do not by the judge's either.
    """

    sensitivity: Measured
    specificity: Measured


@dataclass(frozen=True, slots=True)
class Shift:
    """What became of a judge's scores when the same answers were judged in another form.

    Attributes:
        mean: second minus first score.
        absolute: its size, whatever its sign.
        unchanged: share of the answers that got the same score.
    """

    mean: Measured
    absolute: Measured
    unchanged: Measured


@dataclass(frozen=True, slots=True)
class PositionBias:
    """What the order of two answers does to a preference.

    Attributes:
        flips: share of the pairs whose winner changes with the order.
        first: share of the won comparisons that the answer in the first place won; without bias
            it is 0.5.
    """

    flips: Measured
    first: Measured


def agreement(
    judge: Sequence[float],
    human: Sequence[float],
    contracts: Sequence[str],
    alpha: float = 0.05,
    seed: int = 0,
) -> Agreement:
    """Agreement with people, each measure with an interval at level 1 - 2 * alpha over contracts.

    Kappa is quadratically weighted, of the scores rounded to `STEPS` equal steps. Kappa and
    Spearman's correlation have BCa intervals as in `cluster_bootstrap`, from `DRAWS` draws.

    Args:
        judge: shape (n,), the judge's scores in 0..1.
        human: shape (n,), people's scores in 0..1 of the same answers.
        contracts: shape (n,), the contract of each answer.
        alpha: risk of each end.
        seed: of the draws.

    Raises:
        ValueError: the lengths differ, or a score is not in 0..1.

    >>> judge, human = [0.0, 0.5, 1.0, 1.0, 0.25, 0.0], [0.0, 0.5, 1.0, 0.75, 0.0, 0.5]
    >>> found = agreement(judge, human, ["a", "a", "b", "b", "c", "c"])
    >>> print(f"{found.kappa.estimate.mean:.2f}, {found.mean_absolute_error.estimate.mean:.2f}")
    0.80, 0.17
    """
    import numpy as np

    left, right = np.asarray(judge, dtype=float), np.asarray(human, dtype=float)
    if not len(left) == len(right) == len(contracts):
        raise ValueError(f"{len(left)} and {len(right)} scores of {len(contracts)} answers")
    if not all(((scores >= 0) & (scores <= 1)).all() for scores in (left, right)):
        raise ValueError("a score is not in 0..1; leave out what could not be scored")
    binned = _binned(left), _binned(right)
    errors = np.abs(left - right)
    of_the_mean = np.abs(right - right.mean()) if len(right) else errors
    return Agreement(
        _resampled(weighted_kappa, *binned, contracts, alpha, seed),
        _resampled(weighted_spearman, left, right, contracts, alpha, seed),
        _mean(errors.tolist(), contracts, alpha),
        _mean((left - right).tolist(), contracts, alpha, "difference"),
        _mean((of_the_mean - errors).tolist(), contracts, alpha, "difference"),
    )


def confusion(
    judge: Sequence[float],
    human: Sequence[float],
    contracts: Sequence[str],
    mark: float,
    alpha: float = 0.05,
) -> Confusion:
    """Sensitivity and specificity at the mark, which right answers reach; over contracts.

    Args:
        judge: shape (n,), the judge's scores in 0..1.
        human: shape (n,), people's scores of the same answers.
        contracts: shape (n,), the contract of each answer.
        mark: what is right.
        alpha: risk of each end.

    Raises:
        ValueError: the lengths differ.

    >>> found = confusion([0.9, 0.4, 0.2, 0.6], [1.0, 0.8, 0.0, 0.0], ["a", "b", "a", "b"], 0.5)
    >>> print(f"{found.sensitivity.estimate.mean}, {found.specificity.estimate.mean}")
    0.5, 0.5
    """
    rows = list(zip(judge, human, contracts, strict=True))
    right = [(float(said >= mark), name) for said, label, name in rows if label >= mark]
    wrong = [(float(said < mark), name) for said, label, name in rows if label < mark]
    return Confusion(*(
        _mean([value for value, _ in each], [name for _, name in each], alpha)
        if each else Measured(None, f"no answer is labelled {side} {mark:g}")
        for each, side in ((right, "at or above"), (wrong, "below"))
    ))  # fmt: skip


def shift(
    first: Sequence[float],
    second: Sequence[float],
    contracts: Sequence[str],
    alpha: float = 0.05,
) -> Shift:
    """Paired change of a judge's scores, clustered by contract.

    It reads test-retest (the same again), verbosity bias (`second` of padded answers) and
    resistance to injections (`second` of answers that give the judge orders).

    Args:
        first: shape (n,), scores in 0..1.
        second: shape (n,), scores of the same answers in another form.
        contracts: shape (n,), the contract of each answer.
        alpha: risk of each end.

    Raises:
        ValueError: the lengths differ, or a score is not finite.

    >>> padded = shift([0.5, 1.0, 0.0], [0.75, 1.0, 0.25], ["a", "b", "c"])
    >>> print(f"{padded.mean.estimate:+.2f}")
    +0.17 [-0.99, +1.00]
    """
    changes = [after - before for before, after in zip(first, second, strict=True)]
    sizes = [abs(change) for change in changes]
    same = [float(size < 1e-9) for size in sizes]
    return Shift(
        _mean(changes, contracts, alpha, "difference"),
        _mean(sizes, contracts, alpha),
        _mean(same, contracts, alpha),
    )


def position_bias(
    preferences: Sequence[tuple[Winner, Winner]],
    contracts: Sequence[str],
    alpha: float = 0.05,
) -> PositionBias:
    """Whether the place of an answer decides (Zheng et al. 2023, arXiv 2306.05685, sec. 3.3).

    Args:
        preferences: who won each pair, with A shown first, then with B shown first.
        contracts: shape (n,), the contract of each pair.
        alpha: risk of each end.

    Raises:
        ValueError: the lengths differ.

    >>> found = position_bias([("A", "A"), ("A", "B"), ("B", "B")], ["a", "b", "c"])
    >>> print(f"{found.flips.estimate.mean:.2f}")
    0.33
    """
    flips = [float(one != other) for one, other in preferences]
    won = [
        (float(winner == shown_first), contract)
        for pair, contract in zip(preferences, contracts, strict=True)
        for winner, shown_first in zip(pair, "AB", strict=True)
        if winner != "tie"
    ]
    return PositionBias(
        _mean(flips, contracts, alpha),
        _mean([one for one, _ in won], [name for _, name in won], alpha),
    )


def _binned(scores: "Floats") -> "Floats":
    """The nearest of `STEPS` equal steps, halves upwards, as whole numbers from 0."""
    import numpy as np

    steps: Floats = np.floor(scores * (STEPS - 1) + 0.5)
    return steps


def kappa_of_two(
    one: Sequence[float],
    other: Sequence[float],
    contracts: Sequence[str],
    alpha: float = 0.05,
    seed: int = 0,
) -> Measured:
    """Quadratically weighted kappa of two people's scores, as they gave them, over contracts.

    See `weighted_kappa`. Nothing is rounded, as `agreement` does to a judge's scores: people choose
    among steps, whose distances count as they are.

    Args:
        one: shape (n,), one person's scores.
        other: shape (n,), another's scores of the same answers.
        contracts: shape (n,), the contract of each answer.
        alpha: risk of each end.
        seed: of the draws.

    Raises:
        ValueError: the lengths differ.

    >>> found = kappa_of_two([0.4, 0.6, 1.0, 0.0], [0.6, 0.4, 1.0, 0.0], ["a", "b", "a", "b"])
    >>> print(f"{found.estimate.mean:.2f}")
    0.92
    """
    import numpy as np

    if not len(one) == len(other) == len(contracts):
        raise ValueError(f"{len(one)} and {len(other)} scores of {len(contracts)} answers")
    if not len(one):
        return Measured(None, "no answers were scored by both")
    left, right = np.asarray(one, dtype=float), np.asarray(other, dtype=float)
    if not (np.ptp(left) and np.ptp(right)):
        return Measured(None, "not defined: one of the two said the same of everything")
    return _over_contracts(
        lambda weights: weighted_kappa(weights, left, right), contracts, alpha, seed
    )


def krippendorff_alpha(
    scores: Sequence[Sequence[float | None]],
    contracts: Sequence[str],
    alpha: float = 0.05,
    seed: int = 0,
) -> Measured:
    """Krippendorff's alpha of several people's scores, with a BCa interval over contracts.

    1 - D_o / D_e for squared differences (Krippendorff 2011, Computing Krippendorff's
    alpha-reliability): D_o is their mean within answers, each answer counting by its scores; D_e
    that between any two scores. 1 is agreement, 0 what scores that were dealt out by chance have.
    Answers with fewer than two scores do not count.

    Args:
        scores: shape (n, raters), None where somebody gave no score.
        contracts: shape (n,), the contract of each answer.
        alpha: risk of each end.
        seed: of the draws.

    Raises:
        ValueError: the lengths differ.

    >>> scores = [(0.0, 0.0), (1.0, 0.8), (0.4, 0.6), (1.0, None), (0.2, 0.0), (0.8, 1.0)]
    >>> print(f"{krippendorff_alpha(scores, 'aabbcc').estimate.mean:.2f}")
    0.91
    """
    import numpy as np

    rows = [
        ([each for each in given if each is not None], contract)
        for given, contract in zip(scores, contracts, strict=True)
    ]
    rows = [(given, contract) for given, contract in rows if len(given) > 1]
    if not rows:
        return Measured(None, "no answers were scored by two people")
    if len({each for given, _ in rows for each in given}) == 1:
        return Measured(None, "every score is the same")
    raters = np.array([len(given) for given, _ in rows], dtype=float)
    sums = np.array([sum(given) for given, _ in rows])
    squares = np.array([sum(each * each for each in given) for given, _ in rows])
    within = 2 * (raters * squares - sums * sums) / (raters - 1)

    def statistic(weights: "Floats") -> "Floats":
        count, total = weights @ raters, weights @ sums
        between = 2 * (count * (weights @ squares) - total * total)
        expected = np.where(between < 1e-12, np.nan, between / (count - 1))
        found: Floats = 1 - (weights @ within) / expected
        return found

    return _over_contracts(statistic, [contract for _, contract in rows], alpha, seed)


def _resampled(
    statistic: "Callable[[Floats, Floats, Floats], Floats]",
    judge: "Floats",
    human: "Floats",
    contracts: Sequence[str],
    alpha: float,
    seed: int,
) -> Measured:
    """The statistic of two people's scores with its BCa interval."""
    import numpy as np

    for who, scores in (("judge", judge), ("human", human)):
        if not len(scores):
            return Measured(None, "no answers were scored by both")
        if not np.ptp(scores):
            return Measured(None, f"every {who} score is the same")
    return _over_contracts(lambda weights: statistic(weights, judge, human), contracts, alpha, seed)


def _over_contracts(
    statistic: "Callable[[Floats], Floats]", contracts: Sequence[str], alpha: float, seed: int
) -> Measured:
    """The statistic with its BCa interval; contracts are drawn whole, as weights of cases."""
    import numpy as np

    names, members = np.unique(np.asarray(contracts), return_inverse=True)
    groups = len(names)

    def of_draws(drawn: "Floats", axis: int = -1) -> "Floats":
        del axis  # scipy asks for it; contracts are always last
        places = drawn.astype(np.intp).reshape(-1, drawn.shape[-1])
        apart = places + groups * np.arange(len(places))[:, np.newaxis]
        counts = np.bincount(apart.ravel(), minlength=groups * len(places)).reshape(-1, groups)
        found = statistic(counts[:, members].astype(float))
        return found.reshape(drawn.shape[:-1])

    whole = float(statistic(np.ones(len(contracts))))
    low, high = bca(of_draws, groups, whole, alpha, DRAWS, seed)
    reason = ONE_CONTRACT if groups < 2 else "too few contracts hold different scores"
    estimate = Estimate(whole, low, high, len(contracts), groups)
    return Measured(estimate, reason if low is None else "")


def _mean(
    values: Sequence[float],
    contracts: Sequence[str],
    alpha: float,
    kind: Kind = "share",
) -> Measured:
    if not values:
        return Measured(None, "nothing was scored in both forms")
    estimate = cluster_mean(values, contracts, alpha, kind)
    return Measured(estimate, ONE_CONTRACT if estimate.low is None else "")


def weighted_kappa(weights: "Floats", left: "Floats", right: "Floats") -> "Floats":
    """Quadratically weighted kappa: 1 - E(a - b)^2 / E'(a - b)^2, E' with a, b independent.

    E' is var a + var b + (mean a - mean b)^2 (Cohen 1968; Fleiss and Cohen 1973).

    Args:
        weights: shape (..., n), how often each case counts.
        left: shape (n,), equally spaced categories.
        right: shape (n,).

    Returns:
        Shape (...); NaN where both raters know one and the same category.

    >>> import numpy as np
    >>> once = np.ones(4)
    >>> judge, near, far = np.array([0, 1, 2, 4]), np.array([0, 1, 2, 3]), np.array([4, 1, 2, 0])
    >>> [round(float(weighted_kappa(once, judge, human)), 2) for human in (near, far)]
    [0.93, -0.83]
    """
    import numpy as np

    total = weights.sum(axis=-1)
    mean_left, mean_right = weights @ left / total, weights @ right / total
    squares = weights @ np.square(left) / total + weights @ np.square(right) / total
    chance = squares - 2 * mean_left * mean_right
    apart = weights @ np.square(left - right) / total
    kappa: Floats = 1 - apart / np.where(chance < 1e-12, np.nan, chance)
    return kappa


def weighted_spearman(weights: "Floats", left: "Floats", right: "Floats") -> "Floats":
    """Spearman's correlation where case i stands `weights[..., i]` times: Pearson's of midranks.

    Args:
        weights: shape (..., n), whole numbers.
        left: shape (n,).
        right: shape (n,).

    Returns:
        Shape (...); NaN where one side is constant.

    >>> import numpy as np
    >>> left, right = np.array([0.1, 0.2, 0.9]), np.array([0.0, 0.5, 0.6])
    >>> float(weighted_spearman(np.ones(3), left, right))
    1.0
    """
    import numpy as np

    total = weights.sum(axis=-1, keepdims=True)
    # (total + 1) / 2 is the mean of all ranks, whatever the ties.
    one, other = (_midranks(weights, scores) - (total + 1) / 2 for scores in (left, right))
    spread = (weights * one * one).sum(axis=-1) * (weights * other * other).sum(axis=-1)
    shared = (weights * one * other).sum(axis=-1)
    correlation: Floats = shared / np.sqrt(np.where(spread < 1e-9, np.nan, spread))
    return correlation


def _midranks(weights: "Floats", scores: "Floats") -> "Floats":
    import numpy as np

    order = np.argsort(scores, kind="stable")
    _, place, tied = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(tied)
    sizes = np.add.reduceat(weights[..., order], ends - tied, axis=-1)
    ranks: Floats = (np.cumsum(sizes, axis=-1) - (sizes - 1) / 2)[..., place]
    return ranks
