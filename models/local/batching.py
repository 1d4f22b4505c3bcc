"""Chats waiting for a local model, and how they are cut into batches."""

import asyncio
import heapq
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from models.chat import Answer, Decoding

NOTHING = Decoding(max_tokens=0)


@dataclass(frozen=True)
class Job:
    """One chat waiting for its answer: prompt ids, and where the answer goes."""

    ids: list[int]
    adapter: str
    decoding: Decoding
    reply: asyncio.Future[Answer]


@dataclass(frozen=True)
class Reading:
    """One chat with its reply, waiting for the log-probabilities of the last `replied` ids."""

    ids: list[int]
    adapter: str
    replied: int
    reply: asyncio.Future[tuple[float, ...] | None]
    decoding: Decoding = NOTHING


J = TypeVar("J", Job, Reading)


class Waiting(Generic[J]):
    """Jobs, longest prompt first, by what can share a batch: adapter and decoding."""

    def __init__(self) -> None:
        self._order = itertools.count()
        self._heaps: dict[tuple[str, Decoding], list[tuple[int, int, J]]] = {}

    def __bool__(self) -> bool:
        return any(self._heaps.values())

    def put(self, job: J) -> None:
        """Add a job; O(log n)."""
        heap = self._heaps.setdefault((job.adapter, job.decoding), [])
        heapq.heappush(heap, (-len(job.ids), next(self._order), job))

    def take(self, tokens: int) -> list[J]:
        """The next batch: the longest job, and as many more as keep length x rows within `tokens`.

        Whose adapter a job asks decides nothing: of two in service at once neither waits for the
        other's jobs more than the other for its own.
        """
        heap = min(filter(None, self._heaps.values()), key=lambda heap: heap[0][:2])
        first = heapq.heappop(heap)[2]
        batch, widest = [first], len(first.ids) + first.decoding.max_tokens
        while heap and (len(batch) + 1) * widest <= tokens:
            batch.append(heapq.heappop(heap)[2])
        return batch


async def resolve(batch: Sequence[J], work: Callable[[Sequence[J]], Sequence[Any]]) -> None:
    """Work on a batch in a thread, and hand everyone who waits what came of it."""
    try:
        results = await asyncio.to_thread(work, batch)
    except Exception as error:
        for job in batch:
            if not job.reply.done():
                job.reply.set_exception(error)
        return
    for job, result in zip(batch, results, strict=True):
        if not job.reply.done():
            job.reply.set_result(result)
