"""Rows of a database that name a contract or quote it: found, and erased to the last byte."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evals.calls.address import address_of
from evals.calls.unwritable import translated
from evals.store.wanted import Wanted

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

BATCH = 500
MARKED = "contract"
"""The column by which the store knows a contract."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one database: those of the contract, by table; and those of no known contract."""

    found: dict[str, int]
    unmarked: int

    @property
    def count(self) -> int:
        """Of the contract."""
        return sum(self.found.values())


def look(url: str, wanted: Wanted) -> Rows:
    """Count what `erase` would erase.

    Raises:
        UserError: it cannot be read.
    """
    with _opened(url) as engine:
        found, unmarked = {}, 0
        for table in _tables(engine):
            with engine.connect() as connection:
                found[table.name] = sum(1 for _ in _keys(connection, table, wanted, False))
                unmarked += _unmarked(connection, table)
        return Rows(found, unmarked)


def erase(url: str, wanted: Wanted, *, unmarked: bool = False) -> None:
    """Erase the rows of a contract, and overwrite where they stood.

    Args:
        url: a path of SQLite, or a URL as `--store` has it.
        wanted: the contract.
        unmarked: whether answers, rankings and scores go too of which nobody noted the contract,
            as those of an earlier release.

    Raises:
        UserError: it cannot be written; the same again goes on.
    """
    with _opened(url) as engine:
        for table in _tables(engine):
            with engine.begin() as connection:
                keys = list(_keys(connection, table, wanted, unmarked))
                column = next(iter(table.primary_key))
                for start in range(0, len(keys), BATCH):
                    gone = column.in_(keys[start : start + BATCH])
                    connection.execute(table.delete().where(gone))
        _overwrite(engine)


def _overwrite(engine: "Engine") -> None:
    """SQLite's file is written anew and its journal emptied; PostgreSQL's tables likewise."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("vacuum")
            connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
            return
        for table in _tables(engine):
            connection.exec_driver_sql(f'vacuum full "{table.name}"')


def _keys(
    connection: "Connection", table: "Table", wanted: Wanted, unmarked: bool
) -> Iterator[Any]:
    """Primary keys of the rows of a contract, one by one."""
    place = [column.name for column in table.columns].index(next(iter(table.primary_key)).name)
    mark = table.columns.keys().index(MARKED) if MARKED in table.columns else None
    rows = connection.execute(table.select().execution_options(stream_results=True))
    for row in rows:
        lost = unmarked and mark is not None and row[mark] is None
        if lost or wanted.is_of(list(row)):
            yield row[place]


def _unmarked(connection: "Connection", table: "Table") -> int:
    from sqlalchemy import func, select

    if MARKED not in table.columns:
        return 0
    lost = select(func.count()).select_from(table).where(table.c[MARKED].is_(None))
    return int(connection.execute(lost).scalar_one())


def _tables(engine: "Engine") -> list["Table"]:
    from sqlalchemy import MetaData

    metadata = MetaData()
    metadata.reflect(engine)
    return [table for table in metadata.sorted_tables if len(table.primary_key) == 1]


@contextmanager
def _opened(url: str) -> Iterator["Engine"]:
    from sqlalchemy import create_engine, event

    with translated(url, "erased"):
        engine = create_engine(address_of(url, url))
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _set_pragmas)
        try:
            yield engine
        finally:
            engine.dispose()


def _set_pragmas(connection: Any, _record: Any) -> None:
    for pragma in ("secure_delete=on", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")
