"""The exam's store: what was paid for, kept under what produced it.

Tables of rows that are written once and never changed: retrievals, answers, the scores that cost a
call, and what was paid. Runs are in their reports. SQLite in WAL mode by default; the URL may name
PostgreSQL.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import UserError
from common.redaction import redacted as masked
from evals.calls.address import URLS, address_of, file_of
from evals.calls.columns import storable_columns
from evals.calls.locks import (
    Release,
    advisory_lock_for_transaction,
    file_lock,
    try_advisory_lock,
    try_file_lock,
)
from evals.calls.odd_rows import odd, odd_row
from evals.calls.rows import Row
from evals.calls.tables import exam_tables, prepare
from evals.calls.unwritable import translated

if TYPE_CHECKING:
    from sqlalchemy import Engine


CHUNK = 500


@dataclass(frozen=True, slots=True)
class Usual:
    """How many replies of a model the store holds, and the mean of the tokens that they have."""

    replies: int
    tokens_out: float


class Store:
    """Rows by key. Errors of the database are UserErrors with the way out."""

    def __init__(self, url: str) -> None:
        """Open or create the store at a path or SQLAlchemy URL.

        Raises:
            UserError: it cannot be opened, is corrupt, foreign, or of another version.
        """
        from sqlalchemy import create_engine, event

        self.url = masked(url)
        address = address_of(url, self.url)
        is_file = address.get_backend_name() == "sqlite"
        self._file = file_of(address, self.url) if is_file else None
        try:
            self._engine: Engine = create_engine(address, pool_pre_ping=not is_file)
        except ImportError as error:
            raise UserError(
                f"--store {self.url}: {error}; PostgreSQL needs `pip install 'psycopg[binary]'`"
            ) from error
        except Exception as error:  # whatever a dialect thinks of its URL
            raise UserError(f"--store {self.url}: {error}; {URLS}".replace("\n", " ")) from error
        if self._file is not None:
            event.listen(self._engine, "connect", _set_pragmas)
        self._metadata = exam_tables()
        self._tables = self._metadata.tables
        with translated(self.url, "opened"):
            self._open()

    def _open(self) -> None:
        """Make what is missing, under a lock: of two that open at once, one finds all made."""
        if self._file is None:
            with self._engine.begin() as connection:
                advisory_lock_for_transaction(connection, "opening")
                prepare(connection, self._metadata, self.url)
            return
        with file_lock(self._locks, "opening"), self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            prepare(connection, self._metadata, self.url)
            connection.commit()

    @property
    def _locks(self) -> Path:
        assert self._file is not None
        return self._file.with_name(f"{self._file.name}-locks")

    def try_lock(self, name: str) -> Release | None:
        """Take the lock of that name on this store, until it is released or the process dies.

        None where somebody has it.
        """
        with translated(self.url, "locked"):
            if self._file is None:
                return try_advisory_lock(self._engine, name)
            return try_file_lock(self._locks, name)

    def add(self, rows: Sequence[Row]) -> None:
        """Write rows in one transaction; a key that is there already keeps its row.

        Raises:
            UnwritableError: nothing of `rows` is kept, everything before is.
        """
        if self._file is None:
            from sqlalchemy.dialects.postgresql import insert
        else:
            from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]

        with translated(self.url, "written"), self._engine.begin() as connection:
            for name, table in self._tables.items():
                values = [
                    {"key": row.key, **storable_columns(row.columns)}
                    for row in rows
                    if row.table == name
                ]
                if values:
                    connection.execute(insert(table).on_conflict_do_nothing(), values)

    def rows(self, table: str, keys: Iterable[str]) -> dict[str, Any]:
        """The rows of those keys that are there, as named tuples."""
        from sqlalchemy import select

        known, wanted = self._tables[table], list(dict.fromkeys(keys))
        found: dict[str, Any] = {}
        with translated(self.url, "read"), self._engine.connect() as connection:
            for start in range(0, len(wanted), CHUNK):
                query = select(known).where(known.c.key.in_(wanted[start : start + CHUNK]))
                found.update({row.key: row for row in connection.execute(query)})
        self._check(table, found.values())
        return found

    def payments(self, exam: str | None = None) -> list[Any]:
        """The rows of `payments` of one exam, or of everything, as named tuples."""
        from sqlalchemy import select

        known = self._tables["payments"]
        wanted = select(known) if exam is None else select(known).where(known.c.exam == exam)
        with translated(self.url, "read"), self._engine.connect() as connection:
            found = list(connection.execute(wanted))
        self._check("payments", found)
        return found

    def replies(self) -> int:
        """How many replies of models and judges the store keeps."""
        from sqlalchemy import func, select

        counted = select(func.count()).select_from(self._tables["answers"])
        with translated(self.url, "read"), self._engine.connect() as connection:
            return int(connection.execute(counted).scalar_one())

    def usual(self, model: str) -> Usual | None:
        """What replies of a model of that name have used so far; None where there is none."""
        from sqlalchemy import func, select

        answers = self._tables["answers"]
        of_model = select(func.count(), func.avg(answers.c.tokens_out)).where(
            answers.c.model == model, answers.c.tokens_out > 0
        )
        with translated(self.url, "read"), self._engine.connect() as connection:
            replies, tokens_out = connection.execute(of_model).one()
        return Usual(replies, float(tokens_out)) if replies else None

    def _check(self, table: str, rows: Iterable[Any]) -> None:
        for row in rows:
            fault = odd(table, row)
            if fault:
                raise odd_row(self.url, self._engine.dialect.name, table, row.key, fault)

    def close(self) -> None:
        """Release the connections."""
        self._engine.dispose()


def _set_pragmas(connection: Any, _record: Any) -> None:
    """WAL and NORMAL: a killed process loses nothing that was committed."""
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")
