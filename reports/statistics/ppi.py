"""Prediction-powered inference: a few people's labels, sharpened by a judge's many scores."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reports.statistics.bounds import Kind, freedom_of, least_difference, mean_bounds
from reports.statistics.clusters import Sums, correlation_between, summed
from reports.statistics.estimates import Estimate
from reports.statistics.intervals import interval

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from reports.statistics.clusters import Floats


NOTHING = 1e-18
"""What is left of a sum of squares where all values are equal: rounding."""

LEAST_FREEDOM = 2.0
"""Degrees of freedom of the labels, of which a fit of lambda would leave one."""


@dataclass(frozen=True, slots=True)
class _Cases:
    """Arrays of shape (n,): the judge's scores, people's where `seen`, and contracts.

    `weights` says how many cases each labelled one stands for, None where all stand for as many.
    `rest` are those whose judge's scores make the second mean: the others, and where labelled
    cases have weights all of them.
    """

    judge: "Floats"
    people: "Floats"
    seen: "npt.NDArray[np.bool_]"
    contracts: "npt.NDArray[np.str_]"
    weights: "Floats | None" = None

    @property
    def rest(self) -> "npt.NDArray[np.bool_]":
        """Of which cases the judge's mean is taken as it is."""
        return ~self.seen if self.weights is None else self.seen | ~self.seen

    def of_labelled(self, values: "Floats", among: Sequence[str] = ()) -> Sums:
        """What values of the labelled cases add up to, each as often as it counts."""
        weights = None if self.weights is None else self.weights[self.seen]
        return summed(values[self.seen].tolist(), self.known, among, weights)

    @property
    def known(self) -> list[str]:
        """Contracts of the labelled cases."""
        found: list[str] = self.contracts[self.seen].tolist()
        return found


@dataclass(frozen=True, slots=True)
class PredictionPowered:
    """A mean of people's scores that people gave to some cases only.

    Attributes:
        estimate: over all cases; without an interval where labels come from one contract.
        labels: of the labels alone.
        tuning: the weight of the judge, lambda, in 0..1; 0 leaves the labels alone.
        gain: square of the labels' interval over that of the estimate's: as many times as many
            labels would have been needed. None without intervals, 1 where lambda is 0.
    """

    estimate: Estimate
    labels: Estimate
    tuning: float
    gain: float | None


