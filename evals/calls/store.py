"""The exam's store: what was paid for, kept under what produced it.

Tables of rows that are written once and never changed: retrievals, answers, the scores that cost a
call, and what was paid. Runs are in their reports. SQLite in WAL mode by default; the URL may name
PostgreSQL.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from common.errors import UserError
from common.redaction import keep_secrets_of
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
from evals.calls.odd_rows import odd
from evals.results import Score
from fixtures.cases import Contract
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from models.spoken import answered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine, MetaData, Table


VERSION = "1"
CHUNK = 500


class UnwritableError(UserError):
    """Rows that could not be written.

    `concerns` is `row` where nothing is wrong with the store, `space` where it is full and smaller
    rows may still fit, `store` where no row can be written.
    """

    def __init__(self, line: str, concerns: Literal["row", "space", "store"]) -> None:
        super().__init__(line)
        self.concerns = concerns


@dataclass(frozen=True, slots=True)
class Usual:
    """How many replies of a model the store holds, and the mean of the tokens that they have."""

    replies: int
    tokens_out: float


@dataclass(frozen=True, slots=True)
class Row:
    """One row to be journalled: the table's name, its key, and the columns."""

    table: str
    key: str
    columns: Mapping[str, Any]


def answer_row(key: str, model: str, answer: Answer) -> Row:
    """An answer as a row; passages are kept as offsets, since the contract has their text."""
    columns = {
        "model": model,
        "asked_at": time.time(),
        "text": answer.text,
        "tokens_in": answer.tokens_in,
        "tokens_out": answer.tokens_out,
        "latency": answer.latency,
        "finish_reason": answer.finish_reason,
        "confidence": answer.confidence,
        "passages": json.dumps([[p.start, p.end] for p in answer.passages]),
        "reasoning": answer.reasoning,
        "cost": _dollars(answer.cost),
    }
    return Row("answers", key, columns)


def retrieval_row(key: str, passages: Sequence[Passage]) -> Row:
    """A ranking as a row."""
    return Row("retrievals", key, {"passages": json.dumps([[p.start, p.end] for p in passages])})


def score_row(key: str, metric: str, score: Score) -> Row:
    """A judged score as a row."""
    columns = {
        "metric": metric,
        "value": score.value,
        "reason": score.reason,
        "cost": _dollars(score.cost),
    }
    return Row("scores", key, columns)


def score_from(row: Any) -> Score:
    """The score that a row of `scores` holds."""
    return Score(row.value, row.reason, cost=_paid(row.cost))


def _dollars(cost: Decimal | None) -> str | None:
    return None if cost is None else f"{cost:f}"


def _paid(cost: str | None) -> Decimal | None:
    return None if cost is None else Decimal(cost)


def passages_of(contract: Contract, offsets: str) -> tuple[Passage, ...]:
    """Passages from their stored offsets."""
    return tuple(
        Passage(contract.id, start, end, contract.text[start:end])
        for start, end in json.loads(offsets)
    )


