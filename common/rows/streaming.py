"""JSON lines one by one, of a file of any length: a line that is no row is said to be none.

Where one bad row refuses the file, `common/files.py: read_jsonl` reads it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import FREE
from common.reading import SAVE, check_texts, ending, parse_json, printable

LONGEST = 8 << 20
"""Bytes of a line that is read: what stands behind them is passed over, unparsed."""

GZIP = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file that is not blank, numbered from 1.

    `row` is None where it is no JSON object of texts that can be stored, and `fault` says why.
    `text` is the line as far as it was read, bytes that are no UTF-8 as visible escapes.
    """

    number: int
    text: str
    row: dict[str, Any] | None
    fault: str = ""


def stream_jsonl(path: Path) -> Iterator[Line]:
    """Every line of a file, in memory of its longest.

    Raises:
        UserError: the file cannot be read, or is compressed or UTF-16.
    """
    try:
        with ending(path).open("rb") as file:
            first = file.read(2)
            _check(path, first)
            file.seek(3 if first == BOM[:2] and file.read(1) == BOM[2:] else 0)
            number = 0
            while data := file.readline(LONGEST + 1):
                number += 1
                longer = len(data) > LONGEST
                while longer and not data.endswith(b"\n") and (more := file.readline(LONGEST)):
                    longer = not more.endswith(b"\n")
                if data.strip():
                    yield _line(number, data, longer=len(data) > LONGEST)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}; {FREE}") from error


def _check(path: Path, first: bytes) -> None:
    if first == GZIP:
        raise UserError(f"{path} is compressed; type `gunzip -k` on it, and name what comes of it")
    if 0 in first or first in (b"\xff\xfe", b"\xfe\xff"):
        raise UserError(f"{path} cannot be read: it is UTF-16, or no text; {SAVE}")


def _line(number: int, data: bytes, *, longer: bool) -> Line:
    text = data.decode("utf-8", "backslashreplace").rstrip("\r\n")
    if longer:
        return Line(number, text, None, f"is longer than {LONGEST >> 20} MB")
    try:
        row = parse_json("", data.decode("utf-8", "surrogateescape"))
        check_texts("", row)
    except UserError as error:
        return Line(number, text, None, str(error).removeprefix(": "))
    if not isinstance(row, dict):
        what = f"a row is a JSON object, not {type(row).__name__} ({printable(text)})"
        return Line(number, text, None, f"{what}; write one object a line")
    return Line(number, text, row)