def prediction_powered_mean(
    judge: Sequence[float],
    human: Sequence[float | None],
    contracts: Sequence[str],
    alpha: float = 0.05,
    *,
    kind: Kind = "share",
    tuning: float | None = None,
    chances: Sequence[float] | None = None,
) -> PredictionPowered:
    """PPI++ estimate of the mean human score, clustered by contract.

    With labels Y and judge scores f on n labelled cases, and judge scores f~ on the N others,

        estimate = mean(Y - lambda * f) + lambda * mean(f~)

    (Angelopoulos, Duchi, Zrnic 2023, arXiv 2311.01453, mean with power tuning). It is right
    whatever the judge, where the labelled cases are a random draw of contracts or of cases. The
    bounds of the two means (`mean_bounds`) are put together as squares (MOVER; Zou and Donner
    2008), with their correlation over contracts where that makes the interval wider. Those of the
    first are t's, with Satterthwaite's degrees of freedom, which are few where a few contracts hold
    the labels; and no closer than errors of the judge that the labels did not show may move it
    (`least_difference`), lambda times, and what the labels alone do not know, 1 - lambda times: so
    thirty labels on which the judge never erred do not make it infallible. Ends are cut to what the
    values can be.

    lambda is that of the least variance over contracts, cut to 0..1, and shrunk as a slope found
    on few is (`_tuning`); its fit costs the first mean one degree of freedom. With fewer than
    three contracts, or less than two degrees of freedom, it is 0.

    Where cases were labelled with chances pi of their own, the first mean weighs each by 1 / pi
    over the sum of these, and the second is over all n + N cases (active inference: Zrnic and
    Candes 2024, arXiv 2403.03208; the weighted mean is Hajek's). The labels count as
    (sum of weights) ** 2 / (sum of their squares) (Kish 1965).

    Args:
        judge: shape (n + N,), the judge's score of every case.
        human: shape (n + N,), people's scores, None where there is none.
        contracts: shape (n + N,), the contract of each case.
        alpha: risk of each end; the level is 1 - 2 * alpha.
        kind: of the scores: shares, or differences of two.
        tuning: lambda, if it shall not be fitted.
        chances: shape (n + N,), with which each case was drawn to be labelled, above 0 where it
            was; None where they are equal.

    Raises:
        ValueError: no label, lengths differ, a score is not finite, or a labelled case had no
            chance.

    >>> contracts = [f"contract {case}" for case in range(100)]
    >>> judge = [case % 7 / 6 for case in range(100)]
    >>> human = [judge[case] if case < 20 else None for case in range(100)]
    >>> found = prediction_powered_mean(judge, human, contracts)
    >>> print(f"{found.labels}, with the judge {found.estimate}")
    0.475 [0.297, 0.658], with the judge 0.491 [0.354, 0.628]
    """
    import numpy as np

    cases = _cases(judge, human, contracts, chances)
    groups = len(set(contracts))
    labels = interval(cases.of_labelled(cases.people), kind, alpha)
    labels = replace(labels, n=len(cases.known))
    widened = 1.0
    if tuning is None:
        tuning, widened = _tuned(cases, alpha)
    if not tuning or len(set(cases.contracts[cases.rest])) < 2:
        alone = replace(labels, n=len(judge), clusters=groups)
        return PredictionPowered(alone, labels, 0.0, None if labels.low is None else 1.0)
    corrected = cases.of_labelled(cases.people - tuning * cases.judge)
    mean = corrected.values.sum() / corrected.sizes.sum()
    mean = float(mean + tuning * cases.judge[cases.rest].mean())
    estimate = Estimate(mean, None, None, len(judge), groups)
    if labels.low is None or labels.high is None:
        return PredictionPowered(estimate, labels, tuning, None)
    alone_reach = np.array([labels.mean - labels.low, labels.high - labels.mean])
    below, above = _reaches(cases, alone_reach, (tuning, widened), kind, alpha)
    least = -1.0 if kind == "difference" else 0.0
    low, high = max(mean - below, least), min(mean + above, 1.0)
    estimate = replace(estimate, mean=min(max(mean, low), high), low=low, high=high)
    gain = ((labels.high - labels.low) / (high - low)) ** 2 if high > low else None
    return PredictionPowered(estimate, labels, tuning, gain)


def _cases(
    judge: Sequence[float],
    human: Sequence[float | None],
    contracts: Sequence[str],
    chances: Sequence[float] | None,
) -> _Cases:
    """The arguments of `prediction_powered_mean`, which it describes, as arrays.

    Raises:
        ValueError: see there.
    """
    import numpy as np

    if not len(judge) == len(human) == len(contracts):
        raise ValueError(f"{len(judge)} scores, {len(human)} labels, {len(contracts)} contracts")
    cases = _Cases(
        np.asarray(judge, dtype=float),
        np.array([label or 0.0 for label in human], dtype=float),
        np.array([label is not None for label in human], dtype=bool),
        np.asarray(contracts),
    )
    if chances is not None:
        cases = replace(cases, weights=_weights(np.asarray(chances, dtype=float), cases.seen))
    if not np.isfinite(cases.judge).all():
        raise ValueError("a judge's score is not finite; leave out what could not be scored")
    return cases


def _reaches(
    cases: _Cases, alone: "Floats", tuned: tuple[float, float], kind: Kind, alpha: float
) -> tuple[float, float]:
    """How far the bounds lie below the estimate and above it.

    Args:
        cases: all of them.
        alone: shape (2,), how far those of the labels alone lie.
        tuned: lambda, and by how much t's bound of the corrected labels is widened for its fit.
        kind: of the scores.
        alpha: risk of each.
    """
    import numpy as np

    tuning, widened = tuned
    among, rest_of = cases.contracts.tolist(), cases.rest
    corrected = cases.of_labelled(cases.people - tuning * cases.judge, among)
    rest = summed(cases.judge[rest_of].tolist(), cases.contracts[rest_of].tolist(), among)
    errors = _unseen(cases, alpha)
    unseen = np.hypot(tuning * errors, (1 - tuning) * alone)
    first = np.maximum(widened * _reach(corrected, "amount", alpha), unseen)
    second = tuning * _reach(rest, kind, alpha)
    shared = 2 * max(float(correlation_between(corrected, rest)), 0.0)
    below, above = np.sqrt(first**2 + second**2 + shared * first * second).tolist()
    return below, above


