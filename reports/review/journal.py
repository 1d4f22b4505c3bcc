"""What reviewers said, on disk before they see the next answer: one SQLite file a run.

Nothing is ever changed or removed in it: an opinion that is given again is one more entry, the last
one counts, and the others are its history. Each entry is one transaction that is through to the
disk when it returns, so a killed server has lost nothing that it acknowledged, and two servers, or
two tabs, write in turn.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from common.clock import utc_now
from common.errors import UserError
from common.files import private_file, private_folder
from common.sqlite import transaction, usable
from reports.review.opinions import Entry, Opinion, Stored

VERSION = 1
BUSY = 10.0
"""Seconds for which another process may be writing."""

TABLES = """
create table if not exists entries (
    number integer primary key autoincrement,
    item text not null,
    case_id text not null,
    reviewer text not null,
    rubric text not null,
    opinion text not null,
    time text not null
);
create index if not exists by_reviewer on entries (reviewer, item, number);
create table if not exists settings (name text primary key, value text not null);
"""


class NotStoredError(Exception):
    """The disk did not take an entry; what was there is there."""


_OPINION: TypeAdapter[Opinion] = TypeAdapter(Opinion)
_COLUMNS = "number, item, case_id, reviewer, rubric, opinion, time"


class Journal:
    """Entries of one run, in a file that is made where it is not there."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            UserError: it cannot be written, or is no journal of this release.
        """
        self.path = path
        with usable(path, "name another with --journal"):
            private_folder(path.parent)
            private_file(path)
            with self._writing() as base:
                (version,) = base.execute("pragma user_version").fetchone()
                if version not in (0, VERSION):
                    raise UserError(
                        f"{path} is of another release (version {version}, this reads {VERSION}); "
                        "name another file with --journal"
                    )
                for statement in TABLES.split(";"):
                    base.execute(statement)
                base.execute(f"pragma user_version = {VERSION}")

    def add(
        self, item: str, case_id: str, reviewer: str, rubric: str, opinion: Opinion, seen: int
    ) -> Stored:
        """Store an opinion; one that is the last one already is not stored twice.

        Args:
            item: of which it is.
            case_id: of its case, for whoever reads the file.
            reviewer: whose it is.
            rubric: digest of the rules that it goes by.
            opinion: what was said.
            seen: number of the entry that the reviewer saw when writing this one, 0 for none.

        Raises:
            NotStoredError: the disk is full, or the file cannot be written.
        """
        text = _OPINION.dump_json(opinion).decode()
        now = utc_now()
        try:
            with self._writing() as base:
                last = self._last(base, item, reviewer)
                if last and (last.opinion, last.rubric) == (opinion, rubric):
                    return Stored(last)
                (number,) = base.execute(
                    "insert into entries (item, case_id, reviewer, rubric, opinion, time) "
                    "values (?, ?, ?, ?, ?, ?) returning number",
                    (item, case_id, reviewer, rubric, text, now),
                ).fetchone()
        except sqlite3.Error as error:
            raise NotStoredError(str(error)) from error
        entry = Entry(number, item, case_id, reviewer, rubric, opinion, now)
        return Stored(entry, last if last and last.number != seen else None)

    def history(self, item: str, reviewer: str) -> list[Entry]:
        """Everything that a reviewer said of an item, the last one last."""
        with self._reading() as base:
            where = "where item = ? and reviewer = ? order by number"
            return self._entries(base, where, (item, reviewer))

    def last(self) -> dict[str, dict[str, Entry]]:
        """The entries that count, by reviewer and item."""
        with self._reading() as base:
            found: dict[str, dict[str, Entry]] = {}
            for entry in self._entries(base, "order by number", ()):
                found.setdefault(entry.reviewer, {})[entry.item] = entry
            return found

    def setting(self, name: str) -> str | None:
        """What was noted under a name."""
        with self._reading() as base:
            found = base.execute("select value from settings where name = ?", (name,)).fetchone()
            return found[0] if found else None

    def note(self, name: str, value: str) -> None:
        """Note something under a name, in place of what was there.

        Raises:
            UserError: the disk is full, or the file cannot be written.
        """
        try:
            with self._writing() as base:
                base.execute("insert or replace into settings values (?, ?)", (name, value))
        except sqlite3.Error as error:
            raise UserError(f"{self.path} cannot be written: {error}; free some space") from error

    def _last(self, base: sqlite3.Connection, item: str, reviewer: str) -> Entry | None:
        where = "where item = ? and reviewer = ? order by number desc limit 1"
        return next(iter(self._entries(base, where, (item, reviewer))), None)

    def _entries(
        self, base: sqlite3.Connection, where: str, values: tuple[str, ...]
    ) -> list[Entry]:
        rows = base.execute(f"select {_COLUMNS} from entries {where}", values)
        try:
            return [
                Entry(number, item, case_id, whose, rubric, _OPINION.validate_json(opinion), time)
                for number, item, case_id, whose, rubric, opinion, time in rows
            ]
        except ValidationError as error:
            raise UserError(f"{self.path} holds an entry that is none; restore the file") from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, through to the disk when the block ends."""
        with self._reading() as base:
            base.execute("pragma journal_mode = wal")
            base.execute("pragma synchronous = full")
            with transaction(base):
                yield base

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        base = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None)
        try:
            yield base
        finally:
            base.close()
