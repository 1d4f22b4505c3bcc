"""Service beside its exam: features of both, the decision, and how large each shift is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from common.identity import digest
from reports.drift.detector import EXAM, LEAST, Block, Decision, Detected, blocks_of, decide
from reports.drift.effects import Effect, effect
from reports.drift.inputs import input_features
from reports.drift.log import Log
from reports.drift.means import Asked, with_means
from reports.drift.outputs import output_features
from reports.drift.reference import Reference
from reports.drift.signals import Features
from reports.drift.units import DRAWN, Unit
from reports.drift.vectors import Vectors

if TYPE_CHECKING:
    from reports.statistics.exchange import Floats

Outcome = Literal["drift", "none", "too little"]


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of it.

    Attributes:
        outcome: whether drift was found, or why nothing can be said.
        why: of `too little`, in words.
        decision: None where nothing could be looked at.
        signals: of the decision, each with its effect.
        waiting: contracts of service that no look has seen yet.
    """

    outcome: Outcome
    why: str
    decision: Decision | None
    signals: tuple[tuple[Detected, Effect], ...]
    waiting: int


def watch(
    reference: Reference, log: Log, vectors: Vectors, judged: "Floats | None" = None
) -> Watched:
    """Compare.

    Args:
        reference: the exam.
        log: of service.
        vectors: embeds.
        judged: a judge's scores of the exam's units and then those of service, NaN where none.
    """
    if why := too_little(reference, log):
        return Watched("too little", why, None, (), len(log.units))
    exam = len(reference.units)
    blocks = _blocks(reference, log)
    units = (*reference.units, *log.units[: blocks[-1].end - exam])
    features = _features(units, vectors, judged)
    seed = int(digest("drift", reference.exam, reference.model)[:15], 16)
    decision = decide(features, blocks, exam, seed)
    effects = tuple(
        (each, _effect(each, decision, features, units, reference)) for each in decision.signals
    )
    outcome: Outcome = "drift" if decision.alarms else "none"
    return Watched(outcome, "", decision, effects, exam + len(log.units) - decision.blocks[-1].end)


def too_little(reference: Reference, log: Log) -> str:
    """Why nothing can be said; empty where something can."""
    exam = len(reference.units)
    if exam < EXAM:
        return f"the exam has {exam} contracts, fewer than {EXAM}"
    if not _blocks(reference, log):
        return f"service has {len(log.units)} new contracts, fewer than {LEAST}"
    return ""


def _blocks(reference: Reference, log: Log) -> tuple[Block, ...]:
    return blocks_of([each.day for each in log.units], len(reference.units))


def _features(units: Sequence[Unit], vectors: Vectors, judged: "Floats | None") -> Features:
    asked = [_asked(units, number, vectors) for number in range(DRAWN)]
    found = with_means([each for each in asked if each[1]])
    judge = {} if judged is None else {"judge": judged[: len(units)]}
    return Features(found.vectors, {**found.numbers, **judge}, found.names)


def _asked(units: Sequence[Unit], number: int, vectors: Vectors) -> Asked:
    """Of the `number`-th question, from 0, of the units that were asked so many."""
    requests = [(each, *each.further) for each in units]
    places = [place for place, each in enumerate(requests) if len(each) > number]
    return _of_one([requests[place][number] for place in places], vectors), places


def _of_one(units: Sequence[Unit], vectors: Vectors) -> Features:
    asked = input_features(units, vectors.questions, vectors.passages)
    answered = output_features(units)
    return Features(asked.vectors, {**asked.numbers, **answered.numbers}, asked.names)


def _effect(
    each: Detected,
    decision: Decision,
    features: Features,
    units: Sequence[Unit],
    reference: Reference,
) -> Effect:
    import numpy as np

    places = np.r_[decision.examined, each.within]
    chosen = [units[place] for place in places]
    exam = len(decision.examined)
    return effect(each.signal, features.of(places), exam, chosen, reference.categories)
