"""Rows on their way to the store and back: in batches, by a thread, as results arrive."""

import asyncio
from types import TracebackType
from typing import Any, Self

from evals.store import Row, Store

EVERY_SECONDS = 0.25
GATHERED_SECONDS = 0.01


class Journal:
    """Collects rows and writes them a few times a second; leaving the context writes the rest.

    A process that is killed loses at most the rows of the last quarter of a second. A write that
    fails (full disk) is raised at the next `add` and on leaving.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows: list[Row] = []
        self._writer: asyncio.Task[None] | None = None

    def add(self, row: Row) -> None:
        """Hand over a row.

        Raises:
            UserError: an earlier batch could not be written.
        """
        self._rows.append(row)
        if self._writer is not None and self._writer.done():
            self._writer.result()
            self._writer = None
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_soon())

    async def _write_soon(self) -> None:
        while self._rows:
            await asyncio.sleep(EVERY_SECONDS)
            rows, self._rows = self._rows, []
            await asyncio.to_thread(self._store.add, rows)

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
            rows, self._rows = self._rows, []
            self._store.add(rows)


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
