"""dspy over one function: awaited, called from a thread, and where neither can work."""

import asyncio
import threading

import dspy
import pytest

from models.chat import Answer, Message
from models.program.engine import Unanswered, Unsupported, asked_by, language_model, unwrapped


def reply(text):
    return f"[[ ## answer ## ]]\n{text}\n\n[[ ## completed ## ]]"


def recording(seen, error=None):
    async def ask(messages):
        seen.append((threading.get_ident(), tuple(messages)))
        return Answer("" if error else reply(f"call {len(seen)}"), tokens_in=7, error=error)

    return ask


async def awaited(ask):
    with asked_by(language_model(ask)):
        return (await dspy.Predict("question -> answer").acall(question="Who?")).answer


async def called(ask):
    def work():
        with asked_by(language_model(ask, loop)):
            return dspy.Predict("question -> answer")(question="Who?").answer

    loop = asyncio.get_running_loop()
    return await asyncio.to_thread(work)


@pytest.mark.parametrize("way", [awaited, called])
def test_every_call_is_one_of_ask_and_runs_on_the_loop(way):
    seen = []
    assert asyncio.run(way(recording(seen))) == "call 1"
    [(thread, (system, user))] = seen
    assert thread == threading.get_ident()
    assert (system.role, user.role) == ("system", "user")
    assert isinstance(user, Message)
    assert "Who?" in user.content


def test_the_same_question_is_asked_again_and_nothing_is_remembered():
    seen = []

    async def twice():
        return [await awaited(recording(seen)), await awaited(recording(seen))]

    before = len(dspy.clients.base_lm.GLOBAL_HISTORY)
    assert asyncio.run(twice()) == ["call 1", "call 2"]
    assert len(dspy.clients.base_lm.GLOBAL_HISTORY) == before


@pytest.mark.parametrize("way", [awaited, called])
def test_a_failed_call_is_told_apart_from_a_reply(way):
    with pytest.raises(dspy.LMError) as caught:
        asyncio.run(way(recording([], error="not asked: --max-calls 3 reached")))
    assert isinstance(unwrapped(caught.value), Unanswered)
    assert str(unwrapped(caught.value)) == "not asked: --max-calls 3 reached"


def test_a_call_that_would_wait_for_itself_is_refused():
    async def stuck():
        with asked_by(language_model(recording([]), asyncio.get_running_loop())):
            dspy.Predict("question -> answer")(question="Who?")

    with pytest.raises(dspy.LMError) as caught:
        asyncio.run(asyncio.wait_for(stuck(), 10))
    assert isinstance(unwrapped(caught.value), Unsupported)
