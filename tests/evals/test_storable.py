"""Whatever enters an exam can be kept, and is given back as it was reported."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.redaction import redacted
from common.storable import UNSTORABLE
from evals.calls.columns import (
    LONGEST,
    MOST,
    storable_answer,
    storable_count,
    storable_number,
    storable_score,
    storable_text,
)
from evals.calls.rows import answer_from, answer_row
from evals.calls.store import Store
from evals.results import Score
from models.chat import Answer
from tests.seams import ROOT, users

ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]),
    st.just(10**400), st.complex_numbers(),
)  # fmt: skip

TEXT = st.text(st.characters(exclude_categories=()), max_size=60)

ANSWERS = st.builds(
    Answer,
    text=st.one_of(TEXT, TEXT.map(lambda text: text * 5000), st.none(), st.just(b"x")),
    tokens_in=ANYTHING,
    tokens_out=ANYTHING,
    latency=ANYTHING,
    finish_reason=st.one_of(TEXT, st.none()),
    confidence=ANYTHING,
    reasoning=TEXT.map(str.strip),
)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """A store, and what numbers its keys."""
    store = Store(str(tmp_path_factory.mktemp("storable") / "s.sqlite"))
    yield store, iter(range(10**9))
    store.close()


@settings(max_examples=400)
@given(answer=ANSWERS)
def test_any_answer_comes_back_as_it_was_reported(stores, answer):
    store, numbers = stores
    reported = storable_answer(answer)
    assert storable_answer(reported) == reported
    if reported.error is None and reported.text.strip():  # what says nothing is read by its reason
        key = f"k{next(numbers)}"
        store.add([answer_row(key, "m", reported)])
        assert answer_from(store.rows("answers", [key])[key]) == reported


@settings(max_examples=400)
@given(text=st.text(st.characters(exclude_categories=()), max_size=200))
def test_text_is_changed_only_where_a_sink_refuses_it(text):
    stored = storable_text(text)
    assert "\0" not in stored
    assert stored.encode().decode() == stored == storable_text(stored)
    if not UNSTORABLE.search(text) and redacted(text) == text:
        assert stored == text


def test_postgresql_gives_them_back_too(postgresql_url):
    store = Store(postgresql_url)
    odd = [
        Answer("a\0\ud800\x1b\U0010ffff\ufffe", MOST, MOST + 1, 1e308, "s\0", reasoning="\udc00"),
        Answer("\ud800" * LONGEST, -1, 10**30, float("nan"), confidence=float("-inf")),
    ]
    reported = [storable_answer(answer) for answer in odd]
    store.add([answer_row(f"k{n}", "m", answer) for n, answer in enumerate(reported)])
    rows = store.rows("answers", ["k0", "k1"])
    store.close()
    assert [answer_from(rows[key]) for key in ("k0", "k1")] == reported


@given(value=ANYTHING)
def test_numbers_are_finite_and_counts_are_whole(value):
    number, count = storable_number(value), storable_count(value)
    assert number is None or math.isfinite(number)
    assert 0 <= count <= MOST
    score = storable_score(Score(value, "why"))
    assert score.value is None or math.isfinite(score.value)
    assert score.value is not None or score.reason


def test_megabytes_are_cut_and_say_so():
    stored = storable_text("word " * 1_000_000)
    assert len(stored) == LONGEST
    assert stored.endswith("(cut, of 5,000,000 characters)")


def test_recorded_answers_pass_the_seam_too(tmp_path):
    from tests.evals.test_exam import FirstSentence, examine

    class Recorded(FirstSentence):
        free = True

        async def answer(self, case, passages):
            return Answer("odd \ud800", tokens_in=10**30)

    store = Store(str(tmp_path / "s.sqlite"))
    results = examine(store, Recorded()).results
    store.close()
    assert {result.answer.text for result in results} == {"odd \\ud800"}
    assert {result.answer.tokens_in for result in results} == {0}


def test_nobody_asks_a_model_or_writes_a_row_around_the_seam():
    asked = users("evals.calls.columns.storable_answer")
    assert asked == {"evals/calls/calls.py"}
    assert users("evals.calls.columns.storable_columns") == {"evals/calls/store.py"}
    assert users("evals.calls.rows.answer_row") <= {"evals/calls/calls.py"}
    # The second erases rows, and writes none.
    assert users("sqlalchemy.create_engine") == {"evals/calls/store.py", "evals/store/database.py"}
    assert users("evals.calls.rows.score_row") == {"evals/judges/judge.py"}
    assert users("evals.calls.columns.storable_score") == {"evals/judges/judge.py"}


def test_an_answer_is_asked_for_in_one_place():
    """`Model.answer` and `ChatModel.chat` are called by the calls of an exam, and by themselves."""
    found = {
        str(path.relative_to(ROOT))
        for room in ("evals", "reports")
        for path in (ROOT / room).rglob("*.py")
        if "await model.answer(" in (text := path.read_text()) or "await chat.chat(" in text
    }
    assert found == set()


def test_an_answer_that_is_no_text_is_an_error():
    answer = storable_answer(Answer(["part"]))
    assert answer.error == "the model gave list and no text"