def _weights(chances: "Floats", seen: "npt.NDArray[np.bool_]") -> "Floats":
    """How many cases each labelled one stands for, 0 for the others, shape (n,)."""
    import numpy as np

    if chances.shape != seen.shape or not (chances[seen] > 0).all():
        raise ValueError("a labelled case had no chance to be drawn")
    inverse = np.where(seen, 1 / np.where(seen, chances, 1.0), 0.0)
    weights: Floats = inverse * inverse.sum() / np.square(inverse).sum()
    return weights


def _reach(sums: Sums, kind: Kind, alpha: float) -> "Floats":
    """How far the bounds lie below the mean and above it, shape (2,)."""
    import numpy as np

    mean = sums.values.sum() / sums.sizes.sum()
    low, high = mean_bounds(sums, kind, alpha)
    reach: Floats = np.array([mean - low, high - mean])
    return reach


def _unseen(cases: _Cases, alpha: float) -> "Floats":
    """How far errors of the judge that the labels did not show may move their mean, shape (2,).

    Errors of differences may be as large as 2.
    """
    import numpy as np

    errors = cases.people - cases.judge
    most = max(1.0, float(np.abs(errors[cases.seen]).max()))
    reaches = []
    for side in (1, -1):
        sums = cases.of_labelled(side * errors / most)
        mean = sums.values.sum() / sums.sizes.sum()
        reaches.append(most * (mean - least_difference(sums, freedom_of(sums), alpha)))
    return np.array(reaches, dtype=np.float64)


def _tuned(cases: _Cases, alpha: float) -> tuple[float, float]:
    """Lambda, and by how much bounds lie further out for the degree of freedom that it costs."""
    import numpy as np
    from scipy import stats

    seen, groups = cases.seen, len(set(cases.known))
    if seen.all() or groups < 3:
        return 0.0, 1.0
    freedom = float(freedom_of(cases.of_labelled(cases.people)))
    if freedom <= LEAST_FREEDOM:
        return 0.0, 1.0
    _, members = np.unique(cases.contracts, return_inverse=True)
    counted = seen.astype(float) if cases.weights is None else cases.weights
    own = _residuals(cases.people, counted, members)
    rest = _residuals(cases.judge, cases.rest.astype(float), members)
    bridge = rest - _residuals(cases.judge, counted, members)
    wider = float(stats.t.isf(alpha, freedom - 1)) / float(stats.t.isf(alpha, freedom))
    return _tuning(own, bridge, groups), wider * math.sqrt(freedom / (freedom - 1))


def _residuals(values: "Floats", counted: "Floats", members: "npt.NDArray[np.intp]") -> "Floats":
    """Residuals from the mean of values, each counted so often, over their number, by contract."""
    import numpy as np

    spread = counted * (values - np.average(values, weights=counted)) / counted.sum()
    return np.bincount(members, weights=spread).astype(np.float64, copy=False)


def _tuning(own: "Floats", bridge: "Floats", contracts: int) -> float:
    """The lambda in 0..1 of the least variance, shrunk by what is not known of it.

    It is minus the slope of own on bridge, -sum(a * b) / sum(b ** 2), of as many points as
    contracts hold labels. The slope times 1 - 1 / F, 0 at least, predicts better than itself, for F
    the square of the slope over its error (Copas 1983, Journal of the Royal Statistical Society B
    45): a judge that has not shown what it is worth is not heard.
    """
    squares = float(bridge @ bridge)
    if squares <= NOTHING or contracts < 3:
        return 0.0
    slope = -float(own @ bridge) / squares
    if slope <= 0:
        return 0.0
    left = own + slope * bridge
    unsure = float(left @ left) / (contracts - 2) / squares
    return min(max(slope - unsure / slope, 0.0), 1.0)
