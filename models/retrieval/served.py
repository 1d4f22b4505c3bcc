"""Embedders behind any OpenAI-compatible `/embeddings`."""

import asyncio
import json
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import UserError
from common.identity import digest
from common.redaction import keep_secret, keep_secrets_of
from fixtures.retrieval.embedder import unit
from models.egress import Egress
from models.endpoint.completion import read_refusal, usage_of
from models.endpoint.connection import LONGEST_BODY, Connection, connect
from models.endpoint.failures import advice, diagnose, refusal_within
from models.endpoint.surroundings import advice_on_proxies
from models.metering import NO_TOKENS, affordable, billed, billed_unsaid
from models.remote.failures import Failure
from models.retrieval.entry import ServedEntry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

BACK_OFF = 0.5
LONGEST_BACK_OFF = 30.0
Vector = list[float]


class ServedEmbedder:
    """Embeds in batches, several at once; waits and asks again where that may help.

    Args:
        name: of the entry.
        entry: what it says.
        egress: asked before anything else, and again before a connection is opened.
        file: of the entry, for errors.

    Raises:
        UserError: the data may not be sent there, or the variable of the key is not set.
    """

    def __init__(self, name: str, entry: ServedEntry, egress: Egress, file: Path) -> None:
        self._name, self._entry, self._egress, self._file = name, entry, egress, file
        self._address = keep_secrets_of(entry.base_url.rstrip("/"))
        self._permit()
        key = (entry.key(f"embedder {name}") or "").strip()
        keep_secret(key)
        if not (key.isascii() and key.isprintable()):
            raise UserError(
                f"embedder {name}: ${entry.api_key_env} holds no API key; "
                f"type `export {entry.api_key_env}=...`"
            )
        basic = self._address.basic
        self._credential = f"Basic {basic}" if basic else f"Bearer {key or 'no-key'}"

    @property
    def identity(self) -> str:
        """Digest of URL, model id, revision, dimensions and prefixes; who asks is no part of it."""
        entry = self._entry
        prefixes = entry.passage_prefix, entry.query_prefix
        return digest(
            "embedder", "endpoint", 1, self._address.bare, entry.model, entry.revision,
            entry.dimensions, *prefixes,
        )  # fmt: skip

    def embed(self, texts: Sequence[str]) -> "npt.NDArray[np.float32]":
        """Vectors of length 1 of passages, shape (len(texts), dimensions).

        Raises:
            UserError: the server cannot be reached, refuses, or answers with no vectors.
        """
        return self._embedded([self._entry.passage_prefix + text for text in texts])

    def embed_queries(self, texts: Sequence[str]) -> "npt.NDArray[np.float32]":
        """The same of questions."""
        return self._embedded([self._entry.query_prefix + text for text in texts])

    def _embedded(self, texts: list[str]) -> "npt.NDArray[np.float32]":
        try:
            return unit(asyncio.run(self._all(texts)))
        except ValueError as error:
            raise self._complaint(Failure("stop", str(error), status=200)) from error

    async def _all(self, texts: list[str]) -> list[Vector]:
        entry = self._entry
        environ = self._permit()
        connection = connect(self._url, entry.concurrency, environ)
        places = asyncio.Semaphore(entry.concurrency)

        async def batch(begin: int) -> list[Vector]:
            async with places:
                return await self._batch(connection, texts[begin : begin + entry.batch])

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(batch(begin)) for begin in range(0, len(texts), entry.batch)
                ]
        except* UserError as errors:
            raise errors.exceptions[0] from None
        finally:
            await connection.session.close()
        return [vector for task in tasks for vector in task.result()]

    async def _batch(self, connection: Connection, texts: list[str]) -> list[Vector]:
        """The vectors of one call, made again while that may help."""
        body: dict[str, Any] = {"model": self._entry.model, "input": texts}
        if self._entry.dimensions is not None:
            body["dimensions"] = self._entry.dimensions
        tries = 0
        while True:
            outcome = await self._sent(connection, body)
            if not isinstance(outcome, Failure):
                return outcome
            billed(outcome.usage)
            tries += 1
            if outcome.then != "again" or outcome.unreachable:
                raise self._complaint(outcome, connection)
            if tries > self._entry.retries:
                tried = f"{outcome.reason} (tried {tries} times)"
                raise self._complaint(replace(outcome, reason=tried), connection)
            if outcome.usage.tokens and not affordable():
                vain = f"{outcome.reason} (billed in vain, and not asked again under --max-cost)"
                raise self._complaint(replace(outcome, reason=vain), connection)
            bound = min(LONGEST_BACK_OFF, BACK_OFF * 2**tries)
            await asyncio.sleep(outcome.wait or random.uniform(0.0, bound))

    async def _sent(self, connection: Connection, body: dict[str, Any]) -> list[Vector] | Failure:
        import aiohttp

        try:
            async with asyncio.timeout(self._entry.timeout):
                reply = await connection.post(body, {"Authorization": self._credential})
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return diagnose(error)
        if reply.body is None:
            said = f"a reply of more than {LONGEST_BODY:,} bytes: lower `batch`"
            return Failure("stop", said, status=reply.status)
        if reply.status >= 300:
            return read_refusal(reply.status, reply.headers, reply.body)
        return _vectors(reply.body, len(body["input"]), self._entry.dimensions)

    @property
    def _url(self) -> str:
        """Where texts are posted; a query of `base_url`, secrets and all, stays at the end."""
        place = self._address.bare.partition("?")[0].rstrip("/")
        _, mark, query = self._entry.base_url.partition("?")
        return f"{place}/embeddings{mark}{query}"

    def _permit(self) -> Mapping[str, str]:
        """What of the environment acts, after the policy has allowed the server."""
        environ = os.environ if self._entry.trust_env else {}
        self._egress.check(self._address.bare, f"embedder {self._name}", environ)
        return environ

    def _complaint(self, failure: Failure, connection: Connection | None = None) -> UserError:
        entry = self._entry
        if failure.status in (401, 403) and entry.api_key_env:
            todo = f"type: export {entry.api_key_env}=YOUR_KEY"
        elif failure.then == "skip":
            todo = f"a smaller --chunk-size may do; else mend {self._file}"
        else:
            todo = advice(failure, str(self._file))
        if failure.unreachable and connection is not None:
            todo += advice_on_proxies(self._address.bare, connection.proxy, os.environ)
        return UserError(
            f"embedder {self._name} ({entry.model} at {self._address.bare}): {failure.reason}; "
            f"{todo}"
        )


def _vectors(body: bytes, wanted: int, dimensions: int | None) -> list[Vector] | Failure:
    """The vectors of a reply, which are then billed, or why there are none, with what they used."""
    usage = NO_TOKENS
    try:
        parsed = json.loads(body)
        usage = usage_of(parsed)
        failure = refusal_within(parsed, {})
        if failure is not None:
            return replace(failure, usage=usage)
        vectors = _in_order(parsed, wanted)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        said = f"a reply without {wanted} vectors"
        return Failure("again", said, status=200, usage=usage)
    lengths = {len(vector) for vector in vectors}
    if dimensions is not None and lengths != {dimensions}:
        said = f"vectors of {min(lengths)} numbers, and `dimensions` asks for {dimensions}"
        return Failure("stop", said, status=200, usage=usage)
    if usage.tokens:
        billed(usage)
    else:
        billed_unsaid()
    return vectors


def _in_order(parsed: Any, wanted: int) -> list[Vector]:
    """Vectors in the order of what was asked, whatever order they came in."""
    rows = {int(row["index"]): list(map(float, row["embedding"])) for row in parsed["data"]}
    return [rows[number] for number in range(wanted)]
