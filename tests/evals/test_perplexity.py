"""Perplexity of the expected answer: by hand, by a real tiny model, and where there is none."""

import asyncio
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.calls.budget import Budget
from evals.calls.calls import Calls
from evals.calls.journal import Journal, Lookups
from evals.calls.store import Store
from evals.judges.embedded.perplexity import Perplexity, perplexity
from evals.judges.judge import Panel, Submission
from fixtures.cases import Case, Contract, Span
from fixtures.retrieval.passages import Passage
from models.chat import Answer, Decoding
from models.echo import EchoChat
from models.local.base import LocalBase
from models.local.chat import LocalChat
from models.prompted import PromptedModel, Template

TEXT = "The law of Nevada governs this Agreement. It ends on 31 May 2024."
SHOWN = Passage("K", 0, 41, TEXT[:41])
pytestmark = pytest.mark.usefixtures("one_thread")


def case(*golds):
    spans = tuple(Span(text, None) for text in golds)
    return Case("c", "c", Contract("K", TEXT), "Governing Law", "Which law governs?", spans)


def judged(tmp_path, model, *golds, answer=None, budget=None, twice=False):
    """The score, or both scores where the same is judged twice; and the budget."""
    budget = budget or Budget()
    answer = answer or Answer("Nevada", tokens_in=50, passages=(SHOWN,))

    async def judge():
        store = Store(str(tmp_path / "s.sqlite"))
        async with Journal(store) as journal:
            calls = Calls(journal, Lookups(store, "answers"), budget)
            panel = Panel([Perplexity()], calls, journal, Lookups(store, "scores"))
            submission = Submission(case(*golds), answer, model)
            first = (await panel.scores(submission)).get("perplexity")
            await asyncio.sleep(0.3)
            second = (await panel.scores(submission))["perplexity"] if twice else None
        return (first, second) if twice else first

    return asyncio.run(judge()), budget


@pytest.fixture
def local(tiny_base):
    base = LocalBase(tiny_base, "cpu", "float32")
    return PromptedModel(LocalChat("tiny", base, Decoding(max_tokens=6)), Template("Answer."))


def test_it_is_the_models_own_likelihood_of_the_span(tmp_path, local):
    logs = asyncio.run(local.logprobs(case(), (SHOWN,), "the law of Nevada"))
    blind = asyncio.run(local.logprobs(case(), (), "the law of Nevada"))
    score, budget = judged(tmp_path, local, "the law of Nevada")
    assert score.value == pytest.approx(math.exp(-sum(logs) / len(logs)), rel=1e-4)
    assert score.value != pytest.approx(math.exp(-sum(blind) / len(blind)), rel=1e-2)
    assert (budget.calls, budget.tokens) == (1, 50 + len(logs))


def test_the_least_surprising_span_counts_and_each_costs_a_call(tmp_path, local):
    golds = ["Nevada", "the law of Nevada", "Nevada law", "Nevada"]
    each = [judged(tmp_path / str(n), local, gold)[0].value for n, gold in enumerate(golds)]
    score, budget = judged(tmp_path, local, *golds)
    assert score.value == pytest.approx(min(each), rel=1e-4)
    assert len({round(value) for value in each}) == 3
    assert budget.calls == 3


def test_what_was_read_is_kept_for_this_model_alone(tmp_path, local):
    (first, second), budget = judged(tmp_path, local, "Nevada", twice=True)
    assert first == second
    assert budget.calls == 1
    _, again = judged(tmp_path, local, "Nevada")
    assert again.calls == 0
    _, other = judged(tmp_path, local.drawn(1.0, 1), "Nevada")
    assert other.calls == 1


def test_a_model_without_probabilities_is_unscored_and_costs_nothing(tmp_path):
    echo = PromptedModel(EchoChat(), Template())
    for model in (echo, None):
        score, budget = judged(tmp_path, model, "Nevada")
        assert (score.value, score.reason) == (None, "the model gives no token probabilities")
        assert budget.calls == 0


def test_a_span_longer_than_the_model_is_left_out(tmp_path, local):
    score, _ = judged(tmp_path, local, "why " * 600, "Nevada")
    assert score == judged(tmp_path / "alone", local, "Nevada")[0]
    score, _ = judged(tmp_path, local, "why " * 600)
    assert score.value is None


def test_the_budget_declines(tmp_path, local):
    score, _ = judged(tmp_path, local, "Nevada", "Ohio", budget=Budget(max_calls=1))
    assert (score.value, score.reason) == (None, "not asked: --max-calls 1 reached")
    budget = Budget(max_tokens=10_000)
    assert judged(tmp_path, local, "Nevada", budget=budget)[0].value > 1
    assert budget._tokens_reserved == 0


def test_a_failing_model_is_a_reason(tmp_path, local, monkeypatch):
    def broken(batch):
        raise RuntimeError("device-side assert\nand more")

    monkeypatch.setattr(local.chat.base, "_read", broken)
    budget = Budget(max_tokens=10_000)
    score, _ = judged(tmp_path, local, "Nevada", budget=budget)
    assert (score.value, score.reason) == (None, "the likelihood failed: device-side assert")
    assert (budget._tokens_reserved, budget.tokens) == (0, 0)


def test_an_answer_that_failed_is_unscored_and_a_case_without_gold_is_not_asked(tmp_path, local):
    failed = replace(Answer(""), error="timed out")
    assert judged(tmp_path, local, "Nevada", answer=failed)[0].reason == "no answer: timed out"
    assert judged(tmp_path, local)[0] is None


@given(st.lists(st.floats(-1e6, 0), min_size=1))
def test_it_is_one_or_more_and_finite(logs):
    value = perplexity(tuple(logs))
    assert 1 <= value < math.inf
    assert value == pytest.approx(perplexity(tuple(logs * 2)))


def test_of_equal_tokens_it_is_their_number():
    assert perplexity((math.log(1 / 8),) * 5) == pytest.approx(8)
