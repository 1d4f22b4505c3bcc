"""A file of feedback, into the folder where it is kept: what is a row, and what is set aside."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from common.errors import UserError
from common.files import private_file, replacing
from common.identity import digest
from common.redaction import outward
from common.streaming import Line, stream_jsonl
from fixtures.cases import NO_SLUG
from reports.feedback.kept import BATCH, Kept
from reports.feedback.rows import Feedback, Scale, feedback_of

LISTED = 10
"""Bad rows that a terminal shows; the file aside has all."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of one file: rows that it holds, those that were new, and those set aside.

    `aside` is where the latter lie, None where there are none; `faults` are the first of them.
    """

    rows: int
    new: int
    bad: int
    aside: Path | None
    faults: tuple[str, ...]


def import_file(path: Path, source: str, kept: Kept, scale: Scale, now: float) -> Imported:
    """Read every line; the same file twice adds nothing.

    Args:
        path: of the file.
        source: what it is called: its path, or where in S3 it came from.
        kept: where its rows go.
        scale: of its scores.
        now: seconds since 1970.

    Raises:
        UserError: the file cannot be read, or nothing can be written. What was committed is kept.
    """
    aside = _Aside(aside_of(kept.folder, source), source)
    total = new = 0
    with aside:
        rows = _rows(path, scale, now, aside)
        while batch := list(islice(rows, BATCH)):
            total += len(batch)
            new += kept.add(batch, source)
    return Imported(total, new, aside.count, aside.path if aside.count else None, aside.first)


def aside_of(folder: Path, source: str) -> Path:
    """Where the bad rows of a source lie.

    >>> aside_of(Path("kept"), "s3://b/may 1.jsonl").name
    'may_1-701907a1.jsonl'
    """
    stem = NO_SLUG.sub("_", Path(source).stem)[:50]
    return folder / "aside" / f"{stem}-{digest(source)[:8]}.jsonl"


def _rows(path: Path, scale: Scale, now: float, aside: "_Aside") -> Iterator[tuple[int, Feedback]]:
    for line in stream_jsonl(path):
        if line.row is None:
            aside.add(line, line.fault)
            continue
        try:
            yield line.number, feedback_of(line.row, scale, now)
        except UserError as error:
            aside.add(line, str(error))
        except RecursionError:
            aside.add(line, "is nested without end")


class _Aside:
    """The file of the rows that were none, written whole where there are any.

    One that an earlier import of the same source left is replaced, or goes.
    """

    def __init__(self, path: Path, source: str) -> None:
        self.path, self.count, self.first = path, 0, tuple[str, ...]()
        self._source, self._open = source, ExitStack()
        self._file: TextIO | None = None

    def add(self, line: Line, fault: str) -> None:
        """Set one aside."""
        if self._file is None:
            draft = self._open.enter_context(replacing(self.path, private=True))
            opened = private_file(draft).open("w", encoding="utf-8")
            self._file = self._open.enter_context(opened)
        said = {"line": line.number, "fault": outward(fault), "row": outward(line.text)}
        self._file.write(json.dumps(said, ensure_ascii=False) + "\n")
        self.count += 1
        if self.count <= LISTED:
            self.first += (f"{self._source}, line {line.number}: {outward(fault)}",)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)
        if not self.count and error[0] is None:
            self.path.unlink(missing_ok=True)
