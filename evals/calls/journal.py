"""Rows on their way to the store and back, by threads, so that nothing waits for the disk."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from common.errors import UserError
from evals.calls.rows import Row
from evals.calls.store import Store
from evals.calls.unwritable import UnwritableError

GATHERED_SECONDS = 0.01


class Journal:
    """Writes rows as they come: all that wait in one transaction, then all that came meanwhile.

    A row that cannot be written falls alone. Where the store as a whole cannot be written (full
    disk), every row that still fits is, the next `add` raises, and so does leaving the context.
    `unkept` are the keys of the rows that were handed over and are not in the store.
    """

    def __init__(self, store: Store) -> None:
        self.unkept: set[str] = set()
        self._store = store
        self._waiting: list[tuple[Row, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        # Not the loop's own threads: there a row would wait behind whatever judges compute.
        self._thread = ThreadPoolExecutor(1, "journal")
        self._failure: UserError | None = None

    def add(self, row: Row) -> asyncio.Future[None]:
        """Hand over a row; who awaits what is returned goes on when it is on disk, or is not to be.

        Raises:
            UserError: the store could not be written before.
        """
        if self._failure is not None:
            self.unkept.add(row.key)
            raise self._failure
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, kept))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        return kept

    def check(self) -> None:
        """Raise a UserError if the store cannot be written."""
        if self._failure is not None:
            raise self._failure

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                rows = [row for row, _ in batch]
                self._note(*await loop.run_in_executor(self._thread, self._put, rows))
                for _, kept in batch:
                    if not kept.done():
                        kept.set_result(None)
        finally:
            self._writer = None

    def _put(self, rows: list[Row]) -> tuple[list[Row], UserError | None]:
        """Write the rows; those that were refused, and what is wrong with the store."""
        try:
            self._store.add(rows)
            return [], None
        except UnwritableError as error:
            if error.concerns == "store":
                return rows, error
        refused, failure = list[Row](), None
        for row in rows:
            try:
                self._store.add([row])
            except UnwritableError as error:
                refused.append(row)
                failure = failure if error.concerns == "row" else error
        return refused, failure

    def _note(self, refused: list[Row], failure: UserError | None) -> None:
        self.unkept |= {row.key for row in refused}
        self._failure = self._failure or failure

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._writer is not None:
                await self._writer
        finally:
            self._thread.shutdown()
            left, self._waiting = self._waiting, []
            if left:
                self._note(*self._put([row for row, _ in left]))
        if error is None:
            self.check()


class Lookups:
    """Reads rows of one table; keys that are asked for within 10 ms share a query."""

    def __init__(self, store: Store, table: str) -> None:
        self._store = store
        self._table = table
        self._wanted: list[str] = []
        self._reader: asyncio.Task[dict[str, Any]] | None = None

    async def row(self, key: str) -> Any | None:
        """The row of `key`, or None where there is none.

        Raises:
            UserError: the store cannot be read.
        """
        self._wanted.append(key)
        if self._reader is None:
            self._reader = asyncio.create_task(self._read_soon())
        return (await self._reader).get(key)

    async def _read_soon(self) -> dict[str, Any]:
        await asyncio.sleep(GATHERED_SECONDS)
        wanted, self._wanted, self._reader = self._wanted, [], None
        return await asyncio.to_thread(self._store.rows, self._table, wanted)
