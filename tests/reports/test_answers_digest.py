"""Whether a model answered anew: the digest of its answers in the ledger."""

import pytest

from evals.results import Result
from fixtures.cases import Case, Contract
from models.chat import Answer
from reports.examination.noting import answers_digest

CONTRACT = Contract("A", "Two years.")


def results(*texts, model="x", **answer):
    """Answers to as many cases."""
    return [
        Result(
            model,
            Case(f"A-{n}", f"a{n}", CONTRACT, "Term", "?", ()),
            Answer(text, **answer),
            {},
            True,
        )
        for n, text in enumerate(texts)
    ]


def test_the_same_answers_in_another_order_or_time_are_the_same():
    kept = results("one", "two")
    again = results("one", "two", latency=3.0, tokens_out=9)[::-1] + results("else", model="y")
    assert answers_digest(kept, "x") == answers_digest(again, "x")


@pytest.mark.parametrize("other", [("one", "three"), ("two", "one"), ("one",), ("one", "two ")])
def test_another_answer_is_another_digest(other):
    assert answers_digest(results("one", "two"), "x") != answers_digest(results(*other), "x")


def test_a_failure_is_one_whatever_it_says_and_a_limit_leaves_no_answers():
    late, busy = (results("", error=error) for error in ("timed out", "busy"))
    assert answers_digest(late, "x") == answers_digest(busy, "x")
    declined = results("one") + results("", error="not asked: --max-calls 5 reached")
    assert answers_digest(declined, "x") is None
