"""Files: written whole or not at all, read as rows of JSON, private where contracts are in them.

Contracts and answers are nobody else's business, so for others what is private has no bit, whatever
the umask. The group gets what its owner has where the umask lets it write (002, 007): that is a
umask which somebody widened on purpose, to share.
"""

import contextlib
import json
import os
import platform
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from common.errors import UserError
from common.identity import digest
from common.reading import MEND, check_texts, file_text, parse_json

GROUP_WRITES = 0o020
LONGEST = 50
"""Characters of a file's name that its draft's begins with: a name has 255 bytes at most."""

FREE = "free some space or name another place"
_DRAFT = re.compile(r"\.(.+)\.([0-9a-f]{8})-[0-9a-f]{8}\.(\d+)", re.DOTALL)
"""Name, machine and process."""


def write_whole(
    path: Path, content: str | bytes | Iterable[str], *, mend: str = FREE, private: bool = False
) -> None:
    """Write a file, whole or not at all: see `replacing`.

    Args:
        path: of the file; folders above it are made.
        content: text, bytes, or lines that end in a line feed; lone surrogates are escaped.
        mend: what to do where it cannot be written, for the error.
        private: its owner's alone, and so are the folders that are made for it.

    Raises:
        UserError: it cannot be written; what stood there stands there.
    """
    lines = [content] if isinstance(content, str | bytes) else content
    with replacing(path, mend=mend, private=private) as draft:
        opener = private_opener if private else None
        with open(draft, "wb", opener=opener) as file:
            for line in lines:
                file.write(
                    line if isinstance(line, bytes) else line.encode("utf-8", "backslashreplace")
                )


def write_jsonl(
    path: Path, rows: Iterable[Mapping[str, Any]], *, mend: str = FREE, private: bool = False
) -> None:
    """Write JSON objects, a line each, whole or not at all: see `write_whole`."""
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_whole(path, lines, mend=mend, private=private)


def read_jsonl(
    path: Path, *, missing: str = "", mend: str = "", unit: Literal["line", "row"] = "line"
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, object) of every line that is not blank; a place is `FILE, line N`.

    Args:
        path: of the file.
        missing: what to do about a file that cannot be read.
        mend: what to do about a line that is refused, if not what its own fault asks for.
        unit: what places count: lines, or rows, of which a blank line is none.

    Raises:
        UserError: the file cannot be read, or a line is no JSON object of texts that can be stored.
    """
    # JSON may hold characters at which `str.splitlines` would cut.
    lines = enumerate(file_text(path, missing).split("\n"), start=1)
    rows = ((line, text) for line, text in lines if text.strip())
    for row, (line, text) in enumerate(rows, start=1):
        where = f"{path}, {unit} {line if unit == 'line' else row}"
        value = parse_json(where, text, mend)
        if not isinstance(value, dict):
            what = f"a row is a JSON object, not {type(value).__name__}"
            raise UserError(f"{where}: {what}; {mend or 'write one object a line'}")
        check_texts(where, value, mend or MEND)
        yield where, value


@contextmanager
def replacing(path: Path, *, mend: str = FREE, private: bool = False) -> Iterator[Path]:
    """A place beside `path` for a file, folder or link, which is `path` when the block ends.

    It goes through to the disk first, and then takes the place of what stood there, a link too (a
    folder with something in it stays, and is an error). Where the block fails, or anything else, it
    is removed; what a killed process left, the next that writes `path` removes. No two writers have
    one place, be they threads, processes or machines.

    Args:
        path: of what is written; folders above it are made.
        mend: what to do where it cannot be written, for the error.
        private: whether folders that are made are their owner's alone.

    Raises:
        UserError: it cannot be written; what stood there stands there.
    """
    writer = f"{_machine()}-{secrets.token_hex(4)}.{os.getpid()}"
    draft = path.with_name(f".{path.name[:LONGEST]}.{writer}")
    try:
        if private:
            private_folder(path.parent)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
        remove_drafts(path.parent, path.name[:LONGEST])
        yield draft
        _flush(draft)
        draft.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{path} cannot be written: {reason}; {mend}") from error
    finally:
        _remove(draft)


def remove_drafts(folder: Path, of: str | None = None) -> None:
    """Remove what killed processes of this machine left half written in a folder.

    Args:
        folder: whose own files are looked at.
        of: the name that theirs begin with; None takes all.
    """
    paths = list[Path]()
    with contextlib.suppress(OSError):  # a folder that is gone, or may only be written to
        paths += folder.iterdir()
    for path in paths:
        found = _DRAFT.fullmatch(path.name)
        if not found or of not in (None, found[1]) or found[2] != _machine():
            continue
        if not _is_alive(int(found[3])):
            _remove(path)


def _machine() -> str:
    return digest(platform.node())[:8]


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _flush(draft: Path) -> None:
    if draft.is_symlink():
        return
    for path in draft.rglob("*") if draft.is_dir() else [draft]:
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _remove(draft: Path) -> None:
    if draft.is_dir() and not draft.is_symlink():
        shutil.rmtree(draft, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            draft.unlink()


def private_folder(path: Path) -> Path:
    """Make a folder, and those above it that are missing; what is there keeps its mode.

    Raises:
        OSError: it cannot be made, or is a file.
    """
    if not path.is_dir():
        private_folder(path.parent)
        path.mkdir(mode=0o700 | GROUP_WRITES, exist_ok=True)
        if path.stat().st_mode & 0o777 == 0o700 | GROUP_WRITES:
            path.chmod(0o770)
    return path


def private_opener(path: str | os.PathLike[str], flags: int) -> int:
    """Open a file, as `open` wants its opener; one that is made here is private.

    Raises:
        OSError: it cannot be opened.
    """
    opened = os.open(path, flags, 0o600 | GROUP_WRITES)
    if os.fstat(opened).st_mode & 0o777 == 0o600 | GROUP_WRITES:
        os.fchmod(opened, 0o660)
    return opened


def private_file(path: Path) -> Path:
    """Make an empty file where none is, for a library that would make one for all to read.

    Raises:
        OSError: it cannot be made.
    """
    os.close(private_opener(path, os.O_RDWR | os.O_CREAT))
    return path
