"""The concurrency limit, on a clock that is moved by hand."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.remote.limiter import AdaptiveLimiter


class SkippingLoop(asyncio.SelectorEventLoop):
    """A loop that, instead of sleeping, moves its clock to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped = 0.0
        select = self._selector.select

        def skip(timeout: float | None) -> Any:
            assert timeout is not None, "every task waits for ever"
            self.skipped += timeout
            return select(0)

        self._selector.select = skip

    def time(self) -> float:
        return self.skipped


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        return runner.run(coroutine)


def now() -> float:
    return asyncio.get_running_loop().time()


class Server:
    """Takes a second for each call, and reports congestion above `capacity` calls at once."""

    def __init__(self, capacity: int = 10**9) -> None:
        self.capacity = capacity
        self.active = self.peak = self.refused = 0

    async def call(self, limiter: AdaptiveLimiter) -> None:
        while True:
            ticket = await limiter.acquire()
            self.active += 1
            self.peak = max(self.peak, self.active)
            refused = self.active > self.capacity
            self.refused += refused
            await asyncio.sleep(1)
            self.active -= 1
            limiter.release(ticket, succeeded=not refused, congested=refused)
            if not refused:
                return


async def window(limiter: AdaptiveLimiter, calls: int, **outcome: bool) -> None:
    """So many calls that begin together and end together."""
    tickets = [await limiter.acquire() for _ in range(calls)]
    for ticket in tickets:
        limiter.release(ticket, **outcome)


def test_doubles_with_each_window_up_to_the_maximum():
    async def scenario() -> list[int]:
        limiter, server = AdaptiveLimiter(maximum=64, start=8), Server()
        calls = [asyncio.create_task(server.call(limiter)) for _ in range(500)]
        limits = []
        for _ in range(5):
            await asyncio.sleep(0.5)
            limits.append(limiter.limit)
            await asyncio.sleep(0.5)
        await asyncio.gather(*calls)
        assert server.peak == 64
        return limits

    assert run(scenario()) == [8, 16, 32, 64, 64]


def test_does_not_grow_while_calls_are_few():
    async def scenario() -> None:
        limiter, server = AdaptiveLimiter(maximum=64, start=8), Server()
        for _ in range(50):
            await server.call(limiter)
        assert limiter.limit == 8

    run(scenario())


def test_one_congestion_halves_once_and_later_growth_is_one_a_window():
    async def scenario() -> None:
        limiter = AdaptiveLimiter(maximum=64, start=64)
        await window(limiter, 64, congested=True)
        assert limiter.limit == 32
        server = Server()
        calls = [asyncio.create_task(server.call(limiter)) for _ in range(200)]
        await asyncio.sleep(3.5)
        assert 34 <= limiter.limit <= 35
        await asyncio.gather(*calls)

    run(scenario())


def test_each_congestion_halves_but_never_below_one():
    async def scenario() -> list[int]:
        limiter = AdaptiveLimiter(maximum=10, start=10)
        limits = []
        for _ in range(5):
            await window(limiter, 1, congested=True)
            limits.append(limiter.limit)
        await window(limiter, 1, succeeded=True)
        return [*limits, limiter.limit]

    assert run(scenario()) == [5, 2, 1, 1, 1, 2]


def test_other_failures_leave_the_limit_alone():
    async def scenario() -> None:
        limiter = AdaptiveLimiter(maximum=64, start=4)
        await window(limiter, 4)
        assert limiter.limit == 4

    run(scenario())


def test_settles_near_what_the_server_bears():
    async def scenario() -> tuple[int, float]:
        limiter, server = AdaptiveLimiter(maximum=64), Server(capacity=20)
        await asyncio.gather(*(server.call(limiter) for _ in range(1000)))
        return server.refused, now()

    refused, seconds = run(scenario())
    assert refused < 100
    assert seconds < 2 * 1000 / 20


def test_a_pause_holds_everybody_and_the_longest_stands():
    async def scenario() -> list[float]:
        limiter = AdaptiveLimiter(maximum=4, start=4)
        admitted = []

        async def call() -> None:
            ticket = await limiter.acquire()
            admitted.append(now())
            limiter.release(ticket, succeeded=True)

        limiter.pause(5)
        limiter.pause(3)
        calls = [asyncio.create_task(call()) for _ in range(3)]
        await asyncio.sleep(4)
        limiter.pause(6)
        await asyncio.gather(*calls)
        return admitted

    assert run(scenario()) == pytest.approx([10, 10, 10], abs=1e-6)


def test_first_come_first_served():
    async def scenario() -> list[int]:
        limiter = AdaptiveLimiter(maximum=1)
        order = []

        async def call(number: int) -> None:
            ticket = await limiter.acquire()
            await asyncio.sleep(1)
            order.append(number)
            limiter.release(ticket)

        await asyncio.gather(*map(call, range(5)))
        return order

    assert run(scenario()) == [0, 1, 2, 3, 4]


@given(st.lists(st.sampled_from(["before", "after", "never"]), max_size=12))
def test_cancelled_waiters_lose_no_place(when):
    async def scenario() -> None:
        limiter = AdaptiveLimiter(maximum=2, start=2)
        tickets = [await limiter.acquire(), await limiter.acquire()]
        waiters = [asyncio.create_task(limiter.acquire()) for _ in when]
        await asyncio.sleep(0)
        for waiter, moment in zip(waiters, when, strict=True):
            if moment == "before":
                waiter.cancel()
        for ticket in tickets:
            limiter.release(ticket)
        for waiter, moment in zip(waiters, when, strict=True):
            if moment == "after":
                waiter.cancel()
        for waiter, moment in zip(waiters, when, strict=True):
            if moment == "never":
                limiter.release(await waiter)
        async with asyncio.timeout(1):
            await limiter.acquire()
            await limiter.acquire()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await limiter.acquire()

    run(scenario())


def test_a_maximum_of_none_at_all_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        AdaptiveLimiter(maximum=0)
