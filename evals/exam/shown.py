"""By which passages an answer is scored: those that the model was shown, of the case that asks."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from fixtures.cases import Case, Contract
from fixtures.retrieval.gold import by_need, gold_passages, mixed
from fixtures.retrieval.passages import Chunker, Passage
from models.chat import Answer, Model


def offered(model: Model, ranked: Sequence[Passage]) -> tuple[Passage, ...]:
    """What a model is given of a ranking: nothing without text, nothing to a closed book."""
    return tuple(p for p in ranked if p.text.strip()) if model.uses_passages else ()


def with_gold(
    model: Model, case: Case, ranked: Sequence[Passage], chunker: Chunker
) -> tuple[Passage, ...]:
    """The gold passages among the best of a ranking, as many in all as the model has room for.

    Of a case that the contract does not answer: the best of the ranking alone. The order is the
    case's own. Where a gold passage would be cut in it, there are fewer distractors.
    """
    ranked = offered(model, ranked)
    gold = gold_passages(case, _passages(chunker, case.contract))
    if not ranked or (case.answerable and not gold):
        return ranked
    needed = by_need(case, ranked, gold)
    for count in range(len(model.shown(case, ranked)), 1, -1):
        order = mixed(case, needed[:count])
        if {*gold[:count]} <= {*model.shown(case, order)}:
            return order
    return needed[:1]


@lru_cache(maxsize=16)  # the cases of a contract come together
def _passages(chunker: Chunker, contract: Contract) -> tuple[Passage, ...]:
    return chunker.split(contract)


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
