"""Files that users give, as text and as JSON: read rightly, or refused in one line.

What a store, a report or UTF-8 cannot take (a lone surrogate, NUL) is refused here, wherever in a
file it stands, and so is whatever a parser would settle silently, such as a key that stands twice.
"""

import codecs
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common.errors import UserError

SAVE = "save it as UTF-8"
LIBRARY = "write it with a JSON library"
MEND = f"correct the text, and {SAVE}"

_MARKED = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def ending(path: Path) -> Path:
    """The path of what can be read to its end: a device may have none, a pipe waits for a writer.

    Raises:
        UserError: it is of such a thing.
        OSError: it leads nowhere.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise UserError(f"{path} cannot be read: it is no regular file; give a copy of it")
    return path


def file_text(path: Path, mend: str = "") -> str:
    """The text of a file in UTF-8, or in what its byte order mark says; the mark is no part of it.

    Bytes that are no UTF-8 come back as lone surrogates, which `check_texts` refuses with the place
    that the caller knows.

    Args:
        path: of the file.
        mend: what to do about one that is not there.

    Raises:
        UserError: it cannot be read, is no regular file, or is UTF-16 that does not say so.
    """
    try:
        data = ending(path).read_bytes()
    except OSError as error:
        advice = f"; {mend}" if mend else ""
        raise UserError(f"{path} cannot be read: {error.strerror}{advice}") from error
    encoding = next((name for mark, name in _MARKED.items() if data.startswith(mark)), None)
    if encoding is None and 0 in data[:2]:
        raise UserError(f"{path} cannot be read: it is UTF-16 without a mark, or no text; {SAVE}")
    if encoding is None:
        return data.decode("utf-8-sig", "surrogateescape")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UserError(f"{path} cannot be read: it is no {encoding.upper()}; {SAVE}") from error


def parse_json(where: str, text: str, mend: str = "") -> Any:
    """What a JSON text says; `mend` is what to do where it says nothing that can be used.

    Raises:
        UserError: it is no JSON, is nested without end, or says a key twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        what = " ".join(str(error).split())[:160]
        raise UserError(f"{where}: not JSON ({what}); {mend or LIBRARY}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def check_texts(where: str, value: Any, mend: str = MEND) -> None:
    """Refuse a value that holds, at any depth, a text that cannot be stored.

    Args:
        where: what the value was read from, as an error names it.
        value: as a parser gave it; a pair is a name with its value.
        mend: what to do about it.

    Raises:
        UserError: it does; the line names the key.
    """
    for key, text in _texts(value):
        if flaw := _flaw(text):
            named = f"`{printable(key)}`" if key else "a key"
            raise UserError(f"{where}: {named} holds {flaw}; {mend}")


def printable(text: str) -> str:
    """A text as a line of an error shows it: one short line that any terminal takes."""
    return ascii(text)[1:-1] if _flaw(text) else " ".join(text.split())[:80]


def _texts(value: Any) -> Iterator[tuple[str, str]]:
    """(key, text) of every text in a parsed value, however deep; names of keys are texts too."""
    left: list[tuple[str, Any]] = [("", value)]
    seen: set[int] = set()
    while left:
        key, each = left.pop()
        if isinstance(each, str):
            yield key, each
        elif isinstance(each, tuple):  # a name with its value
            yield "", str(each[0])
            left.append((f"{key}.{each[0]}".strip("."), each[1]))
        elif isinstance(each, dict | list) and id(each) not in seen:  # YAML may lead into itself
            seen.add(id(each))
            if isinstance(each, dict):
                left += [(key, pair) for pair in each.items()]
            else:
                left += [(key, inner) for inner in each]


def _flaw(text: str) -> str | None:
    """What in a text can be neither stored nor shown; None where nothing is."""
    if "\0" in text:
        return "the character NUL"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        if 0xDC80 <= code <= 0xDCFF:
            return f"the byte 0x{code - 0xDC00:02x}, which is not UTF-8"
        return f"a lone surrogate (U+{code:04X})"
    return None
