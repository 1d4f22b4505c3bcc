"""dspy over one function that asks a chat model. Imports dspy: import this module where it is used.

dspy renders the prompt of a signature and reads the reply; whoever hands in `Ask` decides what a
call costs, where it is kept and when it is tried again. dspy's own cache, retries and history are
therefore off.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import dspy
from dspy import lm15

from models.chat import Answer, Message

Ask = Callable[[Sequence[Message]], Awaitable[Answer]]
"""Continues a chat; a call that fails is an Answer with an error."""


class Unanswered(Exception):  # noqa: N818 - a failed call, not a fault of ours
    """The chat model gave no reply; the message says why."""


class Unposted(Exception):  # noqa: N818 - what a program does wrong, not an error of a call
    """A module was called where its reply cannot be waited for; the message says what to write."""


@dataclass(frozen=True, slots=True)
class Engine:
    """dspy's engine for modules that are awaited: a request is one call of `ask`."""

    ask: Ask

    async def complete(self, request: lm15.Request) -> lm15.Response:
        """The chat model's reply.

        Raises:
            Unanswered: there is none.
        """
        return _response(request, await self.ask(_turns(request)))


@dataclass(frozen=True, slots=True)
class PostingEngine:
    """dspy's engine for modules that are called: a request is posted to the loop that `ask` is of.

    It blocks its own thread, which is never that of the loop. Without a loop nothing is posted.
    """

    ask: Ask
    loop: asyncio.AbstractEventLoop | None

    def complete(self, request: lm15.Request) -> lm15.Response:
        """The chat model's reply.

        Raises:
            Unanswered: there is none.
            Unposted: nobody would answer, since the loop waits for this call to return.
        """
        if self.loop is None or _running() is not None:
            raise Unposted("a module is called where it has to be awaited: `await MODULE.acall(…)`")

        async def asked() -> Answer:
            return await self.ask(_turns(request))

        return _response(request, asyncio.run_coroutine_threadsafe(asked(), self.loop).result())


def language_model(ask: Ask, loop: asyncio.AbstractEventLoop | None = None) -> dspy.LM:
    """A dspy language model whose every call is one of `ask`.

    Args:
        ask: continues a chat.
        loop: where `ask` runs, for modules that are called from another thread; without it they
            can be awaited only.
    """
    return dspy.LM(
        "exam/model",
        cache=False,
        num_retries=0,
        engine=PostingEngine(ask, loop),
        async_engine=Engine(ask),
    )


def asked_by(model: dspy.LM, adapter: dspy.Adapter | None = None) -> AbstractContextManager[None]:
    """The context in which dspy's modules ask `model`, whatever dspy was configured to.

    Args:
        model: see `language_model`.
        adapter: lays out prompts and reads replies; None for dspy's own.
    """
    # With a trace dspy would keep the inputs of the last 10,000 predictions.
    return dspy.context(  # type: ignore[no-any-return]
        lm=model,
        adapter=adapter,
        disable_history=True,
        trace=None,
        callbacks=[],
        track_usage=False,
    )


def unwrapped(error: dspy.LMError) -> BaseException:
    """What was raised by an engine, which dspy wraps in an error of its own."""
    cause: BaseException | None = error.__cause__
    return cause or error


def _running() -> asyncio.AbstractEventLoop | None:
    """The loop of this thread, which a blocking call would stop."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _turns(request: lm15.Request) -> list[Message]:
    turns = [Message("system", request.system)] if request.system else []
    return [*turns, *(Message(turn.role, turn.text) for turn in request.messages)]


def _response(request: lm15.Request, answer: Answer) -> lm15.Response:
    if answer.error is not None:
        raise Unanswered(answer.error)
    return lm15.Response(
        id=None,
        model=request.model,
        message=lm15.Message.assistant(answer.text),
        finish_reason="stop",
        usage=lm15.Usage(input_tokens=answer.tokens_in, output_tokens=answer.tokens_out),
    )
