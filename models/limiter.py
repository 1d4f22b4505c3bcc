"""How many calls a server is sent at once: as many as it bears, found by trying."""

import asyncio
from collections import deque


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
        ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(ready)
        self._admit()
        try:
            return await ready
        except asyncio.CancelledError:
            if ready.done() and not ready.cancelled():
                self._leave()
            raise

    def release(self, ticket: int, *, succeeded: bool = False, congested: bool = False) -> None:
        """Give the place back and say how the call went; neither flag leaves the limit alone."""
        if ticket == self._halvings:
            if congested:
                self._halve()
            elif succeeded and self._in_flight >= self.limit:
                self._grow()
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
