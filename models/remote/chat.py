"""A chat model on another machine, whatever protocol is spoken: it paces itself, and asks again."""

import asyncio
import copy
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from common.errors import UserError
from models.chat import Answer, Decoding, Message
from models.metering import Usage, affordable, billed
from models.remote.failures import Failure
from models.remote.limiter import AdaptiveLimiter
from models.remote.waiting import Wait

BYTES_PER_TOKEN = 3.5
LONGEST_BACK_OFF = 30.0
NO_MONEY = "(no money for another try)"
HELLO = (Message("user", "Hello"),)
"""The shortest thing to ask."""


class Server(Protocol):
    """Who is asked: one protocol, one address, one model there."""

    @property
    def where(self) -> str:
        """The model there and the address, for errors."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of results has to know of how the model was asked."""

    def identity(self, decoding: Decoding) -> str:
        """SHA-256 of what moves the replies; who asks is no part of it."""

    def connect(self) -> None:
        """Be ready to send in the running loop; nothing is sent.

        Raises:
            UserError: it may not be asked, or nobody could send anything there.
        """

    async def send(self, messages: Sequence[Message], decoding: Decoding) -> Answer | Failure:
        """One call, and what came of it.

        Raises:
            UserError: nobody could send anything there.
        """

    def advice(self, failure: Failure) -> str:
        """What the user can do about a failure; empty where its reason says so."""

    async def close(self) -> None:
        """Close the running loop's connections; those of an earlier loop have died with it."""


@dataclass(slots=True)
class _Line:
    """What a model and its draws share: the pace, and what is known of the server.

    Attributes:
        loop: the event loop that the limiter belongs to.
        limiter: the pace, once somebody asked.
        served: whether the server has answered before.
        waits: calls that have no answer yet.
    """

    loop: asyncio.AbstractEventLoop | None = None
    limiter: AdaptiveLimiter | None = None
    served: bool = False
    waits: list[Wait] = field(default_factory=list)


