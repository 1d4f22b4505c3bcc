"""The exam's store: what was paid for, kept under what produced it.

Tables of rows that are written once and never changed: retrievals, answers, the scores that cost
a call, and a row for each run. SQLite in WAL mode by default; the URL may name PostgreSQL.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fixtures.cases import Contract
from fixtures.errors import UserError
from fixtures.passages import Passage
from fixtures.private import private_file, private_folder
from fixtures.redaction import keep_secrets_of
from fixtures.redaction import redacted as masked
from models.chat import Answer
from models.spoken import answered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine, MetaData, Table

    from evals.scores import Score

VERSION = "1"
CHUNK = 500


@dataclass(frozen=True, slots=True)
class Row:
    """One row to be journalled: the table's name, its key, and the columns."""

    table: str
    key: str
    columns: Mapping[str, Any]


def answer_row(key: str, model: str, answer: Answer) -> Row:
    """An answer as a row; passages are kept as offsets, since the contract has their text."""
    columns = asdict(answer)
    del columns["error"]
    columns["passages"] = json.dumps([[p.start, p.end] for p in answer.passages])
    return Row("answers", key, {"model": model, "asked_at": time.time(), **columns})


def retrieval_row(key: str, passages: Sequence[Passage]) -> Row:
    """A ranking as a row."""
    return Row("retrievals", key, {"passages": json.dumps([[p.start, p.end] for p in passages])})


def score_row(key: str, metric: str, score: "Score") -> Row:
    """A judged score as a row."""
    return Row("scores", key, {"metric": metric, "value": score.value, "reason": score.reason})


def run_row(written: Mapping[str, Any], report: Path) -> Row:
    """A run as a row.

    Args:
        written: the value of report.json.
        report: where it lies.
    """
    data = written["dataset"]
    summary = {
        group["model"]: {
            metric: [each[key] for key in ("mean", "low", "high", "n", "clusters")]
            for metric, each in group["estimates"].items()
        }
        for group in written["summary"]
    }
    models = [
        {key: row.get(key) for key in ("name", "identity", "role")} for row in written["models"]
    ]
    columns = {
        "started": written["started"],
        "dataset": data["name"],
        "content": data["identity"],
        "split": data["split"],
        "cases": written["fingerprint"]["cases"],
        "models": json.dumps(models),
        "summary": json.dumps(summary),
        "verdicts": json.dumps({row["model"]: row["outcome"] for row in written["verdicts"]}),
        "report": str(report),
    }
    return Row("runs", written["id"], columns)


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
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError

        self.url = masked(url)
        if "://" in url:
            keep_secrets_of(url)
        else:
            try:
                private_folder(Path(url).parent)
                private_file(Path(url))
            except OSError as error:
                raise UserError(f"--store {url}: {error.strerror}; give another path") from error
            url = f"sqlite:///{url}"
        try:
            self._engine: Engine = create_engine(url)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise UserError(
                f"--store {self.url}: {error}; give a path or an SQLAlchemy URL (PostgreSQL "
                "needs `pip install psycopg[binary]`)"
            ) from error
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _set_pragmas)
        self._metadata: MetaData = MetaData()
        self._tables: dict[str, Table] = _tables(self._metadata)
        with self._translated("opened"):
            self._check_version()

    def _check_version(self) -> None:
        from sqlalchemy import inspect, select

        meta = self._tables["meta"]
        present = set(inspect(self._engine).get_table_names())
        if present and "meta" not in present:
            raise UserError(f"store {self.url} belongs to another program; give another --store")
        self._metadata.create_all(self._engine)
        self._add_new_columns(set(present))
        self.add([Row("meta", "version", {"value": VERSION})])
        with self._engine.connect() as connection:
            version = connection.execute(select(meta.c.value)).scalar_one()
        if version != VERSION:
            raise UserError(
                f"store {self.url} was written by store version {version}, this is {VERSION}; "
                f"keep it and start another: `mv {self.url} {self.url}.v{version}`"
            )

    def _add_new_columns(self, present: set[str]) -> None:
        """Columns that a store written by an earlier release does not have yet, empty."""
        from sqlalchemy import inspect, text

        for name in present & set(self._tables):
            there = {column["name"] for column in inspect(self._engine).get_columns(name)}
            for column in self._tables[name].columns:
                if column.name not in there:
                    kind = column.type.compile(self._engine.dialect)
                    with self._engine.begin() as connection:
                        connection.execute(
                            text(f"ALTER TABLE {name} ADD COLUMN {column.name} {kind}")
                        )

    def add(self, rows: Sequence[Row]) -> None:
        """Write rows in one transaction; a key that is there already keeps its row.

        Raises:
            UserError: the disk is full or the store cannot be written; nothing of `rows` is kept,
                everything before is.
        """
        if self._engine.dialect.name == "postgresql":
            from sqlalchemy.dialects.postgresql import insert
        else:
            from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]

        with self._translated("written"), self._engine.begin() as connection:
            for name, table in self._tables.items():
                values = [{"key": row.key, **row.columns} for row in rows if row.table == name]
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
        return found

    def runs(self) -> list[Any]:
        """Every run's row as a named tuple, oldest first."""
        from sqlalchemy import select

        runs = self._tables["runs"]
        with self._translated("read"), self._engine.connect() as connection:
            return list(connection.execute(select(runs).order_by(runs.c.started, runs.c.key)))

    def close(self) -> None:
        """Release the connections."""
        self._engine.dispose()

    @contextmanager
    def _translated(self, done: str) -> "Iterator[None]":
        from sqlalchemy.exc import DatabaseError

        try:
            yield
        except DatabaseError as error:
            reason = str(error.orig).splitlines()[0]
            if "not a database" in reason or "malformed" in reason:
                way_out = (
                    f"it is corrupt or foreign; put it aside: `mv {self.url} {self.url}.broken`"
                )
            elif "full" in reason:
                way_out = "free some space and type the same command: what was answered is kept"
            elif "locked" in reason:
                way_out = "another exam holds it; wait for that one, or give another --store"
            else:
                way_out = "mend that, or give another --store"
            raise UserError(f"store {self.url} cannot be {done} ({reason}); {way_out}") from error


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
        ),
        "scores": table(
            "scores", Column("metric", Text), Column("value", Float), Column("reason", Text)
        ),
        "runs": table(
            "runs",
            Column("started", Text),
            Column("dataset", Text),
            Column("content", Text),
            Column("split", Text),
            Column("cases", Text),
            Column("models", Text),
            Column("summary", Text),
            Column("verdicts", Text),
            Column("report", Text),
        ),
    }


def _set_pragmas(connection: Any, _record: Any) -> None:
    """WAL and NORMAL: a killed process loses nothing that was committed."""
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")
