"""The proof: every byte of some folders, searched for what a contract is known by."""

import gzip
import json
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from common.errors import UserError
from common.rows.parquet import stream_parquet
from evals.store.wanted import Wanted

CHUNK = 8 << 20
OVERLAP = 64 << 10
"""Bytes that two chunks share: longer than any title, in any form."""


class Readable(Protocol):
    """A file, or a member of an archive."""

    def read(self, size: int, /) -> bytes:
        """The next bytes."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Where something of the contract stands, and what. A member of an archive is `PATH!NAME`."""

    place: str
    what: str


@dataclass(frozen=True, slots=True)
class Searched:
    """What was looked through, and what was found there; `unread` could not be read."""

    files: int
    size: int
    traces: tuple[Trace, ...]
    unread: tuple[str, ...]


def search(roots: list[Path], wanted: Wanted) -> Searched:
    """Search files and folders, members of archives (gzip, zip, office files), rows of Parquet.

    Links are not followed: what they lead to lies elsewhere.
    """
    traces, unread, size = list[Trace](), list[str](), 0
    files = sorted({path for root in roots for path in _files(root)})
    for path in files:
        try:
            size += path.stat().st_size
            traces += _of_file(path, wanted)
        except OSError as error:
            unread.append(f"{path} ({error.strerror})")
    return Searched(len(files), size, tuple(traces), tuple(unread))


def _files(root: Path) -> Iterator[Path]:
    every = root.rglob("*") if root.is_dir() else [root]
    return (path.absolute() for path in every if path.is_file() and not path.is_symlink())


def _of_file(path: Path, wanted: Wanted) -> Iterator[Trace]:
    if what := wanted.trace(path.name.encode("utf-8", "surrogateescape")):
        yield Trace(str(path), f"{what}, in its name")
    with path.open("rb") as file:
        begins = file.read(4)
        file.seek(0)
        if what := _in(file, wanted):
            yield Trace(str(path), what)
    try:
        if begins[:2] == b"\x1f\x8b":
            with gzip.open(path) as member:
                yield from _member(str(path), member, wanted)
        elif begins == b"PK\x03\x04":
            with zipfile.ZipFile(path) as archive:
                for each in archive.infolist():
                    with archive.open(each) as opened:
                        yield from _member(f"{path}!{each.filename}", opened, wanted)
        elif begins == b"PAR1":
            for line in stream_parquet(path):
                told = (line.text if line.row is None else json.dumps(line.row)).encode()
                if what := wanted.trace(told):
                    yield Trace(f"{path}, row {line.number}", what)
                    break
    except UserError as error:
        yield Trace(str(path), f"cannot be looked into: {error}")
    except (EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError):
        yield Trace(str(path), "an archive that cannot be opened; look into it yourself")


def _member(named: str, file: Readable, wanted: Wanted) -> Iterator[Trace]:
    if what := _in(file, wanted):
        yield Trace(named, what)


def _in(file: Readable, wanted: Wanted) -> str:
    """What stands in a file, looked through in little memory."""
    kept = b""
    while data := file.read(CHUNK):
        if what := wanted.trace(kept + data):
            return what
        kept = data[-OVERLAP:]
    return ""
