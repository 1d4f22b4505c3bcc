"""Chat models behind any OpenAI-compatible server."""

import asyncio
import copy
import math
import os
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from common.errors import UserError
from common.identity import digest
from common.redaction import keep_secret, keep_secrets_of
from models.chat import Answer, Decoding, Message
from models.endpoint.completion import completion_request, read_reply
from models.endpoint.connection import LONGEST_BODY, Connection, connect
from models.endpoint.failures import Failure, diagnose, refusal
from models.endpoint.limiter import AdaptiveLimiter
from models.endpoint.parameters import other_names, renamed
from models.endpoint.surroundings import advice_on_proxies
from models.endpoint.waiting import Wait

BYTES_PER_TOKEN = 3.5
LONGEST_BACK_OFF = 30.0
NO_KEY = "no-key"
"""Sent where no key is given: some servers want one, whichever it is."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """What lives and dies with one event loop."""

    loop: asyncio.AbstractEventLoop
    connection: Connection
    limiter: AdaptiveLimiter


@dataclass(slots=True)
class _Line:
    """What an endpoint and its draws share: the connection, and what is known of the server.

    Attributes:
        opened: the connection, once there is one.
        served: whether the server has answered before.
        waits: calls that have no answer yet.
        names: parameters that it takes under another name, or, where None, not at all.
    """

    opened: _Opened | None = None
    served: bool = False
    waits: list[Wait] = field(default_factory=list)
    names: dict[str, str | None] = field(default_factory=dict)


class Permit(Protocol):
    """Says which server may be connected to; see `models/egress.py`."""

    def check(self, url: str, what: str, environ: Mapping[str, str]) -> None:
        """Raise a UserError where it may not."""


class EndpointChat:
    """A chat model on a server; paces itself, waits and asks again where that may help.

    `api_key_env` is where the user keeps the key, and `file` the registry file, for error lines.
    `revision` stands for whatever moves the answers and does not show in `model`. `timeout` is for
    one call, in seconds. Proxies and certificates of the environment act with `trust_env` alone.
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
        trust_env: bool = False,
        file: Path | None = None,
        egress: Permit | None = None,
    ) -> None:
        self.name = name
        self.context = context
        self._base_url = base_url.rstrip("/")
        self._address = keep_secrets_of(self._base_url)
        self._model = model
        self._revision = revision
        self._api_key = (api_key or "").strip() or NO_KEY
        keep_secret(self._api_key)
        self._api_key_env = api_key_env
        self._trust_env = trust_env
        self._egress = egress
        self._file = file or Path("models/registry", f"{name}.toml")
        self._decoding = decoding or Decoding()
        self.longest_answer = self._decoding.max_tokens
        self._concurrency = concurrency
        self._timeout = timeout
        self._retries = retries
        self._back_off = back_off
        self._line = _Line()

    @property
    def identity(self) -> str:
        """Digest of URL, model id, revision and decoding; who asks is no part of it."""
        return digest(
            "endpoint", self._address.bare, self._model, self._revision, self._decoding.identity
        )

    async def preflight(self) -> None:
        """Have one token generated; wait for a busy server, but not for one that is not there.

        Raises:
            UserError: the server cannot be reached, refuses, or speaks another protocol.
        """
        outcome = await self._ask(self._hello, wait_for_server=False)
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
        outcome = await self._ask(completion_request(self._model, messages, self._decoding))
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
        """None: chat completions say nothing of replies that they did not write."""

    @property
    def decoding(self) -> Decoding:
        """How the server is asked to pick tokens."""
        return self._decoding

    def drawn(self, temperature: float, seed: int) -> "EndpointChat":
        """See ChatModel."""
        return self.decoded(replace(self._decoding, temperature=temperature, seed=seed))

    def decoded(self, decoding: Decoding) -> "EndpointChat":
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
        opened, self._line.opened = self._line.opened, None
        if opened and opened.loop is asyncio.get_running_loop():
            await opened.connection.session.close()

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
        opened, line = self._connect(), self._line
        tries = 0
        names: dict[str, str | None] = {}
        while True:
            delay = random.uniform(0.0, min(LONGEST_BACK_OFF, self._back_off * 2**tries))
            outcome = await self._call(opened, renamed(body, line.names | names), delay, wait)
            if isinstance(outcome, Answer):
                line.names |= names  # what did not help is not remembered
                return outcome
            other = other_names(outcome, body, line.names | names)
            if other is not None:
                names |= other
                continue
            tries += 1
            if outcome.then != "again":
                return outcome
            if outcome.status in (0, 200) and not wait_for_server:
                return outcome
            if tries > self._retries:
                return replace(outcome, reason=f"{outcome.reason} (tried {tries} times)")
            if not outcome.wait:
                await asyncio.sleep(delay)

    async def _call(
        self, opened: _Opened, body: Mapping[str, Any], delay: float, wait: Wait
    ) -> Answer | Failure:
        """One call, as soon as the limiter admits it.

        A server that asks for a pause gets it from all calls. So does one that is overrun by a
        single call at a time: the `delay` in seconds with which this call is tried again.
        """
        limiter = opened.limiter
        ticket = await limiter.acquire()
        wait.sent()
        succeeded = congested = False
        try:
            outcome = await self._sent(opened.connection, body)
            if isinstance(outcome, Answer):
                succeeded = self._line.served = True
                return outcome
            congested = outcome.congested
            overrun = congested and limiter.limit == 1
            limiter.pause(outcome.wait or (delay if overrun else 0.0))
            return outcome
        finally:
            limiter.release(ticket, succeeded=succeeded, congested=congested)

    async def _sent(self, connection: Connection, body: Mapping[str, Any]) -> Answer | Failure:
        """One request, and what came of it."""
        import aiohttp

        basic = self._address.basic
        credential = f"Basic {basic}" if basic else f"Bearer {self._api_key}"
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout):
                reply = await connection.post(body, {"Authorization": credential})
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return diagnose(error)
        latency = time.perf_counter() - begun
        if reply.body is None:
            said = f"malformed reply: more than {LONGEST_BODY:,} bytes"
            return Answer("", latency=latency, error=said)
        if reply.status >= 300:
            return refusal(reply.status, reply.headers, reply.body)
        return read_reply(reply.body, latency, reply.headers)

    async def _refuses_this_alone(self, failure: Failure) -> bool:
        """Whether a server that has answered before still does: then it refuses one chat alone."""
        if failure.then != "stop" or not failure.status or not self._line.served:
            return False
        return isinstance(await self._ask(self._hello), Answer)

    @property
    def _hello(self) -> dict[str, Any]:
        """The shortest thing to ask."""
        one_token = replace(self._decoding, max_tokens=1)
        return completion_request(self._model, [Message("user", "Hello")], one_token)

    def _connect(self) -> _Opened:
        """The running loop's client and limiter."""
        loop = asyncio.get_running_loop()
        opened = self._line.opened
        if opened is None or opened.loop is not loop:
            if not (self._api_key.isascii() and self._api_key.isprintable()):
                raise self._complaint(Failure("stop", "the key is no API key", status=401))
            environ = os.environ if self._trust_env else {}
            if self._egress:
                self._egress.check(self._address.bare, f"model {self.name}", environ)
            connection = connect(self._chat_url, self._concurrency, environ)
            opened = _Opened(loop, connection, AdaptiveLimiter(self._concurrency))
            self._line.opened = opened
        return opened

    @property
    def _chat_url(self) -> str:
        """Where a chat is posted; a query of `base_url`, secrets and all, stays at the end."""
        place = self._address.bare.partition("?")[0].rstrip("/")
        _, mark, query = self._base_url.partition("?")
        return f"{place}/chat/completions{mark}{query}"

    def _complaint(self, failure: Failure) -> UserError:
        """The line for the user."""
        if failure.status in (401, 403) and self._api_key_env:
            advice = f"type: export {self._api_key_env}=YOUR_KEY"
        else:
            advice = failure.advice(_near(self._file))
        if failure.unreachable:
            proxy = self._line.opened.connection.proxy if self._line.opened else None
            advice += advice_on_proxies(self._address.bare, proxy, os.environ)
        return UserError(
            f"model {self.name} ({self._model} at {self._base_url}): {failure.reason}; {advice}"
        )


def _near(file: Path) -> str:
    """A path as a user in this folder types it."""
    return str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else str(file)
