"""The extractive baseline: the nearest sentence, and silence below its threshold."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.cases import Case, Contract
from fixtures.retrieval.embedder import load_embedder
from fixtures.retrieval.passages import Passage
from models.extractive import ExtractiveModel, sentences
from models.prompted import NOT_FOUND

TEXT = (
    "This Agreement shall be governed by the laws of the State of Ohio. "
    "The Supplier shall maintain general liability insurance of $1,000,000. "
    "Either party may terminate this Agreement upon sixty days' written notice.\n\n"
    "The parties may not assign this Agreement without prior written consent."
)


class Counting:
    """The embedder, counting the texts that it is given."""

    def __init__(self):
        self.real, self.texts = load_embedder(), []
        self.identity = self.real.identity

    def embed(self, texts):
        self.texts += texts
        return self.real.embed(texts)


@pytest.fixture
def model(one_thread, monkeypatch):
    embedder = Counting()
    monkeypatch.setattr("models.extractive.load_embedder", lambda: embedder)
    made = ExtractiveModel("extractive", 0.3)
    assert made._embedder is embedder
    return made


def ask(model, questions, text=TEXT):
    """Every question at once."""
    passages = [Passage("K", 0, len(text), text)] if text else []

    async def all_at_once():
        cases = [Case(q, q, Contract("K", text), "c", q, ()) for q in questions]
        return await asyncio.gather(*(model.answer(case, passages) for case in cases))

    return asyncio.run(all_at_once())


def test_the_nearest_sentence_answers(model):
    questions = {
        "Which state's law governs the contract?": "laws of the State of Ohio",
        "Is insurance required?": "liability insurance",
        "Can a party terminate the contract?": "sixty days",
        "Is consent required to assign the contract?": "may not assign",
    }
    for answer, words in zip(ask(model, questions), questions.values(), strict=True):
        assert words in answer.text
        assert answer.text in " ".join(TEXT.split())
        assert answer.error is None
        assert answer.latency > 0
        assert answer.passages[0].text == TEXT


def test_far_from_every_sentence_nothing_is_found(model):
    (answer,) = ask(model, ["How do penguins keep warm?"])
    assert answer.text == NOT_FOUND
    assert answer.error is None


@pytest.mark.parametrize("text", ["", "Short.", " \n\n "])
def test_without_a_sentence_nothing_is_found(model, text):
    assert ask(model, ["Which law governs?"], text)[0].text == NOT_FOUND


def test_every_text_is_embedded_once(model):
    questions = ["Which law governs?", "Is insurance required?"]
    answers = ask(model, questions * 2)
    assert [a.text for a in answers[:2]] == [a.text for a in answers[2:]]
    embedded = model._embedder.texts
    assert len(embedded) == len(set(embedded)) == len(sentences(TEXT)) + len(questions)


def test_identity_is_embedder_and_threshold():
    one, two = ExtractiveModel("a", 0.3), ExtractiveModel("b", 0.3)
    assert one.identity == two.identity != ExtractiveModel("a", 0.4).identity
    assert asyncio.run(one.preflight()) is None


@given(st.text(st.sampled_from('ab .;:\n"(A1'), max_size=120))
@settings(max_examples=100)
def test_sentences_lose_no_long_part(text):
    parts = sentences(text)
    flat = " ".join(text.split())
    place = 0
    for part in parts:
        assert len(part) >= 12
        place = flat.index(part, place) + len(part)
    assert sum(len(part) for part in parts) <= len(flat)


def test_sentences_of_a_contract():
    assert len(sentences(TEXT)) == 4
    assert sentences("The fees are due;\nand taxes (a) follow:  they rise. The END comes.") == (
        "The fees are due; and taxes (a) follow: they rise.",
        "The END comes.",
    )
