"""What the ledger is told: under one lock, and whether a model answered anew."""

from types import SimpleNamespace

import pytest
from filelock import FileLock, Timeout

from evals.results import Result
from fixtures.cases import Case, Contract
from models.chat import Answer
from reports.examination.noting import answers_digest, note_exam

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


def test_what_an_exam_reads_and_its_first_line_are_under_one_lock(tmp_path, monkeypatch):
    seen = []

    def is_held(folder, begun=None):
        with pytest.raises(Timeout):
            FileLock(folder.with_name(".ledger.lock")).acquire(timeout=0)
        seen.append(begun)
        if begun:
            raise InterruptedError
        return ()

    options = SimpleNamespace(ledger=tmp_path / "ledger", sealed=False)
    planned = SimpleNamespace(prepared=SimpleNamespace(options=options), beforehand=None)
    monkeypatch.setattr("reports.examination.noting._begun", lambda planned: "begun")
    monkeypatch.setattr("reports.examination.noting.read_ledger", is_held)
    monkeypatch.setattr("reports.examination.noting.begin", is_held)
    with pytest.raises(InterruptedError):
        note_exam(planned)
    assert seen == [None, "begun"]
    with FileLock(tmp_path / ".ledger.lock", timeout=0):
        pass  # it was given back
