"""By which passages an answer is scored: those that the model was shown, of the case that asks."""

from collections.abc import Sequence
from dataclasses import replace

from fixtures.cases import Case
from fixtures.retrieval.passages import Passage
from models.chat import Answer, Model


def offered(model: Model, ranked: Sequence[Passage]) -> tuple[Passage, ...]:
    """What a model is given of a ranking: nothing without text, nothing to a closed book."""
    return tuple(p for p in ranked if p.text.strip()) if model.uses_passages else ()


def shown(model: Model, case: Case, passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """What a model is shown of the passages offered to it, whether it is asked or not."""
    return tuple(model.shown(case, passages))


def belonging(answer: Answer, case: Case) -> Answer:
    """The answer with its passages under the name of the case's own contract.

    Contracts of one text under two titles share their answers.
    """
    contract = case.contract
    passages = tuple(
        replace(p, contract_id=contract.id)
        if p.contract_id != contract.id and contract.text[p.start : p.end] == p.text
        else p
        for p in answer.passages
    )
    return answer if passages == answer.passages else replace(answer, passages=passages)
