"""Whatever text or number reaches the store is made storable on the way in; a path is a path."""

import asyncio
import dataclasses

import pytest

from common.errors import UserError
from evals.calls.rows import Row, answer_row
from evals.calls.store import Store
from evals.exam.exam import Exam
from evals.plan import Plan
from models.chat import Answer
from tests.evals.test_exam import FirstSentence, Grader, Rater, Whole, cases_of

SICK = "c1q1"


class Odd(FirstSentence):
    """A model whose answer to one case is not what a store takes."""

    def __init__(self, **odd):
        super().__init__()
        self.odd = odd

    async def answer(self, case, passages):
        answer = await super().answer(case, passages)
        return dataclasses.replace(answer, **self.odd) if case.id == SICK else answer


def examine(url, model, **plan):
    store = Store(url)
    try:
        exam = Exam(Plan((model,), cases_of(), **plan), Whole(), store)
        asyncio.run(exam.execute())
    finally:
        store.close()
    return [(result.case.id, result.answer, result.scores) for result in exam.run.results]


def store_url(kind, tmp_path, request):
    if kind == "sqlite":
        return str(tmp_path / "s.sqlite")
    address = request.getfixturevalue("postgresql_url")
    return address.replace("postgresql://", "postgresql+psycopg://")


ODD = {
    "surrogate": {"text": "Bad \ud800 text"},
    "nul": {"text": "Bad \0 text"},
    "finish": {"finish_reason": "st\udfffop\0"},
    "huge": {"tokens_in": 10**20},
    "negative": {"tokens_out": -(10**20)},
    "infinite": {"latency": float("inf")},
    "nan": {"confidence": float("nan")},
    "megabytes": {"text": "word " * 1_000_000},
    "control": {"text": "\x1b[31mred\x07 \x85\x9b"},
}


@pytest.mark.fault("SINK-1")
@pytest.mark.fault("SINK-3")
@pytest.mark.fault("SINK-4")
@pytest.mark.peer("UKGovernmentBEIS/inspect_ai#3802", "a lone surrogate ends the run, each time")
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_odd_answers_are_kept_and_come_back_as_they_were_reported(tmp_path, request, kind):
    url = store_url(kind, tmp_path, request)
    for name, odd in ODD.items():
        model = Odd(**odd)
        model.identity = f"odd {name}"
        first = examine(url, model)
        again = Odd(**odd)
        again.identity = model.identity
        assert examine(url, again) == first, name
        assert again.asked == [], name
        first[5][1].text.encode()
        assert len(first[5][1].text) <= 200_000


@pytest.mark.fault("SINK-1")
def test_odd_words_of_a_judge_are_kept_too(tmp_path):
    @dataclasses.dataclass
    class Wordy(Grader):
        async def judge(self, submission, calls):
            score = await super().judge(submission, calls)
            return dataclasses.replace(score, reason="because \ud800 \0")

    url = str(tmp_path / "s.sqlite")
    first = examine(url, FirstSentence(), judges=(Wordy(Rater()),))
    rater = Rater()
    assert examine(url, FirstSentence(), judges=(Wordy(rater),)) == first
    assert rater.asked == []


@pytest.mark.fault("SINK-1")
@pytest.mark.fault("SINK-3")
def test_a_batch_loses_no_good_row_because_of_a_bad_one(tmp_path):
    from evals.calls.journal import Journal

    store = Store(str(tmp_path / "s.sqlite"))
    good = [answer_row(f"k{number}", "m", Answer("fine")) for number in range(5)]
    bad = Row("answers", "bad", {**good[0].columns, "text": object()})

    async def write():
        async with Journal(store) as journal:
            for row in (*good[:2], bad, *good[2:]):
                journal.add(row)

    try:
        asyncio.run(write())
    except Exception as error:
        assert isinstance(error, UserError), error
    kept = store.rows("answers", [*(row.key for row in good), "bad"])
    store.close()
    assert set(kept) == {row.key for row in good}


@pytest.mark.fault("PATH-1")
@pytest.mark.parametrize("name", ["feature%2Fx", "a?b=c", "a#b", "ü ö%20", "a:b@c", "x%00", "..."])
def test_a_path_is_the_file_that_was_named(tmp_path, name):
    path = tmp_path / name / "s.sqlite"
    (tmp_path / "feature" / "x").mkdir(parents=True)
    store = Store(str(path))
    store.add([answer_row("k", "m", Answer("fine"))])
    store.close()
    assert [file for file in tmp_path.rglob("*.sqlite") if file.is_file()] == [path]


@pytest.mark.fault("PATH-2")
@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:x@host:abc/db",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://host/db",
        "postgresql+asyncpg://host/db",
        "sqlite+aiosqlite:///x",
        "://",
        "postgresql://",
        "postgresql+psycopg://me@127.0.0.1:1/db",
        "sqlite:////proc/none/s.sqlite",
        "sqlite:///{folder}?mode=banana&uri=true",
        "sqlite:///{folder}",
    ],
)
def test_a_wrong_url_is_one_line(tmp_path, url):
    with pytest.raises(UserError) as raised:
        Store(url.format(folder=tmp_path)).close()
    assert "\n" not in str(raised.value)
    assert "store" in str(raised.value)
