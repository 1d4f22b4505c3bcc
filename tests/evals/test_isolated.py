"""One function stands round the task of each case."""

import asyncio
import inspect
import json
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from evals.exam.again import AskingAgain
from evals.exam.comparing import Comparing
from evals.exam.taking import Taking
from evals.isolation import SHOWN, attempted, described, isolated
from evals.judges.judge import Panel
from tests.conftest import ROOT
from tests.seams import users


class PanicError(BaseException):
    """As a library in Rust raises it: it is no Exception."""


ERRORS = st.sampled_from(
    [ValueError, KeyError, OverflowError, RecursionError, MemoryError, AssertionError, SystemExit,
     UnicodeError, PanicError, StopAsyncIteration, TimeoutError, ConnectionError, RuntimeError]
)  # fmt: skip

WORDS = st.text(st.characters(exclude_categories=()), max_size=300)


class UnshowableError(Exception):
    def __str__(self):
        raise ValueError("not even that")


async def raising(error):
    raise error


@settings(max_examples=300)
@given(kind=ERRORS, words=WORDS, grouped=st.booleans())
def test_any_exception_is_one_line_with_type_and_place(kind, words, grouped):
    error = kind(words)
    if grouped and isinstance(error, Exception):
        error = ExceptionGroup("several", [error])
    line = asyncio.run(isolated(raising(error), lambda line: line))
    assert line.startswith(kind.__name__)
    assert len(line) <= SHOWN
    assert len(line.splitlines()) == 1
    line.encode()
    if not grouped:
        assert " in tests/evals/test_isolated.py:" in line


@settings(max_examples=200)
@given(st.lists(st.sampled_from(["cause", "context", "group"]), max_size=6))
def test_a_users_mistake_passes_whatever_is_wrapped_round_it(wrappings):
    with pytest.raises(UserError, match="no such model"):
        asyncio.run(isolated(raising(wrapped(wrappings)), lambda line: line))
    with pytest.raises(UserError, match="no such model"):
        attempted(lambda: throw(wrapped(wrappings)), lambda line: line)


def wrapped(wrappings):
    error = UserError("no such model")
    for wrapping in wrappings:
        outer = RuntimeError("a library's own words")
        if wrapping == "group":
            outer = ExceptionGroup("several", [ValueError("x"), error])
        else:
            setattr(outer, f"__{wrapping}__", error)
        error = outer
    return error


def throw(error):
    raise error


def test_an_exception_that_cannot_be_shown_is_named():
    assert described(UnshowableError()) == "UnshowableError"


def test_a_cancelled_run_is_not_a_cases_error():
    async def run():
        task = asyncio.create_task(isolated(asyncio.Event().wait(), lambda line: line))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await isolated(raising(asyncio.CancelledError()), lambda line: line)

    assert asyncio.run(run()).startswith("CancelledError")


def test_the_last_place_of_ours_is_named_even_below_a_library():
    async def read():
        return json.loads("{")

    assert "JSONDecodeError in tests/evals/test_isolated.py:" in asyncio.run(
        isolated(read(), lambda line: line)
    )


ISOLATE = {
    "isolated(": isolated,
    "self._taking.take(": Taking.taken,
    "self._take(": Taking.taken,
    "self._judge(": Panel._heard,
    "omparing.compare(": Comparing.compare,
}
"""What the tasks of an exam are, and what holds the exceptions of each."""


def test_the_tasks_of_an_exam_are_started_inside_it():
    """Whoever starts a task of its own in an exam has to say what becomes of its exceptions."""
    examining = {path for path in users("asyncio.TaskGroup") if not path.startswith("training")}
    groups = {"evals/exam/exam.py", "evals/exam/again.py", "evals/exam/taking.py"}
    embeds = "models/retrieval/served.py"  # its exceptions are those of the ranking
    drafts = "evals/drafting.py"  # its tasks are `calls.answer` alone, which isolates
    judges = "reports/drift/judged.py"  # its tasks are `Panel.score` alone, which isolates
    assert examining == {*groups, embeds, drafts, judges}
    asking = {"evals/exam/exam.py", "evals/exam/taking.py", "evals/exam/comparing.py"}
    assert {*asking, "evals/calls/calls.py", "evals/judges/judge.py"} <= users(
        "evals.isolation.isolated"
    )
    lines = [each.read_text().splitlines() for each in (ROOT / "evals/exam").glob("*.py")]
    started = [line for line in chain(*lines) if "create_task(" in line]
    assert len(started) == 6
    assert all(any(each in line for each in ISOLATE) for line in started), started
    held = {*ISOLATE.values()} - {isolated}
    assert all("await isolated(" in inspect.getsource(each) for each in held)
    assert "self.taken(" in inspect.getsource(Taking.take)
    assert "taking.taken(" in inspect.getsource(AskingAgain._take)
    assert "panel.scores(" in inspect.getsource(AskingAgain._judge)
