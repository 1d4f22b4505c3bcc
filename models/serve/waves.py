"""What waits for a model is asked together, and whoever came first is not overtaken for ever.

A local base sorts what it is given, longest first. So requests go to it in waves: all that wait, at
most so many, and the next wave when this one is answered. Shadows, which nobody waits for, go when
nobody else does.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from models.chat import Answer

Ask = Callable[[], Awaitable[Answer]]
Waiting = tuple[Ask, "asyncio.Future[Answer]"]


class FullError(Exception):
    """So many wait already that one more would only wait in vain."""


@dataclass
class Waves:
    """Requests on their way to the models.

    Attributes:
        most: requests of a wave.
        room: requests that may wait; one more is refused.
    """

    most: int = 32
    room: int = 256
    _asked: deque[Waiting] = field(default_factory=deque, repr=False)
    _shadows: deque[Waiting] = field(default_factory=deque, repr=False)
    _worker: "asyncio.Task[None] | None" = field(default=None, repr=False)
    _under_way: int = 0

    @property
    def waiting(self) -> int:
        """Requests that are not with a model yet, without shadows."""
        return len(self._asked)

    @property
    def under_way(self) -> int:
        """Requests that a model has, shadows included."""
        return self._under_way

    async def answer(self, ask: Ask, *, shadow: bool = False) -> Answer:
        """What a request is answered, when its wave has come.

        Raises:
            FullError: too many wait.
        """
        line = self._shadows if shadow else self._asked
        if len(line) >= self.room:
            raise FullError(f"{len(line)} requests wait already")
        reply: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        line.append((ask, reply))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._drain())
        return await reply

    async def _drain(self) -> None:
        await asyncio.sleep(0)  # everyone who is about to ask is asked first
        while line := self._asked or self._shadows:
            wave = [line.popleft() for _ in range(min(self.most, len(line)))]
            self._under_way = len(wave)
            await asyncio.gather(*(_answer(ask, reply) for ask, reply in wave))
            self._under_way = 0


async def _answer(ask: Ask, reply: "asyncio.Future[Answer]") -> None:
    try:
        answer = await ask()
    except Exception as error:
        if not reply.done():
            reply.set_exception(error)
    else:
        if not reply.done():
            reply.set_result(answer)
