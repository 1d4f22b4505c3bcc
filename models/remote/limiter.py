"""How many calls a server is sent at once: as many as it bears, found by trying."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass
class Hold:
    """The places that one asker keeps until it has put away what came; see `holding`.

    `sent` says that a call was admitted. Whoever waits for a place holds none, so that askers of
    several calls cannot block themselves. `before` is awaited by each call that is admitted, before
    it is sent.
    """

    before: Callable[[], Awaitable[None]] | None = None
    sent: bool = False
    _waiting: int = 0
    _kept: list[Callable[[], None]] = field(default_factory=list)

    def wait(self) -> None:
        """A call begins to wait: give back what is held."""
        self._waiting += 1
        self.leave()

    def stop_waiting(self, *, admitted: bool) -> None:
        """It was admitted, or gave up."""
        self._waiting -= 1
        self.sent |= admitted

    def keep(self, leave: Callable[[], None]) -> None:
        """Hold a place whose call has come back, unless another call is waiting."""
        if self._waiting:
            leave()
        else:
            self._kept.append(leave)

    def leave(self) -> None:
        """Give every place back."""
        kept, self._kept = self._kept, []
        for leave in kept:
            leave()


_HOLD: ContextVar[Hold | None] = ContextVar("hold", default=None)


@contextmanager
def holding(before: Callable[[], Awaitable[None]] | None = None) -> Iterator[Hold]:
    """Keep the place of a call that succeeded until the block is left.

    An exam leaves it when the answer is on disk: what is at the server, and what has come but is
    not kept, are together never more than the places. A killed exam asks no more than that again.
    """
    hold = Hold(before)
    token = _HOLD.set(hold)
    try:
        yield hold
    finally:
        _HOLD.reset(token)
        hold.leave()


class AdaptiveLimiter:
    """A concurrency limit that follows TCP's congestion control (RFC 5681).

    It starts low and doubles with every window of successes; once the server was congested it
    halves, then grows by one call per window. A window is as many successes as the limit. It
    grows only while it is what holds calls back. One congestion halves it once: calls that were
    under way at the halving tell nothing new when they fail too.

    Waiting calls are served in their order. Belongs to the event loop that first waits in it.
    """

    def __init__(self, maximum: int, start: int = 8) -> None:
        if maximum < 1:
            raise ValueError(f"maximum is {maximum}, must be at least 1")
        self._maximum = maximum
        self._limit = float(max(1, min(start, maximum)))
        self._doubling_ends = maximum
        self._in_flight = 0
        self._halvings = 0
        self._not_before = 0.0
        self._waiting: deque[asyncio.Future[int]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def limit(self) -> int:
        """Calls allowed at once."""
        return int(self._limit)

    async def acquire(self) -> int:
        """Wait for a free place; returns the ticket that `release` takes."""
        hold = _HOLD.get()
        if hold:
            hold.wait()
        ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(ready)
        self._admit()
        admitted = False
        try:
            ticket = await ready
            if hold and hold.before:
                await hold.before()
            admitted = True
        except BaseException:
            if ready.done() and not ready.cancelled():
                self._leave()
            raise
        finally:
            if hold:
                hold.stop_waiting(admitted=admitted)
        return ticket

    def release(self, ticket: int, *, succeeded: bool = False, congested: bool = False) -> None:
        """Give the place back and say how the call went; neither flag leaves the limit alone.

        Inside `holding`, the place of a call that succeeded is given back when that block ends.
        """
        if ticket == self._halvings:
            if congested:
                self._halve()
            elif succeeded and self._in_flight >= self.limit:
                self._grow()
        hold = _HOLD.get()
        if hold and succeeded:
            hold.keep(self._leave)
        else:
            self._leave()

    def pause(self, seconds: float) -> None:
        """Admit nobody for so long; a longer pause that was asked for already stands."""
        until = asyncio.get_running_loop().time() + seconds
        self._not_before = max(self._not_before, until)

    def _grow(self) -> None:
        step = 1.0 if self._limit < self._doubling_ends else 1.0 / self._limit
        self._limit = min(self._limit + step, float(self._maximum))

    def _halve(self) -> None:
        self._halvings += 1
        self._limit = max(1.0, self._limit / 2)
        self._doubling_ends = self.limit

    def _leave(self) -> None:
        self._in_flight -= 1
        self._admit()

    def _admit(self) -> None:
        loop = asyncio.get_running_loop()
        if self._not_before > loop.time():
            if self._timer is None:
                self._timer = loop.call_at(self._not_before, self._wake)
            return
        while self._waiting and self._in_flight < self.limit:
            ready = self._waiting.popleft()
            if not ready.done():
                self._in_flight += 1
                ready.set_result(self._halvings)

    def _wake(self) -> None:
        self._timer = None
        self._admit()
