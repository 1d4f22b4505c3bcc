"""Files of rows, JSON lines, CSV or Parquet: rows that name a contract or quote it go."""

import json
from collections.abc import Iterator
from pathlib import Path

from common.files import private_file, replacing, write_whole
from common.rows.columns import raw_rows, row_text
from common.rows.parquet import SUFFIX, stream_parquet
from common.rows.streaming import Line, stream_jsonl
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
    if path.suffix.lower() == SUFFIX:
        _erase_parquet(path, [not gone for _, gone in _lines(path, wanted)])
        return
    kept = (text for text, gone in _lines(path, wanted) if not gone)
    write_whole(path, kept, private=True)


def _erase_parquet(path: Path, kept: list[bool]) -> None:
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    with replacing(path, private=True) as draft:
        pq.write_table(pq.read_table(path).filter(kept), private_file(draft))


def _lines(path: Path, wanted: Wanted) -> Iterator[tuple[str, bool]]:
    """(text of a row, whether it goes)."""
    if path.suffix.lower() == ".csv":
        for cells in raw_rows(path):
            yield row_text(cells), wanted.is_of(cells)
        return
    lines = stream_parquet(path) if path.suffix.lower() == SUFFIX else stream_jsonl(path)
    for line in lines:
        yield f"{line.text}\n", is_about(line, wanted)


def is_about(line: Line, wanted: Wanted) -> bool:
    """Whether a row names a contract or quotes it, or one that was set aside did."""
    told = [line.row if line.row is not None else line.text]
    return wanted.is_of(told + _inner(line.row))


def _inner(row: object) -> list[object]:
    """What a row that was set aside was: its own text, as JSON where it is some."""
    told = row.get("row") if isinstance(row, dict) else None
    try:
        return [json.loads(told)] if isinstance(told, str) else []
    except (ValueError, RecursionError):
        return []
