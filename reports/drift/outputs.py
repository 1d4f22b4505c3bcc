"""What was answered, as features. Gold answers are not looked at: service has none."""

from collections.abc import Sequence

from evals.language.declining import abstains
from evals.metrics.grounding import grounded_quote
from fixtures.cases import Case, Contract
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from reports.drift.signals import Features
from reports.drift.units import Unit

APART = 10**8
"""Between the offsets of two passages, which the log does not say: they are not to be joined."""

MISSING = float("nan")


def output_features(units: Sequence[Unit]) -> Features:
    """Features of what was answered; those of a request without an answer are missing."""
    import numpy as np

    return Features(
        {},
        {
            "abstention": np.array([_abstention(each) for each in units]),
            "grounding": np.array([_grounding(each) for each in units]),
            "answer_length": np.array(
                [MISSING if each.error else float(len(each.answer)) for each in units]
            ),
            "errors": np.array([float(bool(each.error)) for each in units]),
        },
        {},
    )


def _abstention(unit: Unit) -> float:
    return MISSING if unit.error else float(abstains(unit.answer, unit.question))


def _grounding(unit: Unit) -> float:
    if unit.error:
        return MISSING
    value = grounded_quote(case_of(unit), answer_of(unit)).value
    return MISSING if value is None else value


def case_of(unit: Unit) -> Case:
    """The request as a case without gold answers, of a contract whose text nobody knows."""
    contract = Contract(unit.contract, "\n".join(unit.passages), whole=False)
    return Case(unit.id, unit.id, contract, unit.category, unit.question, ())


def answer_of(unit: Unit) -> Answer:
    """The answer, with the passages that were shown."""
    shown = tuple(
        Passage(unit.contract, place * APART, place * APART + len(text), text)
        for place, text in enumerate(unit.passages)
    )
    return Answer(unit.answer, passages=shown, error=unit.error or None)
