"""The calls of an optimiser: those of an exam, where one that fails ends the run.

An optimiser takes an exception for an answer that is worth nothing, and goes on. A call that
failed, or that a budget declined, would so decide between candidates by luck. It raises `Stopped`
instead, which no `except Exception` catches; what was paid for is in the store, and is not paid
for again when the same line is typed.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from common.errors import UserError
from evals.calls.calls import Calls
from models.chat import Answer, ChatModel, Message

AGAIN = "what was paid for is kept: the same line goes on from there"
T = TypeVar("T")


class Stopped(BaseException):
    """Ends an optimiser; `reason` is what the user is told."""

    def __init__(self, reason: UserError) -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.__cause__ = reason  # by which whoever isolates a case knows a mistake of the user's


@dataclass
class FinalCalls(Calls):
    """Calls whose failures end the run; `closed` declines all that are still to come."""

    closed: bool = False
    _under_way: set["asyncio.Task[Any]"] = field(default_factory=set)

    async def chat(self, chat: ChatModel, messages: Sequence[Message], draw: int = 0) -> Answer:
        """See Calls. An error that the same chat would have again is an answer.

        Raises:
            Stopped: the call failed or was declined, or the run is over.
        """
        if self.closed:
            raise Stopped(UserError(f"stopped; {AGAIN}"))
        with self._noted():
            try:
                answer = await super().chat(chat, messages, draw)
            except UserError as error:
                raise Stopped(error)  # noqa: B904 - it says itself what caused it
        if answer.error is None or answer.lasting or answer.finish_reason == "length":
            return answer
        raise Stopped(UserError(f"model {chat.name}: {answer.error}; {AGAIN}"))

    @property
    def brought(self) -> list[Answer]:
        """Every reply that was had, whether this run paid for it or one before."""
        return self.replies(self._made)

    async def serve(self, work: Callable[[], T]) -> T:
        """What `work` returns, which runs in a thread and posts its calls to this loop.

        If it fails, no call is begun afterwards; those under way are waited for, since they are
        paid for, unless the run was cancelled.

        Raises:
            UserError: a call ended it.
        """
        thread = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(thread)
        except BaseException as error:
            self.closed = True
            if isinstance(error, asyncio.CancelledError):
                for task in self._under_way:
                    task.cancel()
            raise error.reason if isinstance(error, Stopped) else error from None
        finally:
            await asyncio.gather(*self._under_way, return_exceptions=True)
            with suppress(BaseException):
                await thread

    @contextmanager
    def _noted(self) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        try:
            yield
        finally:
            self._under_way.discard(task)
