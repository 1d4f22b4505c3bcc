"""One function stands round the task of each case."""

import asyncio
import inspect
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from evals.exam import Run
from evals.isolation import SHOWN, attempted, described, isolated
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


AGAIN = (Run._take_again, Run._compare_again)


def test_the_tasks_of_an_exam_are_started_inside_it():
    """Whoever starts a task of its own in an exam has to say what becomes of its exceptions."""
    examining = {path for path in users("asyncio.TaskGroup") if not path.startswith("training")}
    assert examining == {"evals/exam.py"}
    assert {"evals/exam.py", "evals/calls/calls.py", "evals/judges/judge.py"} <= users(
        "evals.isolation.isolated"
    )
    started = [line for line in inspect.getsource(Run).splitlines() if "create_task(" in line]
    isolate = ("isolated(", "self._take(", "_again(")
    assert all(any(each in line for each in isolate) for line in started), started
    assert all("await isolated(" in inspect.getsource(each) for each in AGAIN)
