"""Files of rows, JSON lines or CSV: rows that name a contract or quote it go, others stay."""

import json
from collections.abc import Iterator
from pathlib import Path

from common.files import write_whole
from common.rows import raw_rows, row_text
from common.streaming import stream_jsonl
from evals.store.wanted import Wanted


def look(path: Path, wanted: Wanted) -> int:
    """How many rows of a file `erase` would take out.

    Raises:
        UserError: it cannot be read.
    """
    return sum(gone for _, gone in _lines(path, wanted))


def erase(path: Path, wanted: Wanted) -> None:
    """Take them out; the file is written anew, whole or not at all.

    Raises:
        UserError: it cannot be read or written.
    """
    kept = (text for text, gone in _lines(path, wanted) if not gone)
    write_whole(path, kept, private=True)


def _lines(path: Path, wanted: Wanted) -> Iterator[tuple[str, bool]]:
    """(text of a row, whether it goes)."""
    if path.suffix.lower() == ".csv":
        for cells in raw_rows(path):
            yield row_text(cells), wanted.is_of(cells)
        return
    for line in stream_jsonl(path):
        told = [line.row if line.row is not None else line.text]
        yield f"{line.text}\n", wanted.is_of(told + _inner(line.row))


def _inner(row: object) -> list[object]:
    """What a row that was set aside was: its own text, as JSON where it is some."""
    told = row.get("row") if isinstance(row, dict) else None
    try:
        return [json.loads(told)] if isinstance(told, str) else []
    except (ValueError, RecursionError):
        return []
