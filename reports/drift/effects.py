"""How large a shift is, in units that a person knows, with an interval; and where it is seen."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from reports.drift.signals import Features, Signal, of_one
from reports.drift.units import Unit
from reports.statistics.estimates import Estimate
from reports.statistics.intervals import cluster_mean
from reports.statistics.shifts import auc, auc_interval, classifier_scores

if TYPE_CHECKING:
    from reports.statistics.exchange import Floats

LISTED = 3
"""Examples of a signal."""

SHARES = ("abstention", "grounding", "errors", "judge")
"""Numbers that lie in 0..1."""


@dataclass(frozen=True, slots=True)
class Effect:
    """A feature in the exam and in service, one contract a unit; None where it has no mean.

    `auc` is of a classifier between the two, where the feature is a vector, with an interval where
    there are two units or more of each.
    `examples` are units of service, those that differ most first.
    """

    exam: Estimate | None
    service: Estimate | None
    auc: Estimate | None
    examples: tuple[Unit, ...]


def effect(
    signal: Signal, features: Features, exam: int, units: Sequence[Unit], known: Collection[str]
) -> Effect:
    """Of one signal.

    Args:
        signal: which.
        features: of the exam's units, and then those of service since the change.
        exam: how many are the exam's.
        units: the same, with their texts.
        known: categories of the exam, of which others are unseen.
    """
    import numpy as np

    kept = np.flatnonzero(features.has(signal.feature))
    exam = int(np.searchsorted(kept, exam))
    if exam in (0, len(kept)):
        return Effect(None, None, None, ())
    features, units = features.of(kept), [units[int(place)] for place in kept]
    if signal.feature in features.vectors:
        block = np.r_[np.zeros(exam), np.ones(len(units) - exam)][np.newaxis]
        scores = classifier_scores(features.vectors[signal.feature], block)
        one = min(exam, len(units) - exam) < 2  # of one there is no spread
        low, high = (None, None) if one else auc_interval(scores[0], block[0])
        shown = Estimate(float(auc(scores, block)[0]), low, high, len(units), len(units))
        return Effect(None, None, shown, _examples(scores[0], exam, units))
    if signal.feature in features.names:
        values = np.array([float(each not in known) for each in features.names[signal.feature]])
    else:
        values = features.numbers[signal.feature]
    before = _mean(values[:exam], signal.feature)
    since = _mean(values[exam:], signal.feature)
    sign = 1 if since.mean >= before.mean else -1
    return Effect(before, since, None, _examples(sign * values, exam, units))


def _mean(values: "Floats", feature: str) -> Estimate:
    """Shares in 0..1 have the bounds of shares, others those of amounts."""
    kind: Literal["share", "amount"] = (
        "share" if of_one(feature) in (*SHARES, "category") else "amount"
    )
    names = [str(place) for place in range(len(values))]  # a contract is here once
    return cluster_mean(values.tolist(), names, kind=kind)


def _examples(scores: "Floats", exam: int, units: Sequence[Unit]) -> tuple[Unit, ...]:
    import numpy as np

    order = np.argsort(-scores[exam:], kind="stable")[:LISTED]
    return tuple(units[exam + place] for place in order)
