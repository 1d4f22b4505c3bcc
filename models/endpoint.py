"""Chat models behind any OpenAI-compatible server."""

import asyncio
import copy
import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from fixtures.errors import UserError
from fixtures.identity import digest
from models.chat import Answer, Message
from models.completion import completion_request, read_completion
from models.decoding import Decoding
from models.failures import Failure, diagnose
from models.limiter import AdaptiveLimiter
from models.waiting import Wait

if TYPE_CHECKING:
    from openai import AsyncOpenAI

BYTES_PER_TOKEN = 3.5
LONGEST_BACK_OFF = 30.0
# Sent where no key is given: openai would send $OPENAI_API_KEY to whatever server this is.
NO_KEY = "no-key"


@dataclass(frozen=True, slots=True)
class _Connection:
    """What lives and dies with one event loop."""

    loop: asyncio.AbstractEventLoop
    client: "AsyncOpenAI"
    limiter: AdaptiveLimiter


@dataclass(slots=True)
class _Line:
    """The connection of an endpoint and of its draws, once there is one."""

    connection: _Connection | None = None
    waits: list[Wait] = field(default_factory=list)


class EndpointModel:
    """A chat model on a server; paces itself, waits and asks again where that may help.

    `api_key_env` is where the user keeps the key, for error lines. `revision` stands for whatever
    moves the answers and does not show in `model`. `timeout` is for one call, in seconds.
    `back_off` bounds the first wait before a retry, in seconds; the bound doubles with each retry
    and the wait is drawn between nothing and the bound ("full jitter").
    """

    def __init__(
        self,
        *,
        name: str,
        base_url: str,
        model: str,
        api_key: str | None = None,
        api_key_env: str | None = None,
        revision: str = "",
        decoding: Decoding | None = None,
        context: int = 8192,
        concurrency: int = 64,
        timeout: float = 60.0,
        retries: int = 6,
        back_off: float = 0.5,
    ) -> None:
        self.name = name
        self.context = context
        self._base_url = base_url.rstrip("/")
        self._model = model
        self._revision = revision
        self._api_key = (api_key or "").strip() or NO_KEY
        self._api_key_env = api_key_env
        self._decoding = decoding or Decoding()
        self.longest_answer = self._decoding.max_tokens
        self._concurrency = concurrency
        self._timeout = timeout
        self._retries = retries
        self._back_off = back_off
        self._line = _Line()

    @property
    def identity(self) -> str:
        """Digest of URL, model id, revision and decoding."""
        return digest(
            "endpoint", self._base_url, self._model, self._revision, self._decoding.identity
        )

    async def preflight(self) -> None:
        """Have one token generated; wait for a busy server, but not for one that is not there.

        Raises:
            UserError: the server cannot be reached, refuses, or speaks another protocol.
        """
        one_token = replace(self._decoding, max_tokens=1)
        body = completion_request(self._model, [Message("user", "Hello")], one_token)
        outcome = await self._ask(body, wait_for_server=False)
        if isinstance(outcome, Failure):
            raise self._complaint(outcome)
        if outcome.error and outcome.error.startswith("malformed"):
            raise self._complaint(Failure("stop", outcome.error))

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
        outcome = await self._ask(completion_request(self._model, messages, self._decoding))
        if isinstance(outcome, Answer):
            return outcome
        if outcome.then == "stop" or outcome.unreachable:
            raise self._complaint(outcome)
        return Answer("", error=outcome.reason)

    async def logprobs(self, messages: Sequence[Message], reply: str) -> None:
        """None: chat completions say nothing of replies that they did not write."""

    def drawn(self, temperature: float, seed: int) -> "EndpointModel":
        """See ChatModel."""
        return self.decoded(replace(self._decoding, temperature=temperature, seed=seed))

    def decoded(self, decoding: Decoding) -> "EndpointModel":
        """The same model under another decoding; it shares connections and limits."""
        other = copy.copy(self)
        other._decoding, other.longest_answer = decoding, decoding.max_tokens
        return other

    @property
    def longest_wait(self) -> Wait | None:
        """The call that has had no answer for longest, of this model and of its draws."""
        sent = [wait for wait in list(self._line.waits) if wait.since]
        return max(sent, key=lambda wait: wait.seconds, default=None)

    async def close(self) -> None:
        """Close the running loop's connections; those of an earlier loop have died with it."""
        connection, self._line.connection = self._line.connection, None
        if connection and connection.loop is asyncio.get_running_loop():
            await connection.client.close()

    async def _ask(self, body: dict[str, Any], *, wait_for_server: bool = True) -> Answer | Failure:
        """Call until there is an answer, a failure that stays one, or no retry left."""
        wait = Wait(self.name, self._retries + 1)
        self._line.waits.append(wait)
        try:
            return await self._tried(wait, body, wait_for_server=wait_for_server)
        finally:
            self._line.waits.remove(wait)

    async def _tried(
        self, wait: Wait, body: dict[str, Any], *, wait_for_server: bool
    ) -> Answer | Failure:
        connection = self._connect()
        tries = 0
        while True:
            delay = random.uniform(0.0, min(LONGEST_BACK_OFF, self._back_off * 2**tries))
            outcome = await self._call(connection, body, delay, wait)
            tries += 1
            if isinstance(outcome, Answer) or outcome.then != "again":
                return outcome
            if not outcome.status and not wait_for_server:
                return outcome
            if tries > self._retries:
                return replace(outcome, reason=f"{outcome.reason} (tried {tries} times)")
            if not outcome.wait:
                await asyncio.sleep(delay)

    async def _call(
        self, connection: _Connection, body: dict[str, Any], delay: float, wait: Wait
    ) -> Answer | Failure:
        """One call, as soon as the limiter admits it.

        A server that asks for a pause gets it from all calls. So does one that is overrun by a
        single call at a time: the `delay` in seconds with which this call is tried again.
        """
        import aiohttp
        import openai

        limiter = connection.limiter
        ticket = await limiter.acquire()
        wait.sent()
        succeeded = congested = False
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout):
                reply = await connection.client.post("/chat/completions", cast_to=bytes, body=body)
            succeeded = True
            return read_completion(reply, time.perf_counter() - begun)
        except (openai.OpenAIError, aiohttp.ClientError, OSError) as error:
            failure = diagnose(error, self._api_key)
            congested = failure.congested
            overrun = congested and limiter.limit == 1
            limiter.pause(failure.wait or (delay if overrun else 0.0))
            return failure
        finally:
            limiter.release(ticket, succeeded=succeeded, congested=congested)

    def _connect(self) -> _Connection:
        """The running loop's client and limiter."""
        loop = asyncio.get_running_loop()
        connection = self._line.connection
        if connection is None or connection.loop is not loop:
            connection = _Connection(loop, self._client(), AdaptiveLimiter(self._concurrency))
            self._line.connection = connection
        return connection

    def _client(self) -> "AsyncOpenAI":
        """A client without retries and time-outs of its own: they are ours."""
        import httpx
        from openai import AsyncOpenAI, DefaultAioHttpClient

        if not (self._api_key.isascii() and self._api_key.isprintable()):
            raise self._complaint(Failure("stop", "the key is no API key", status=401))
        pool = httpx.Limits(max_connections=self._concurrency, keepalive_expiry=5.0)
        try:
            return AsyncOpenAI(
                base_url=self._base_url,
                api_key=self._api_key,
                max_retries=0,
                timeout=None,
                http_client=DefaultAioHttpClient(limits=pool, timeout=None),
            )
        except httpx.InvalidURL as error:
            raise self._complaint(Failure("stop", str(error), unreachable=True)) from error

    def _complaint(self, failure: Failure) -> UserError:
        """The line for the user."""
        if failure.status in (401, 403) and self._api_key_env:
            advice = f"type: export {self._api_key_env}=YOUR_KEY"
        else:
            advice = failure.advice(f"models/registry/{self.name}.toml")
        return UserError(
            f"model {self.name} ({self._model} at {self._base_url}): {failure.reason}; {advice}"
        )