class RemoteChat:
    """A chat model on a server; waits and asks again where that may help.

    `context` is in tokens. `concurrency` bounds the calls at once, of which the server may bear
    fewer. `back_off` bounds the first wait before a retry, in seconds; the bound doubles with each
    retry and the wait is drawn between nothing and the bound ("full jitter").
    """

    def __init__(
        self,
        name: str,
        server: Server,
        decoding: Decoding,
        *,
        context: int,
        concurrency: int,
        retries: int,
        back_off: float = 0.5,
    ) -> None:
        self.name = name
        self.server = server
        self.decoding = decoding
        self.context = context
        self._concurrency = concurrency
        self._retries = retries
        self._back_off = back_off
        self._line = _Line()

    @property
    def identity(self) -> str:
        """Digest of what is asked, and of the decoding."""
        return self.server.identity(self.decoding)

    @property
    def longest_answer(self) -> int:
        """Tokens that an answer has at most."""
        return self.decoding.max_tokens

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of results has to know of how it was asked."""
        return tuple(f"{self.name}: {each}" for each in self.server.remarks)

    async def preflight(self) -> None:
        """Have one token generated, or where a model refuses so few, what an answer may have.

        It waits for a busy server, but not for one that is not there.

        Raises:
            UserError: the server cannot be reached, refuses, or speaks another protocol.
        """
        outcome = await self._hello(wait_for_server=False)
        if isinstance(outcome, Failure) and outcome.then == "skip":  # too few for its reasoning?
            if not affordable():
                raise self._complaint(replace(outcome, reason=f"{outcome.reason} {NO_MONEY}"))
            outcome = await self._hello(self.decoding.max_tokens, wait_for_server=False)
        if isinstance(outcome, Failure):
            raise self._complaint(outcome)
        if outcome.error and outcome.error.startswith("malformed"):
            raise self._complaint(Failure("stop", outcome.error, status=200))

    def count(self, text: str) -> int:
        """Tokens of `text`, estimated from its UTF-8 bytes, a little too high.

        The openings (20,000 characters) of 68 CUAD contracts have 3.67 bytes per token or more by
        SmolLM2's tokenizer of 49,152 tokens, 4.46 in the median.
        """
        return math.ceil(len(text.encode()) / BYTES_PER_TOKEN)

    async def chat(self, messages: Sequence[Message]) -> Answer:
        """Continue the chat; when every retry fails, the answer is an error.

        Raises:
            UserError: the server refuses this model's calls, or is gone.
        """
        outcome = await self._ask(messages, self.decoding)
        if isinstance(outcome, Answer):
            return outcome
        if await self._refuses_this_alone(outcome):
            return Answer("", error=outcome.reason, lasting=True)
        if outcome.filtered:
            return Answer("", finish_reason="content_filter")
        if outcome.then == "stop" or outcome.unreachable:
            raise self._complaint(outcome)
        return Answer("", error=outcome.reason, lasting=outcome.then == "skip")

    async def logprobs(self, messages: Sequence[Message], reply: str) -> None:
        """None: servers say nothing of replies that they did not write."""

    def drawn(self, temperature: float, seed: int) -> "RemoteChat":
        """See ChatModel."""
        return self.decoded(replace(self.decoding, temperature=temperature, seed=seed))

    def decoded(self, decoding: Decoding) -> "RemoteChat":
        """The same model under another decoding; it shares connections and limits."""
        other = copy.copy(self)
        other.decoding = decoding
        return other

    @property
    def longest_wait(self) -> Wait | None:
        """The call that has had no answer for longest, of this model and of its draws."""
        sent = [wait for wait in list(self._line.waits) if wait.since]
        return max(sent, key=lambda wait: wait.seconds, default=None)

    async def close(self) -> None:
        """See Server."""
        await self.server.close()

    async def _hello(self, tokens: int = 1, *, wait_for_server: bool = True) -> Answer | Failure:
        """Ask for so many tokens at most, which are billed too."""
        short = replace(self.decoding, max_tokens=tokens)
        outcome = await self._ask(HELLO, short, wait_for_server=wait_for_server)
        if isinstance(outcome, Answer):
            billed(Usage(outcome.tokens_in, outcome.tokens_out, outcome.tokens_cached))
        return outcome

    async def _ask(
        self, messages: Sequence[Message], decoding: Decoding, *, wait_for_server: bool = True
    ) -> Answer | Failure:
        """Call until there is an answer, a failure that stays one, or no retry left."""
        self.server.connect()
        wait = Wait(self.name, self._retries + 1)
        self._line.waits.append(wait)
        try:
            return await self._tried(wait, messages, decoding, wait_for_server=wait_for_server)
        finally:
            self._line.waits.remove(wait)

    async def _tried(
        self,
        wait: Wait,
        messages: Sequence[Message],
        decoding: Decoding,
        *,
        wait_for_server: bool,
    ) -> Answer | Failure:
        tries = 0
        while True:
            delay = random.uniform(0.0, min(LONGEST_BACK_OFF, self._back_off * 2**tries))
            outcome = await self._call(messages, decoding, delay, wait)
            if isinstance(outcome, Answer):
                return outcome
            billed(outcome.usage)
            if outcome.then != "again":
                return outcome
            if outcome.status in (0, 200) and not wait_for_server:
                return outcome
            tries += 1
            if tries > self._retries:
                return replace(outcome, reason=f"{outcome.reason} (tried {tries} times)")
            if outcome.usage.tokens and not affordable():
                return replace(outcome, reason=f"{outcome.reason} {NO_MONEY}")
            if not outcome.wait:
                await asyncio.sleep(delay)

    async def _call(
        self, messages: Sequence[Message], decoding: Decoding, delay: float, wait: Wait
    ) -> Answer | Failure:
        """One call, as soon as the limiter admits it.

        A server that asks for a pause gets it from all calls. So does one that is overrun by a
        single call at a time: the `delay` in seconds with which this call is tried again.
        """
        limiter = self._limiter
        ticket = await limiter.acquire()
        wait.sent()
        succeeded = congested = False
        try:
            outcome = await self.server.send(messages, decoding)
            if isinstance(outcome, Answer):
                succeeded = self._line.served = True
                return outcome
            congested = outcome.congested
            overrun = congested and limiter.limit == 1
            limiter.pause(outcome.wait or (delay if overrun else 0.0))
            return outcome
        finally:
            limiter.release(ticket, succeeded=succeeded, congested=congested)

    @property
    def _limiter(self) -> AdaptiveLimiter:
        """The running loop's."""
        loop, line = asyncio.get_running_loop(), self._line
        if line.limiter is None or line.loop is not loop:
            line.loop, line.limiter = loop, AdaptiveLimiter(self._concurrency)
        return line.limiter

    async def _refuses_this_alone(self, failure: Failure) -> bool:
        """Whether a server that has answered before still does: then it refuses one chat alone."""
        if failure.then != "stop" or not failure.status or not self._line.served:
            return False
        return isinstance(await self._hello(), Answer)

    def _complaint(self, failure: Failure) -> UserError:
        """The line for the user."""
        said = [failure.reason, self.server.advice(failure)]
        return UserError(
            f"model {self.name} ({self.server.where}): {'; '.join(filter(None, said))}"
        )
