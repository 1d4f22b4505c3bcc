"""Threads for calls that block, which nobody waits for when the process ends."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """As many threads as calls were ever under way at once; they are kept for the next calls.

    Those of ThreadPoolExecutor are joined at exit: an exam that was interrupted would hang for as
    long as a server or a user's code does. A call that nobody waits for any longer ends by itself.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], Callable[[], None]] | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._started = 0

    async def run(self, call: Callable[[], T]) -> T:
        """What a call returns or raises, once it has."""
        future: Future[T] = Future()

        def work() -> Callable[[], None]:
            if not future.set_running_or_notify_cancel():
                return lambda: None
            try:
                return partial(future.set_result, call())
            except BaseException as error:  # else who awaits a call that exits would wait for ever
                return partial(future.set_exception, error)

        if not self._idle.acquire(blocking=False):
            self._started += 1
            threading.Thread(target=self._work, daemon=True).start()
        self._calls.put(work)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Let the threads end, each after its call; later calls start new ones."""
        for _ in range(self._started):
            self._calls.put(None)
        self._calls, self._idle, self._started = SimpleQueue(), threading.Semaphore(0), 0

    def _work(self) -> None:
        calls, idle = self._calls, self._idle
        while (call := calls.get()) is not None:
            tell = call()
            idle.release()  # before anybody knows: the next call then finds this thread idle
            tell()