class Store:
    """Rows by key. Errors of the database are UserErrors with the way out."""

    def __init__(self, url: str) -> None:
        """Open or create the store at a path or SQLAlchemy URL.

        Raises:
            UserError: it cannot be opened, is corrupt, foreign, or of another version.
        """
        from sqlalchemy import MetaData, create_engine, event

        self.url = masked(url)
        address = address_of(url, self.url)
        is_file = address.get_backend_name() == "sqlite"
        self._file = file_of(address, self.url) if is_file else None
        if "://" in url:
            keep_secrets_of(url)
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
        self._metadata: MetaData = MetaData()
        self._tables: dict[str, Table] = _tables(self._metadata)
        with self._translated("opened"):
            self._open()

    def _open(self) -> None:
        """Make what is missing, under a lock: of two that open at once, one finds all made."""
        if self._file is None:
            with self._engine.begin() as connection:
                advisory_lock_for_transaction(connection, "opening")
                self._prepare(connection)
            return
        with file_lock(self._locks, "opening"), self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            self._prepare(connection)
            connection.commit()

    def _prepare(self, connection: "Connection") -> None:
        from sqlalchemy import inspect, select

        meta = self._tables["meta"]
        present = set(inspect(connection).get_table_names())
        if present and "meta" not in present:
            raise UserError(f"store {self.url} belongs to another program; give another --store")
        if self._file is None:
            encoding = connection.exec_driver_sql("show server_encoding").scalar_one()
            if encoding != "UTF8":
                raise UserError(
                    f"store {self.url} is encoded in {encoding}, which cannot hold every answer; "
                    "make its database with ENCODING 'UTF8'"
                )
        self._metadata.create_all(connection)
        self._add_new_columns(connection, present)
        kept = {row.key: row.value for row in connection.execute(select(meta))}
        if not kept:
            connection.execute(meta.insert(), {"key": "version", "value": VERSION})
        elif set(kept) != {"version"}:
            raise self._odd("meta", next(key for key in kept if key != "version"), "is not ours")
        elif kept["version"] != VERSION:
            raise UserError(
                f"store {self.url} was written by store version {kept['version']}, this is "
                f"{VERSION}; keep it and start another: `mv {self.url} {self.url}.v"
                f"{kept['version']}`"
            )

    def _add_new_columns(self, connection: "Connection", present: set[str]) -> None:
        """Columns that a store written by an earlier release does not have yet, empty."""
        from sqlalchemy import inspect, text

        for name in present & set(self._tables):
            there = {column["name"] for column in inspect(connection).get_columns(name)}
            for column in self._tables[name].columns:
                if column.name not in there:
                    kind = column.type.compile(self._engine.dialect)
                    connection.execute(text(f"ALTER TABLE {name} ADD COLUMN {column.name} {kind}"))

    @property
    def _locks(self) -> Path:
        assert self._file is not None
        return self._file.with_name(f"{self._file.name}-locks")

    def try_lock(self, name: str) -> Release | None:
        """Take the lock of that name on this store, until it is released or the process dies.

        None where somebody has it.
        """
        with self._translated("locked"):
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

        with self._translated("written"), self._engine.begin() as connection:
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
        with self._translated("read"), self._engine.connect() as connection:
            for start in range(0, len(wanted), CHUNK):
                query = select(known).where(known.c.key.in_(wanted[start : start + CHUNK]))
                found.update({row.key: row for row in connection.execute(query)})
        self._check(table, found.values())
        return found

    def payments(self, exam: str) -> list[Any]:
        """The rows of `payments` of one exam, as named tuples."""
        from sqlalchemy import select

        known = self._tables["payments"]
        with self._translated("read"), self._engine.connect() as connection:
            found = list(connection.execute(select(known).where(known.c.exam == exam)))
        self._check("payments", found)
        return found

    def usual(self, model: str) -> Usual | None:
        """What replies of a model of that name have used so far; None where there is none."""
        from sqlalchemy import func, select

        answers = self._tables["answers"]
        of_model = select(func.count(), func.avg(answers.c.tokens_out)).where(
            answers.c.model == model, answers.c.tokens_out > 0
        )
        with self._translated("read"), self._engine.connect() as connection:
            replies, tokens_out = connection.execute(of_model).one()
        return Usual(replies, float(tokens_out)) if replies else None

    def _check(self, table: str, rows: Iterable[Any]) -> None:
        for row in rows:
            fault = odd(table, row)
            if fault:
                raise self._odd(table, row.key, fault)

    def close(self) -> None:
        """Release the connections."""
        self._engine.dispose()

    def _odd(self, table: str, key: str, fault: str) -> UserError:
        """The line about a row that this program did not write."""
        where = f"delete from {table} where key = '{key}'"
        aside = f", or put the store aside: `mv {self.url} {self.url}.odd`" if self._file else ""
        return UserError(
            f"store {self.url} holds an odd row: {table} {key[:16]} {fault}; remove it with the "
            f"SQL {where}{aside}"
        )

    @contextmanager
    def _translated(self, done: str) -> "Iterator[None]":
        from sqlalchemy.exc import DBAPIError

        try:
            yield
        except UserError:
            raise
        except Exception as error:
            raw = error.orig if isinstance(error, DBAPIError) else error
            reason = " ".join(str(raw).split())[:300] or type(raw).__name__
            line = f"store {self.url} cannot be {done} ({reason}); {_way_out(self.url, reason)}"
            raise UnwritableError(line, _concerned(raw, reason)) from error


def _way_out(url: str, reason: str) -> str:
    if "not a database" in reason or "malformed" in reason:
        return f"it is corrupt or foreign; put it aside: `mv {url} {url}.broken`"
    if _is_full(reason):
        return "free some space and type the same command: what was answered is kept"
    if "locked" in reason:
        return "another exam holds it; wait for that one, or give another --store"
    return "mend that, or give another --store"


def _is_full(reason: str) -> bool:
    """SQLite's words, a file size limit's, and PostgreSQL's."""
    return "is full" in reason or "disk I/O error" in reason or "No space left" in reason


def _concerned(error: object, reason: str) -> Literal["row", "space", "store"]:
    """Whether another row could have been written."""
    if _is_full(reason):
        return "space"
    kinds = {kind.__name__ for kind in type(error).__mro__}
    whole = kinds & {"OperationalError", "OSError", "InternalError"}
    return "store" if whole or type(error).__name__ == "DatabaseError" else "row"


def answer_from(row: Any, contract: Contract | None = None) -> Answer:
    """The answer that a row of `answers` holds; a judge's reply was shown no passages."""
    return answered(
        row.text,
        tokens_in=row.tokens_in,
        tokens_out=row.tokens_out,
        latency=row.latency,
        finish_reason=row.finish_reason,
        passages=passages_of(contract, row.passages) if contract else (),
        confidence=row.confidence,
        reasoning=row.reasoning or "",
        cost=_paid(row.cost),
    )


def _tables(metadata: "MetaData") -> "dict[str, Table]":
    from sqlalchemy import Column, Float, Integer, String, Table, Text

    def table(name: str, *columns: Column[Any]) -> Table:
        return Table(name, metadata, Column("key", String(64), primary_key=True), *columns)

    return {
        "meta": table("meta", Column("value", Text)),
        "retrievals": table("retrievals", Column("passages", Text)),
        "answers": table(
            "answers",
            Column("model", Text),
            Column("text", Text),
            Column("tokens_in", Integer),
            Column("tokens_out", Integer),
            Column("latency", Float),
            Column("finish_reason", Text),
            Column("confidence", Float),
            Column("passages", Text),
            Column("asked_at", Float),
            Column("reasoning", Text),
            Column("cost", Text),
        ),
        "scores": table(
            "scores",
            Column("metric", Text),
            Column("value", Float),
            Column("reason", Text),
            Column("cost", Text),
        ),
        "payments": table(
            "payments",
            Column("exam", String(64), index=True),
            Column("call", String(32)),
            Column("state", Text),
            Column("cost", Text),
        ),
    }


def _set_pragmas(connection: Any, _record: Any) -> None:
    """WAL and NORMAL: a killed process loses nothing that was committed."""
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")
