"""The promotion record: `promotions.jsonl`, to which lines are only ever appended."""

import json
import os
from pathlib import Path

from common.errors import UserError
from common.paths import ROOT
from common.reading import ending
from models.identity.identities import VERSION
from models.promotion.record.line import (
    FIRST,
    Line,
    Record,
    hash_of,
    parse,
    services,
    written,
)
from models.promotion.record.statement import Statement
from models.promotion.refused import RefusedError

SHIPPED = ROOT / "models"
FILE = "promotions.jsonl"


def read_records(folder: Path = SHIPPED) -> tuple[Record, ...]:
    """The lines that say who is in service, verified with all others; the last one is the champion.

    Raises:
        UserError: the file cannot be read.
        RefusedError: a line was tampered with; the first one is named.
    """
    return services(read_lines(folder))


def read_lines(folder: Path = SHIPPED) -> tuple[Line, ...]:
    """All lines, verified; an incomplete last line, left by a crash, is not yet one.

    Raises:
        UserError: the file cannot be read.
        RefusedError: a line was tampered with; the first one is named.
    """
    path = folder / FILE
    lines: list[Line] = []
    for number, text in enumerate(_split(_read(path))[0], start=1):
        last = lines[-1] if lines else None
        try:
            line = parse(text)
        except (ValueError, RecursionError) as error:
            raise _tampered(path, number, "is not a promotion as it was written") from error
        if line.hash != hash_of(line):
            raise _tampered(path, number, "does not match its hash")
        if (line.number, line.before) != (number, last.hash if last else FIRST):
            raise _tampered(path, number, "does not follow the line before")
        if line.version > VERSION:
            raise UserError(f"{path}, line {number}: a later release wrote it; update this one")
        if last and isinstance(line, Statement) and line.when < last.when:
            raise _tampered(
                path, number, f"is of {line.when}, before {last.when} of the line before"
            )
        lines.append(line)
    return tuple(lines)


def append(folder: Path, line: Line) -> None:
    """Write one line through to the disk, whole or not at all. The caller holds the lock.

    Raises:
        UserError: the disk is full or the file cannot be written.
    """
    path = folder / FILE
    data = written(line) + b"\n"
    try:
        with path.open("ab", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            try:
                if file.write(data) != len(data):
                    raise OSError(28, "No space left on device")
                os.fsync(file.fileno())
            except OSError:
                file.truncate(end)
                raise
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror}); nothing was promoted: free some space "
            "or mend its permissions, and type the same command"
        ) from error


def drop_incomplete(folder: Path) -> str | None:
    """Cut off an incomplete last line; the words that say so. The caller holds the lock."""
    path = folder / FILE
    data = _read(path)
    lines, rest = _split(data)
    if not rest and (not data or data.endswith(b"\n")):
        return None
    with path.open("r+b") as file:
        file.seek(len(data) - len(rest))
        file.truncate()
        if not rest:
            file.write(b"\n")
        os.fsync(file.fileno())
    if not rest:
        return f"{path}: line {len(lines)} had lost its line's end; it was added"
    return f"{path}: dropped an incomplete last line ({len(rest)} bytes) that a crash left"


def _read(path: Path) -> bytes:
    try:
        return ending(path).read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; mend its permissions") from error


def _split(data: bytes) -> tuple[list[bytes], bytes]:
    """The whole lines, and the bytes of one that is not whole.

    A line without its end is whole if it is JSON: no beginning of an object is.
    """
    *lines, rest = data.split(b"\n")
    try:
        json.loads(rest)
    except (ValueError, RecursionError):
        return lines, rest
    return [*lines, rest], b""


def _tampered(path: Path, number: int, what: str) -> RefusedError:
    return RefusedError(
        f"{path}, line {number}: it {what}, so it or the line before it was changed by hand; "
        f"restore the file (`git log -p -- {path.name}` shows what it was)"
    )
