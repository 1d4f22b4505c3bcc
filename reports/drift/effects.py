"""How large a shift is, in units that a person knows, with an interval; and where it is seen."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

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

    `auc` is of a classifier between the two, with its interval, where the feature is a vector.
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
        shown = Estimate(float(auc(scores, block)[0]), *auc_interval(scores[0], block[0]),
                         len(units), len(units))  # fmt: skip
        return Effect(None, None, shown, _examples(scores[0], exam, units))
    if signal.feature in features.names:
        unseen = np.array([float(bool(each) and each not in known)
                           for each in features.names[signal.feature]])  # fmt: skip
        said = [bool(each) for each in features.names[signal.feature]]
        values = np.where(said, unseen, np.nan)
    else:
        values = features.numbers[signal.feature]
    one = _mean(values[:exam], signal.feature, units[:exam])
    other = _mean(values[exam:], signal.feature, units[exam:])
    sign = 1 if one is None or other is None or other.mean >= one.mean else -1
    ordered = np.where(np.isfinite(values), sign * values, -np.inf)
    return Effect(one, other, None, _examples(ordered, exam, units))


def _mean(values: "Floats", feature: str, units: Sequence[Unit]) -> Estimate | None:
    """Shares in 0..1 have the bounds of shares, others those of amounts."""
    import numpy as np

    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return None
    kind = "share" if of_one(feature) in (*SHARES, "category") else "amount"
    names = [str(place) for place in known]  # a contract is here once
    return cluster_mean(values[known].tolist(), names, kind=kind)  # type: ignore[arg-type]


def _examples(scores: "Floats", exam: int, units: Sequence[Unit]) -> tuple[Unit, ...]:
    import numpy as np

    order = np.argsort(-scores[exam:], kind="stable")[:LISTED]
    return tuple(units[exam + place] for place in order if np.isfinite(scores[exam + place]))
