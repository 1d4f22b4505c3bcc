"""A rate of right answers that an imperfect judge counted, corrected by the judge's errors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reports.statistics.bounds import mean_bounds
from reports.statistics.clusters import Sums, correlation_between, summed
from reports.statistics.estimates import Estimate
from reports.statistics.intervals import interval

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from reports.statistics.clusters import Floats

    Bools = npt.NDArray[np.bool_]


BLIND = "sensitivity + specificity of the judge is not clearly above 1: it is of no use"
TOO_MANY = "the judge passes more than its sensitivity allows: it errs otherwise here"
TOO_FEW = "the judge passes less than its specificity allows: it errs otherwise here"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Answers that people have judged, and the judge too: shape (m,) each.

    `judge` and `people` say who passes the answer. The contracts may be others than the exam's,
    and the share of right answers too; what must be the same is how often the judge errs on right
    ones and on wrong ones.
    """

    judge: Sequence[bool]
    people: Sequence[bool]
    contracts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Corrected:
    """A share of answers that people would pass.

    Attributes:
        estimate: None where it is not defined.
        judged: the share that the judge passes.
        sensitivity: share of the right answers that the judge passes; None without one.
        specificity: share of the wrong ones that it does not pass; None without one.
        reason: why there is no estimate.
    """

    estimate: Estimate | None
    judged: Estimate
    sensitivity: Estimate | None
    specificity: Estimate | None
    reason: str = ""


def corrected_rate(
    judge: Sequence[bool],
    contracts: Sequence[str],
    calibration: Calibration,
    alpha: float = 0.05,
) -> Corrected:
    """Share of answers that people would pass, from a judge that passes some wrongly.

    With q the share that the judge passes, and its sensitivity and specificity,

        share = (q + specificity - 1) / (sensitivity + specificity - 1)

    (Rogan and Gladen 1978, American Journal of Epidemiology 107; of judges that are language
    models Lee et al. 2025, arXiv 2511.21140), cut to 0..1. The interval is that of
    `corrected_bounds`. It is not defined where sensitivity + specificity is not clearly above 1,
    for then the judge cannot tell right from wrong; nor where no share of 0..1 agrees with q, for
    then its errors are others here than in the calibration.

    Args:
        judge: shape (n,), whether the judge passes each answer of the exam.
        contracts: shape (n,), the contract of each answer.
        calibration: answers of which both are known.
        alpha: risk of each end.

    Raises:
        ValueError: no answers, or lengths differ.

    >>> names = [f"contract {case // 10}" for case in range(200)]
    >>> people = [case % 2 == 0 for case in range(200)]
    >>> errs = [case % 9 == 0 for case in range(200)]
    >>> judge = [right != wrong for right, wrong in zip(people, errs)]
    >>> exam = [case % 10 < 7 for case in range(200)]
    >>> found = corrected_rate(exam, names, Calibration(judge, people, names))
    >>> print(f"{found.judged.mean:.2f}, corrected {found.estimate}")
    0.70, corrected 0.766 [0.655, 0.886]
    """
    whole = summed([float(passed) for passed in judge], contracts)
    right, wrong = (_passed(calibration, kind) for kind in (True, False))
    judged = interval(whole, "share", alpha)
    sensitivity = interval(right, "share", alpha) if right else None
    fallout = interval(wrong, "share", alpha) if wrong else None
    found = Corrected(None, judged, sensitivity, _complement(fallout) if fallout else None)
    if not (right and sensitivity and sensitivity.low is not None):
        return replace(found, reason="right answers of two contracts must be labelled")
    if not (wrong and fallout and fallout.low is not None):
        return replace(found, reason="wrong answers of two contracts must be labelled")
    if judged.low is None:
        return replace(found, reason="one contract says nothing of the spread")
    low, high = (float(end) for end in corrected_bounds(whole, right, wrong, alpha))
    if math.isnan(low) or math.isnan(high):
        return replace(found, reason=BLIND)
    if low > 1 or high < 0:
        return replace(found, reason=TOO_MANY if low > 1 else TOO_FEW)
    low, high = max(low, 0.0), min(high, 1.0)
    share = (judged.mean - fallout.mean) / (sensitivity.mean - fallout.mean)
    mean = min(max(share, low), high)
    return replace(found, estimate=Estimate(mean, low, high, judged.n, judged.clusters))


