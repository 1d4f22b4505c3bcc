"""A file of feedback, into the folder where it is kept: what is a row, and what is set aside."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from common.errors import UserError
from common.rows.aside import Aside, aside_of
from common.rows.streaming import stream_jsonl
from reports.feedback.kept import BATCH, Kept
from reports.feedback.rows import Feedback, Scale, feedback_of


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
    aside = Aside(aside_of(kept.folder, source), source)
    total = new = 0
    with aside:
        rows = _rows(path, scale, now, aside)
        while batch := list(islice(rows, BATCH)):
            total += len(batch)
            new += kept.add(batch, source)
    return Imported(total, new, aside.count, aside.path if aside.count else None, aside.first)


def _rows(path: Path, scale: Scale, now: float, aside: Aside) -> Iterator[tuple[int, Feedback]]:
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
