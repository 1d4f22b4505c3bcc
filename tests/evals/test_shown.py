"""What is scored is what the model was shown, and of the contract that is asked about."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from evals.exam.shown import belonging, offered, shown, with_gold
from evals.metrics.table import METRICS, score
from fixtures.cases import Case, Contract, Span
from fixtures.retrieval.passages import Chunker, Passage
from models.chat import Answer
from models.echo import EchoChat
from models.prompted import PromptedModel, Template
from tests.seams import users

TEXTS = st.lists(st.text("ab \n", max_size=60), min_size=1, max_size=6)


def chunks(texts, contract_id="c"):
    made, at = [], 0
    for text in texts:
        made.append(Passage(contract_id, at, at + len(text), text))
        at += len(text)
    return tuple(made)


def case_of(texts, contract_id="c"):
    text = "".join(texts)
    return Case("1", "1", Contract(contract_id, text), "Law", "Which law?", (Span(text[:1], 0),))


@settings(max_examples=200)
@given(TEXTS, st.integers(1, 5) | st.none(), st.integers(30, 300), st.booleans())
def test_what_is_shown_is_what_the_answer_says_it_was_shown(texts, most, context, opened):
    import asyncio

    model = PromptedModel(EchoChat(context=context), Template(), opened, most_passages=most)
    case = case_of(texts)
    given_ = offered(model, chunks(texts))
    answer = asyncio.run(model.answer(case, given_))
    assert shown(model, case, given_) == answer.passages
    assert all(passage.text.strip() for passage in given_)
    assert given_ if opened and "".join(texts).strip() else not given_


@settings(max_examples=200)
@given(TEXTS)
def test_a_shared_answer_belongs_to_the_case_that_asks(texts):
    answer = Answer("x", passages=chunks(texts, "first title"))
    case = case_of(texts, "second title")
    own = belonging(answer, case)
    assert {passage.contract_id for passage in own.passages} == {"second title"}
    assert belonging(own, case) is own
    foreign = replace(answer, passages=(Passage("other", 0, 5, "other text"),))
    assert belonging(foreign, case) is foreign


def test_only_metrics_of_passages_look_at_what_the_answer_does_not_name():
    law = "It is governed by the law of Ohio."
    case = case_of([law])
    ranked = (Passage("c", 0, 10, law[:10]),)
    scores = score(case, Answer("$5"), METRICS, ranked)
    assert scores["hit@1"].value == 1.0
    assert scores["grounded_quote"].reason == "no passages shown"
    named = score(case, Answer("$5", passages=ranked), METRICS)
    assert named["hit@1"].value == 1.0
    assert named["grounded_quote"].value == 0.0


def test_the_exam_alone_decides_what_is_shown():
    assert users("evals.exam.shown") == {
        *(f"evals/exam/{name}.py" for name in ("again", "requests", "taking")),
        "evals/drafting.py",  # a draft is an exam's answer
    }
    assert users(".uses_passages") <= {
        "evals/exam/shown.py",
        "models/called.py",
        "models/program/model.py",
        "models/promotion/record/components.py",
        "models/prompted.py",
        "training/data/building.py",
        "training/data/__main__.py",
    }


CHUNKER = Chunker(80, 20)
CONTRACT = Contract(
    "c", "".join(f"{n}. Clause {n} says what {n} says, and no more.\n" for n in range(30))
)
CLAUSES = CHUNKER.split(CONTRACT)


@settings(max_examples=200)
@given(
    st.integers(0, 29) | st.none(), st.permutations(CLAUSES), st.integers(1, 6),
    st.integers(1, 5) | st.none(), st.integers(90, 400),
)  # fmt: skip
def test_the_gold_passage_is_shown_whole_among_as_many_as_there_is_room_for(
    clause, ranked, k, most, context
):
    """Whatever the room: the model is shown no more than of the ranking, and the gold one first."""
    gold = f"says what {clause} says"
    spans = () if clause is None else (Span(gold, CONTRACT.text.index(gold)),)
    case = Case("1", "1", CONTRACT, "Law", "Which law?", spans)
    model = PromptedModel(EchoChat(context=context), Template(), most_passages=most)
    before = model.shown(case, ranked[:k])
    given_ = with_gold(model, case, ranked[:k], CHUNKER)
    now = model.shown(case, given_)
    assert len(given_) <= max(len(before), 1)
    assert set(given_) <= {*CLAUSES} and len(set(given_)) == len(given_)
    if clause is None:
        assert set(given_) == set(ranked[: max(len(before), 1)])
    elif len(now) > 1 or now[:1] == given_:
        assert any(gold in passage.text for passage in now)


def test_what_is_not_located_and_what_is_closed_is_given_what_was_ranked():
    nowhere = Case("1", "1", CONTRACT, "Law", "Which law?", (Span("Ohio", None),))
    opened = PromptedModel(EchoChat(), Template())
    assert with_gold(opened, nowhere, CLAUSES[:5], CHUNKER) == CLAUSES[:5]
    closed = replace(opened, uses_passages=False)
    assert offered(closed, CLAUSES[:5]) == ()
