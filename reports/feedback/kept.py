"""Where feedback is kept: one SQLite file, private, in which a row stands once.

    FOLDER/feedback.sqlite     every row that was imported, and what it is linked to
    FOLDER/aside/              rows that were none, a file for each source

A killed import leaves what it had committed, and the same line goes on.
"""

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from common.files import FREE, private_file, private_folder
from common.identity import digest
from common.sqlite import transaction, usable
from reports.feedback.rows import Feedback
from reports.feedback.satisfaction import Scored

FOLDER = Path(".exam/feedback")
FILE = "feedback.sqlite"
OURS = 0x42454642
"""In the file's header, as its application's number; then the version of the tables."""

VERSION = 2
TABLES = """
create table if not exists salt (salt text not null);
create table if not exists feedback (
    key text primary key, time real not null, question text not null, contract text not null,
    passages text not null, answer text not null, score real, comment text not null,
    corrected text not null, model text not null, user text not null, source text not null,
    line integer not null, case_identity text, answered_by text, event text not null default ''
);
create index if not exists feedback_by_time on feedback (time);
"""
SALT = "insert into salt select ? where not exists (select * from salt)"
UPGRADE = "alter table feedback add column event text not null default ''"
"""From version 1, which did not keep what a row calls its event."""

COLUMNS = "question, contract, passages, answer, score, comment, corrected, model, time, event"
BATCH = 5_000
"""Rows in a transaction, and in memory."""

WAIT = 30.0
"""Seconds for another process that writes."""


@dataclass(frozen=True, slots=True)
class Found:
    """A row as it is kept.

    `case` is the identity of the case that it is linked to, `model` who answered as the row says,
    else as a link does; each is empty where nobody knows. `user` is a digest that this file alone
    gives.
    """

    feedback: Feedback
    user: str
    case: str
    source: str
    line: int


def is_kept(folder: Path) -> bool:
    """Whether feedback was ever imported into a folder."""
    return (folder / FILE).is_file()


class Kept:
    """The rows of one folder. Errors of the file are UserErrors."""

    def __init__(self, folder: Path) -> None:
        """Open or create it.

        Raises:
            UserError: it cannot be opened, or is another program's.
        """
        self.folder = folder
        self.path = folder / FILE
        with self._told():
            private_folder(folder)
            private_file(self.path)
            self._file = sqlite3.connect(self.path, timeout=WAIT, isolation_level=None)
            self._prepare()

    def _prepare(self) -> None:
        ask = self._file.execute
        number, version = (
            ask(f"pragma {n}").fetchone()[0] for n in ("application_id", "user_version")
        )
        empty = not ask("select count(*) from sqlite_master").fetchone()[0]
        if not empty and number != OURS:
            raise UserError(f"{self.path} belongs to another program; give another --kept")
        if not empty and version == 1:
            with transaction(self._file):
                if ask("pragma user_version").fetchone()[0] == 1:  # nobody else did it meanwhile
                    ask(UPGRADE)
                    ask(f"pragma user_version={VERSION}")
            version = VERSION
        if not empty and version != VERSION:
            raise UserError(
                f"{self.path} was written by version {version}, this is {VERSION}; put it aside: "
                f"`mv {self.folder} {self.folder}.v{version}`, and import again"
            )
        if empty:
            ask("pragma journal_mode=wal")
            with transaction(self._file):
                for statement in filter(str.strip, TABLES.split(";")):
                    ask(statement)
                ask(f"pragma application_id={OURS}")
                ask(f"pragma user_version={VERSION}")
                ask(SALT, (secrets.token_hex(16),))
        self._salt = bytes.fromhex(ask("select salt from salt").fetchone()[0])

    def add(self, rows: Iterable[tuple[int, Feedback]], source: str) -> int:
        """Write rows in one transaction; returns how many were not there yet.

        Args:
            rows: with their lines.
            source: what they were read from.

        Raises:
            UserError: they cannot be written; none of them is kept.
        """
        with self._told(), transaction(self._file):
            before = self._file.total_changes
            self._file.executemany(
                f"insert into feedback (key, {COLUMNS}, user, source, line) "
                f"values ({', '.join('?' * 14)}) on conflict do nothing",
                (self._cells(each, source, line) for line, each in rows),
            )
            return self._file.total_changes - before

    def _cells(self, each: Feedback, source: str, line: int) -> tuple[object, ...]:
        passages = json.dumps(each.passages, ensure_ascii=False)
        content = (
            each.question, each.contract, passages, each.answer, each.score, each.comment,
            each.corrected, each.model, each.time,
        )  # fmt: skip
        key = digest(*content, each.user, each.id)
        return key, *content, each.id, self._digest(each.user), source, line

    def _digest(self, user: str) -> str:
        """Who gave two rows is the same, and nobody reads who: keyed, since names are guessed."""
        return (
            hashlib.blake2b(user.encode(), key=self._salt, digest_size=8).hexdigest()
            if user
            else ""
        )

    def __len__(self) -> int:
        with self._told():
            return int(self._file.execute("select count(*) from feedback").fetchone()[0])

    def rows(self) -> Iterator[Found]:
        """All rows in order of time, one by one."""
        asked = (
            f"select {COLUMNS}, user, coalesce(case_identity, ''), source, line, "
            "coalesce(answered_by, '') from feedback order by time, key"
        )
        with self._told():
            for *cells, user, case, source, line, by in self._file.execute(asked):
                yield Found(_feedback(cells, by), user, case, source, line)

    def scored(self) -> Iterator[Scored]:
        """Every score in order of time, one by one."""
        asked = (
            "select time, coalesce(nullif(model, ''), answered_by, ''), score, contract, user "
            "from feedback where score is not null order by time, key"
        )
        with self._told():
            yield from (Scored(*cells) for cells in self._file.execute(asked))

    def by_event(self) -> dict[str, float]:
        """The last score of every event that has an id, by that."""
        asked = (
            "select event, score from feedback where score is not null and event != '' "
            "order by time, key"
        )
        with self._told():
            return dict(self._file.execute(asked))

    def unlinked(self, after: str) -> list[tuple[str, Feedback]]:
        """(key, row) of the next rows without a case, in order of their keys."""
        asked = (
            f"select key, {COLUMNS} from feedback where case_identity is null and key > ? "
            "order by key limit ?"
        )
        with self._told():
            found = self._file.execute(asked, (after, BATCH))
            return [(key, _feedback(cells, "")) for key, *cells in found]

    def link(self, links: Iterable[tuple[str | None, str | None, str]]) -> None:
        """Note (case's identity, who answered, key of the row) of rows, in one transaction."""
        with self._told(), transaction(self._file):
            self._file.executemany(
                "update feedback set case_identity = ?, answered_by = ? where key = ?", links
            )

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _told(self) -> AbstractContextManager[None]:
        return usable(self.path, f"{FREE} by --kept")


def _feedback(cells: Sequence[object], by: str) -> Feedback:
    question, contract, passages, answer, score, comment, corrected, model, time, event = cells
    return Feedback(
        time=float(str(time)),
        question=str(question),
        contract=str(contract),
        passages=tuple(json.loads(str(passages))),
        answer=str(answer),
        score=None if score is None else float(str(score)),
        comment=str(comment),
        corrected=str(corrected),
        model=str(model) or by,
        id=str(event),
    )
