"""Any OpenAI-compatible server."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from common.errors import UserError
from common.identity import digest
from common.redaction import keep_secret, keep_secrets_of
from models.chat import Answer, Decoding, Message
from models.endpoint.completion import completion_request, read_refusal, read_reply
from models.endpoint.connection import LONGEST_BODY, Connection, connect
from models.endpoint.failures import advice, diagnose, other_names
from models.endpoint.surroundings import advice_on_proxies
from models.remote.chat import RemoteChat
from models.remote.failures import Failure
from models.remote.parameters import Parameters

NO_KEY = "no-key"
"""Sent where no key is given: some servers want one, whichever it is."""


class Permit(Protocol):
    """Says which server may be connected to; see `models/egress.py`."""

    def check(self, url: str, what: str, environ: Mapping[str, str]) -> None:
        """Raise a UserError where it may not."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """What lives and dies with one event loop."""

    loop: asyncio.AbstractEventLoop
    connection: Connection


class EndpointServer:
    """A model, by its name there, on a server that speaks OpenAI's protocol.

    `api_key_env` is where the user keeps the key, and `file` the registry file, for error lines.
    `revision` stands for whatever moves the answers and does not show in `model`; `extra_body` is
    sent with each request, and `max_tokens_field` is the server's name for it. `timeout` is for one
    call, in seconds. Proxies and certificates of the environment act with `trust_env` alone.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str,
        model: str,
        api_key: str | None = None,
        api_key_env: str | None = None,
        revision: str = "",
        extra_body: Mapping[str, Any] = MappingProxyType({}),
        max_tokens_field: str = "max_tokens",
        concurrency: int = 64,
        timeout: float = 60.0,
        trust_env: bool = False,
        file: Path | None = None,
        egress: Permit | None = None,
    ) -> None:
        self._name = name
        self._base_url = base_url.rstrip("/")
        self._address = keep_secrets_of(self._base_url)
        self._model = model
        self._api_key = (api_key or "").strip() or NO_KEY
        keep_secret(self._api_key)
        self._api_key_env = api_key_env
        self._revision = revision
        self._concurrency = concurrency
        self._timeout = timeout
        self._trust_env = trust_env
        self._file = file or Path("models/registry", f"{name}.toml")
        self._egress = egress
        self._extra_body = dict(extra_body)
        named = {} if max_tokens_field == "max_tokens" else {"max_tokens": max_tokens_field}
        self._told: dict[str, Any] = {"extra_body": self._extra_body, "names": named}
        self._parameters = Parameters(other_names, named)
        self._opened: _Opened | None = None

    @property
    def where(self) -> str:
        """See Server."""
        return f"{self._model} at {self._base_url}"

    @property
    def remarks(self) -> tuple[str, ...]:
        """The parameters that it refuses: a model without `temperature` draws as it likes."""
        withheld = self._parameters.withheld
        return (f"it was not sent {' and '.join(withheld)}, which it refuses",) if withheld else ()

    def identity(self, decoding: Decoding) -> str:
        """Digest of what is asked where, and how; who asks is no part of it.

        What an entry may say since answers were kept is part of it only where it is said.
        """
        told = {name: value for name, value in self._told.items() if value}
        return digest(
            "endpoint",
            self._address.bare,
            self._model,
            self._revision,
            decoding.identity,
            *([told] if told else []),
        )

    def connect(self) -> None:
        """See Server.

        Raises:
            UserError: the policy does not allow it, or the key is none.
        """
        loop = asyncio.get_running_loop()
        if self._opened is not None and self._opened.loop is loop:
            return
        if not (self._api_key.isascii() and self._api_key.isprintable()):
            unusable = Failure("stop", "the key is no API key", status=401)
            raise UserError(
                f"model {self._name} ({self.where}): {unusable.reason}; {self.advice(unusable)}"
            )
        environ = os.environ if self._trust_env else {}
        if self._egress:
            self._egress.check(self._address.bare, f"model {self._name}", environ)
        self._opened = _Opened(loop, connect(self._chat_url, self._concurrency, environ))

    async def send(self, messages: Sequence[Message], decoding: Decoding) -> Answer | Failure:
        """See Server; parameters that are refused are sent otherwise, once that has helped."""
        body = {**self._extra_body, **completion_request(self._model, messages, decoding)}
        return await self._parameters.send(body, self._sent)

    async def _sent(self, body: Mapping[str, Any]) -> Answer | Failure:
        """One request, and what came of it."""
        import aiohttp

        assert self._opened is not None
        basic = self._address.basic
        credential = f"Basic {basic}" if basic else f"Bearer {self._api_key}"
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout):
                reply = await self._opened.connection.post(body, {"Authorization": credential})
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return diagnose(error)
        latency = time.perf_counter() - begun
        if reply.body is None:
            said = f"malformed reply: more than {LONGEST_BODY:,} bytes"
            return Answer("", latency=latency, error=said)
        if reply.status >= 300:
            return read_refusal(reply.status, reply.headers, reply.body)
        return read_reply(reply.body, latency, reply.headers)

    @property
    def _chat_url(self) -> str:
        """Where a chat is posted; a query of `base_url`, secrets and all, stays at the end."""
        place = self._address.bare.partition("?")[0].rstrip("/")
        _, mark, query = self._base_url.partition("?")
        return f"{place}/chat/completions{mark}{query}"

    def advice(self, failure: Failure) -> str:
        """See Server."""
        if failure.status in (401, 403) and self._api_key_env:
            return f"type: export {self._api_key_env}=YOUR_KEY"
        said = advice(failure, _near(self._file))
        if failure.unreachable:
            proxy = self._opened.connection.proxy if self._opened else None
            said += advice_on_proxies(self._address.bare, proxy, os.environ)
        return said

    async def close(self) -> None:
        """See Server."""
        opened, self._opened = self._opened, None
        if opened and opened.loop is asyncio.get_running_loop():
            await opened.connection.session.close()


def endpoint_chat(
    name: str,
    *,
    decoding: Decoding | None = None,
    context: int = 8192,
    concurrency: int = 64,
    retries: int = 6,
    back_off: float = 0.5,
    **place: Any,
) -> RemoteChat:
    """A chat model on an OpenAI-compatible server; `place` are arguments of EndpointServer."""
    return RemoteChat(
        name,
        EndpointServer(name, concurrency=concurrency, **place),
        decoding or Decoding(),
        context=context,
        concurrency=concurrency,
        retries=retries,
        back_off=back_off,
    )


def _near(file: Path) -> str:
    """A path as a user in this folder types it."""
    return str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else str(file)
