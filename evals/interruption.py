"""SIGINT, SIGTERM and SIGHUP end an exam alike: with its report, and exit status 2."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
EXIT_STATUS = 2


class Interruption:
    """What a signal does from `install` to `restore`.

    The first stops what `run` runs, waits for the end of a block under `finishing`, and elsewhere
    raises KeyboardInterrupt. The second is told that the report is being written, the third ends
    the process at once, without a word. A signal that was ignored before (nohup) still is.
    """

    def __init__(self) -> None:
        self.signals = 0
        self._before: dict[int, Any] = {}
        self._running: asyncio.Task[Any] | None = None
        self._finishing = False

    def install(self) -> None:
        """Take over the signals; outside of the main thread nobody can."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (getattr(signal, name) for name in SIGNALS if hasattr(signal, name)):
            if signal.getsignal(number) is not signal.SIG_IGN and number not in self._before:
                self._before[number] = signal.signal(number, self._on_signal)

    def restore(self) -> None:
        """Give the signals back."""
        while self._before:
            signal.signal(*self._before.popitem())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """`asyncio.run`, stopped by a signal without waiting for threads that still compute.

        Raises:
            KeyboardInterrupt: it was stopped.
        """
        loop = asyncio.new_event_loop()
        task = loop.create_task(work)
        self._running = task
        try:
            return loop.run_until_complete(task)
        finally:
            self._running = None
            with self.finishing():
                self._close(loop)
            if self.signals:
                raise KeyboardInterrupt

    def _close(self, loop: asyncio.AbstractEventLoop) -> None:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        loop.run_until_complete(loop.shutdown_asyncgens())
        if not self.signals:
            loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """A block that a first signal does not interrupt; it is raised after it.

        Raises:
            KeyboardInterrupt: there was one.
        """
        outer, before = self._finishing, self.signals
        self._finishing = True
        try:
            yield
        finally:
            self._finishing = outer
        if not outer and not before and self.signals:
            raise KeyboardInterrupt

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.signals += 1
        if self.signals == 2:
            print("\nthe report is being written; once more ends it at once", file=sys.stderr)
        elif self.signals > 2:
            os._exit(EXIT_STATUS)
        elif self._running is not None:
            self._running.cancel()
            self._running.get_loop().call_soon_threadsafe(lambda: None)  # wakes it
        elif not self._finishing:
            raise KeyboardInterrupt