def _passed(calibration: Calibration, kind: bool) -> Sums | None:
    """The judge's passes among the labelled answers that are right, or wrong; None without any."""
    known = zip(calibration.judge, calibration.people, calibration.contracts, strict=True)
    chosen = [(float(passed), name) for passed, right, name in known if right == kind]
    if not chosen:
        return None
    passed, names = zip(*chosen, strict=True)
    return summed(passed, names, sorted(set(calibration.contracts)))


def corrected_bounds(
    passed: Sums, right: Sums, wrong: Sums, alpha: float
) -> tuple["Floats", "Floats"]:
    """Lower and upper bound of the corrected share, each one-sided at level 1 - alpha.

    A share p is refuted where q lies clearly off what it would be,

        q - p * sensitivity - (1 - p) * fallout != 0      fallout = 1 - specificity

    which is a test of an imperfect judge's count with the errors of the calibration in it ("Noisy
    but Valid", Feng et al. 2026, arXiv 2601.20913), and what is not refuted is the interval, as
    Fieller (1954) has it for ratios. How far the sum may lie from 0 comes of the bounds that q,
    sensitivity and fallout have by themselves (`mean_bounds`, so that errors of the judge that
    none of the labelled answers showed are reckoned with), put together as squares (MOVER; Zou and
    Donner 2008), with the correlation of sensitivity and fallout over contracts where that makes
    it further: a judge that is lenient of a contract is so to right and to wrong.

    Args:
        passed: shape (..., G), the judge's passes among all answers of the exam.
        right: shape (..., K), its passes among those that people pass.
        wrong: shape (..., K), its passes among those that they do not.
        alpha: risk of each bound, below 0.5.

    Returns:
        Shape (...) each, not cut to 0..1; NaN where sensitivity is not clearly above fallout.

    >>> import numpy as np
    >>> def counted(of, size):
    ...     passes = np.full(20, of)
    ...     return Sums(np.full(20, size), passes, passes, 0 * passes, 0 * passes)
    >>> found = corrected_bounds(counted(7.0, 10.0), counted(4.5, 5.0), counted(1.0, 5.0), 0.05)
    >>> [round(float(bound), 3) for bound in found]
    [0.602, 0.834]
    """
    import numpy as np

    q, least_q, most_q = _with_bounds(passed, alpha)
    s, least_s, most_s = _with_bounds(right, alpha)
    f, least_f, most_f = _with_bounds(wrong, alpha)
    shared = np.maximum(correlation_between(right, wrong), 0.0)
    low = _root(q, s, f, (q - least_q, most_s - s, most_f - f), shared, -1)
    high = _root(q, s, f, (most_q - q, s - least_s, f - least_f), shared, 1)
    tells = s - f > np.hypot(s - least_s, most_f - f)
    return np.where(tells, low, np.nan), np.where(tells, high, np.nan)


def _with_bounds(sums: Sums, alpha: float) -> tuple["Floats", "Floats", "Floats"]:
    low, high = mean_bounds(sums, "share", alpha)
    return sums.values.sum(axis=-1) / sums.sizes.sum(axis=-1), low, high


def _root(
    q: "Floats",
    s: "Floats",
    f: "Floats",
    reaches: tuple["Floats", "Floats", "Floats"],
    shared: "Floats",
    side: int,
) -> "Floats":
    """Where (q - f - p (s - f)) ** 2 is the square of how far it may lie from 0, on one side.

    That square is a + b p ** 2 + c (1 - p) ** 2 + 2 d p (1 - p): an equation of second degree.
    """
    import numpy as np

    a, b, c = (np.square(reach) for reach in reaches)
    d = shared * reaches[1] * reaches[2]
    second = np.square(s - f) - (b + c - 2 * d)
    first = -2 * (q - f) * (s - f) + 2 * c - 2 * d
    constant = np.square(q - f) - a - c
    defined = (s > f) & (second > 1e-12)
    within = np.maximum(np.square(first) - 4 * second * constant, 0.0)
    root = (-first + side * np.sqrt(within)) / (2 * np.where(defined, second, 1.0))
    return np.where(defined, root, np.nan)


def _complement(share: Estimate) -> Estimate:
    opposite = -share
    low, high = (None if end is None else 1 + end for end in (opposite.low, opposite.high))
    return replace(opposite, mean=1 + opposite.mean, low=low, high=high)
