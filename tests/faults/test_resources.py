"""What is reserved, counted or locked is given back on every way out."""

import asyncio
import contextlib
import threading

import pytest

from evals.calls.budget import Budget
from evals.calls.calls import Calls
from evals.calls.journal import Journal, Lookups
from evals.calls.store import Store
from models.chat import Answer, Message


class Odd:
    """A chat model that raises where it is told to, and is otherwise quick."""

    name, identity, context, longest_answer = "odd", "odd-1", 1000, 60

    def __init__(self):
        self.asked = []

    async def preflight(self):
        pass

    async def chat(self, messages):
        self.asked.append(messages[0].content)
        await asyncio.sleep(0)
        if "boom" in messages[0].content:
            raise OverflowError("odd reply")
        return Answer("ok", 5, 5)


@pytest.mark.fault("RES-1")
def test_a_call_that_raises_gives_its_reservation_back(tmp_path):
    async def ask():
        store = Store(str(tmp_path / "s.sqlite"))
        async with Journal(store) as journal:
            calls = Calls(journal, Lookups(store, "answers"), Budget(max_tokens=100))
            with contextlib.suppress(OverflowError):  # as deepeval and ragas do
                await calls.chat(Odd(), [Message("user", "boom")])
            return await asyncio.wait_for(calls.chat(Odd(), [Message("user", "next")]), 5)

    assert asyncio.run(ask()).text == "ok"


@pytest.mark.fault("RES-1")
def test_a_call_that_is_cancelled_gives_its_reservation_back(tmp_path):
    class Slow(Odd):
        async def chat(self, messages):
            if "hang" in messages[0].content:
                await asyncio.Event().wait()
            return await super().chat(messages)

    async def ask():
        store = Store(str(tmp_path / "s.sqlite"))
        async with Journal(store) as journal:
            budget = Budget(max_tokens=100)
            calls = Calls(journal, Lookups(store, "answers"), budget)
            slow = asyncio.create_task(calls.chat(Slow(), [Message("user", "hang")]))
            await asyncio.sleep(0.1)
            slow.cancel()
            await asyncio.wait([slow])
            reply = await asyncio.wait_for(calls.chat(Slow(), [Message("user", "next")]), 5)
            return reply, budget.calls

    reply, made = asyncio.run(ask())
    assert reply.text == "ok"
    assert made == 1, "the cancelled call had not been answered"


@pytest.mark.fault("RES-2")
def test_calls_that_wait_for_tokens_do_not_count_as_made():
    async def spend():
        budget, made = Budget(max_calls=3, max_tokens=100), []

        async def one(number, need):
            if await budget.reserve(need) is None:
                await asyncio.sleep(0.01)
                await budget.settle(need, need)
                made.append(number)

        await asyncio.gather(one(0, 60), one(1, 90), one(2, 90), one(3, 10), one(4, 10))
        return budget.calls, sorted(made)

    assert asyncio.run(spend()) == (3, [0, 3, 4])


@pytest.mark.fault("RES-4")
@pytest.mark.fault("KEEP-4")
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_first_openings_at_once_do_not_race(tmp_path, request, kind):
    if kind == "postgresql":
        address = request.getfixturevalue("postgresql_url")
        urls = [address.replace("postgresql://", "postgresql+psycopg://")]
    else:
        urls = [str(tmp_path / f"{number}.sqlite") for number in range(6)]
    failed = []

    def open_it(url, together):
        together.wait()
        try:
            Store(url).close()
        except Exception as error:
            failed.append(error)

    for url in urls:
        together = threading.Barrier(6)
        threads = [threading.Thread(target=open_it, args=(url, together)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []
