"""Answers are scored by the passages that the model was shown, of the case's own contract."""

import asyncio

import pytest

from evals.calls.store import Store
from evals.exam.exam import Exam
from evals.plan import Plan
from fixtures.cases import Case, Contract, Span
from fixtures.retrieval.retrieval import Retriever, RetrieverOptions
from models.echo import EchoChat
from models.prompted import PromptedModel, Template

RETRIEVAL = ("hit@1", "hit@5", "recall@5", "mrr", "ndcg@5")


def examined(store, model, cases, folder, **options):
    retriever = Retriever(RetrieverOptions("bm25"), "sample", folder)
    exam = Exam(Plan((model,), tuple(cases), **options), retriever, store)
    asyncio.run(exam.execute())
    return [{name: each.scores.get(name) for name in RETRIEVAL} for each in exam.run.results]


@pytest.fixture
def opened(tmp_path):
    stores = []

    def open_store(name):
        stores.append(Store(str(tmp_path / f"{name}.sqlite")))
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


@pytest.mark.fault("IN-2")
@pytest.mark.parametrize(
    ("most", "context"), [(1, 8192), (3, 8192), (None, 250)], ids=["one", "three", "trimmed"]
)
def test_whoever_computes_hit_at_k_looks_at_what_the_model_is_shown(
    opened, sample, tmp_path, most, context
):
    cases = [case for case in sample.cases if case.answerable][:24]
    model = PromptedModel(EchoChat(context=context), Template(), most_passages=most)
    whole = examined(opened("whole"), model, cases, tmp_path)
    again = examined(opened("whole"), model, cases, tmp_path, needs_answers=False)
    alone = examined(opened("alone"), model, cases, tmp_path, needs_answers=False)
    declined = examined(opened("declined"), model, cases, tmp_path, max_calls=5)
    assert whole == again == alone == declined
    offered = PromptedModel(EchoChat(context=10**6), Template())
    assert whole != examined(opened("offered"), offered, cases, tmp_path)


@pytest.mark.fault("ID-3")
@pytest.mark.parametrize("copies", [2, 3])
def test_contracts_of_one_text_have_passages_of_their_own(opened, tmp_path, copies):
    cases = []
    for number in range(6):
        clause = f"The governing law is that of Nevada, version {number}."
        text = "Preamble. " + "Filler about nothing. " * 60 + clause + " More filler." * 60
        for copy in range(copies):
            contract = Contract(f"D{number}-{copy}", text)
            spans = (Span(clause, text.index(clause)),)
            name = contract.id
            cases.append(Case(name, name, contract, "Law", "What is the governing law?", spans))
    model = PromptedModel(EchoChat(), Template())
    first = examined(opened("one"), model, cases, tmp_path)
    second = examined(opened("one"), model, cases, tmp_path)
    assert first == second
    assert {each["hit@5"].value for each in first} == {1.0}
