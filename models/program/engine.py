"""dspy over one function that asks a chat model. Imports dspy: import this module where it is used.

dspy renders the prompt of a signature and reads the reply; whoever hands in `Ask` decides what a
call costs, where it is kept and when it is tried again. dspy's own cache, retries and history are
therefore off.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import dspy
from dspy import lm15

from models.chat import Answer, Message

Ask = Callable[[Sequence[Message]], Awaitable[Answer]]
"""Continues a chat; a call that fails is an Answer with an error."""

Draw = Callable[[Sequence[Message], float, int], Awaitable[Answer]]
"""Continues a chat with tokens drawn at a temperature, for the nth time, from 0."""


PATIENCE = 1.0
"""Seconds after which who waits for a reply looks whether anybody is there to give it."""


class Unanswered(Exception):  # noqa: N818 - a failed call, not a fault of ours
    """The chat model gave no reply; the message says why, and `answer` is what came of the call."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.error)
        self.answer = answer


class Unsupported(Exception):  # noqa: N818 - what a program does, not an error of a call
    """A module asks in a way that nobody can answer; the message says what to write."""


@dataclass(slots=True)
class _Asker:
    """`ask`, or `draw` where a module sets a temperature: again and again draws anew each time."""

    ask: Ask
    draw: Draw | None
    times: Counter[tuple[tuple[Message, ...], float]] = field(default_factory=Counter)

    async def reply(self, request: lm15.Request) -> lm15.Response:
        turns, temperature = _turns(request), request.config.temperature
        if request.config != lm15.Config(temperature=temperature) or request.tools:
            raise Unsupported(
                "a module sets more than a temperature (max_tokens, tools, response_format, …): "
                "say what may be said of decoding in the generator's entry"
            )
        if temperature is None:
            answer = await self.ask(turns)
        elif self.draw is None:
            raise Unsupported(f"a module asks at temperature {temperature}, and nothing is drawn")
        else:
            number = self.times[turns, temperature]
            self.times[turns, temperature] += 1
            answer = await self.draw(turns, temperature, number)
        if answer.error is not None:
            raise Unanswered(answer)
        return lm15.Response(
            id=None,
            model=request.model,
            message=lm15.Message.assistant(answer.text),
            finish_reason="stop",
            usage=lm15.Usage(input_tokens=answer.tokens_in, output_tokens=answer.tokens_out),
        )


@dataclass(frozen=True, slots=True)
class Engine:
    """dspy's engine for modules that are awaited: a request is one call."""

    asker: _Asker

    async def complete(self, request: lm15.Request) -> lm15.Response:
        """The chat model's reply.

        Raises:
            Unanswered: there is none.
            Unsupported: a module asks in a way that nobody can answer.
        """
        return await self.asker.reply(request)


@dataclass(frozen=True, slots=True)
class PostingEngine:
    """dspy's engine for modules that are called: a request is posted to the loop of the calls.

    It blocks its own thread, which is never that of the loop. Without a loop nothing is posted.
    """

    asker: _Asker
    loop: asyncio.AbstractEventLoop | None

    def complete(self, request: lm15.Request) -> lm15.Response:
        """The chat model's reply.

        Raises:
            Unanswered: there is none.
            Unsupported: nobody would answer, since the loop waits for this call to return.
        """
        if self.loop is None or _running() is not None:
            raise Unsupported(
                "a module is called where it has to be awaited: `await MODULE.acall(…)`"
            )
        posted = asyncio.run_coroutine_threadsafe(self.asker.reply(request), self.loop)
        while True:
            try:
                return posted.result(timeout=PATIENCE)
            except TimeoutError:
                if posted.done():
                    raise
                if self.loop.is_closed():  # an interrupted run answers nothing any more
                    raise asyncio.CancelledError from None


def language_model(
    ask: Ask, loop: asyncio.AbstractEventLoop | None = None, draw: Draw | None = None
) -> dspy.LM:
    """A dspy language model whose every call is one of `ask`.

    Args:
        ask: continues a chat.
        loop: where `ask` runs, for modules that are called from another thread; without it they
            can be awaited only.
        draw: asks in its place where a module sets a temperature, as those do that try a prompt
            several times.
    """
    asker = _Asker(ask, draw)
    return dspy.LM(
        "exam/model",
        cache=False,
        num_retries=0,
        engine=PostingEngine(asker, loop),
        async_engine=Engine(asker),
    )


def asked_by(model: dspy.LM, adapter: dspy.Adapter | None = None) -> AbstractContextManager[None]:
    """The context in which dspy's modules ask `model`, whatever dspy was configured to.

    Args:
        model: see `language_model`.
        adapter: lays out prompts and reads replies; None for dspy's own.
    """
    # The trace, which some modules extend, is gone with this context: dspy's own would keep the
    # inputs of the last 10,000 predictions.
    return dspy.context(  # type: ignore[no-any-return]
        lm=model,
        adapter=adapter,
        disable_history=True,
        trace=[],
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


def _turns(request: lm15.Request) -> tuple[Message, ...]:
    """The turns as text.

    Raises:
        Unsupported: something else is in them.
    """
    turns = [Message("system", request.system)] if isinstance(request.system, str) else []
    for turn in request.messages:
        if turn.role not in ("user", "assistant") or any(p.type != "text" for p in turn.parts):
            raise Unsupported("a module sends more than text (images, tools, …): write it as text")
        turns.append(Message(turn.role, turn.text))
    return tuple(turns)
