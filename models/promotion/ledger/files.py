"""The ledger: one small file for every exam, begun or ended, in the order in which they were taken.

An exam that is repeated until it says PROMOTE proves less each time, so every one leaves a file,
`TIME-DIGEST.json` in `models/ledger/`, to be committed. Its first line is written before anything
is asked, its second when the exam ends; without the second it is unfinished, and counts all the
same. The name holds the digest of the first line. The first line names every state of a file that
nobody had named yet, by SHA-256: so two branches merge without conflict, and a file that is gone
or was edited is missed by one that came later. A cycle would be a collision of SHA-256.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from common.doors import is_installed
from common.errors import UserError
from common.files import remove_drafts, write_whole
from common.locks import locked as locked_file
from common.reading import ending, parse_json
from common.settings import validated
from models.promotion.ledger.entry import Begun, Ended, Entry
from models.promotion.refused import RefusedError
from models.registry import SHIPPED as SHIPPED_REGISTRY

FOLDER = "ledger"
DIGITS = 16
"""Of the first line's SHA-256, in the name of its file."""

MEND = "free some space, mend its permissions, or name another folder with --ledger"


def ledger_beside(registry: Path) -> Path:
    """Where exams with this registry are noted: beside it.

    The shipped registry is nobody's own where the product is installed, and the folder is then
    the repository's; $BAR_EXAM_LEDGER names another for exams with the shipped one.
    """
    named = os.environ.get("BAR_EXAM_LEDGER")
    if named and registry.resolve() == SHIPPED_REGISTRY.resolve():
        return Path(named)
    return own_ledger(registry)


def own_ledger(registry: Path) -> Path:
    """The same whatever the environment names: openings of sealed contracts count here alone."""
    if is_installed() and registry.resolve() == SHIPPED_REGISTRY.resolve():
        return Path("models", FOLDER)
    return registry.parent / FOLDER


def check_only(folder: Path, registry: Path) -> None:
    """Refuse to promote by a ledger where exams are noted beside the registry too.

    Tries that one ledger knows would not count in the other.

    Raises:
        RefusedError: it is so.
    """
    own = own_ledger(registry)
    if folder.resolve() != own.resolve() and any(own.glob("*.json")):
        raise RefusedError(
            f"exams are noted in {own} too, and {folder} does not count them: leave out --ledger, "
            "unset BAR_EXAM_LEDGER, and examine again"
        )


def locked(folder: Path) -> AbstractContextManager[None]:
    """Hold a ledger: what is read and what is written then belong together.

    Of exams that begin at once each so knows those before it.

    Raises:
        UserError: the folder around it cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    return locked_file(folder.with_name(f".{folder.name}.lock"))


def begin(folder: Path, begun: Begun) -> Path:
    """Write the first line of an exam through to the disk, whole or not at all.

    Raises:
        UserError: the folder cannot be written.
        RefusedError: a file of the ledger is missing or was edited.
    """
    begun = replace(begun, before=_heads(read_ledger(folder)))
    line = _line(begun)
    path = folder / f"{_time(begun)}-{_sha256(line)[:DIGITS]}.json"
    remove_drafts(folder)
    write_whole(path, line, mend=MEND)
    return path


def complete(path: Path, ended: Ended) -> None:
    """Add the second line, whole or not at all; one that a crash cut is replaced.

    Raises:
        UserError: the file cannot be read or written.
    """
    with locked(path.parent):
        first, _ = _lines(path, _read(path))
        write_whole(path, first + _line(ended), mend=f"{MEND}, and type the same line again")


def read_ledger(folder: Path) -> tuple[Entry, ...]:
    """Every exam, oldest first, each file verified; nothing where there is no folder.

    Raises:
        UserError: a file cannot be read.
        RefusedError: one is missing, was edited, or is no entry.
    """
    entries = tuple(_entry(path) for path in sorted(folder.glob("*.json")))
    states = {entry.name: {entry.first, entry.state} for entry in entries}
    for entry in entries:
        for name, state in (entry.begun.before or {}).items():
            if name not in states:
                what = f"{folder / name}.json is missing: {entry.path.name} names it"
                raise RefusedError(f"{what}; {_restore(folder)}")
            if state not in states[name]:
                what = f"{folder / name}.json was edited after {entry.path.name} had named it"
                raise RefusedError(f"{what}; {_restore(folder)}")
    return entries


def _heads(entries: Sequence[Entry]) -> dict[str, str]:
    """The states that no entry has named yet, by the name of their file."""
    named = {pair for entry in entries for pair in (entry.begun.before or {}).items()}
    return {e.name: e.state for e in entries if (e.name, e.state) not in named}


def _entry(path: Path) -> Entry:
    line, rest = _lines(path, _read(path))
    begun: Begun = _parsed(path, line, Begun)
    digest = _sha256(line)
    if path.stem != f"{_time(begun)}-{digest[:DIGITS]}":
        what = f"{path} is not what the exam wrote, whose digest is in its name"
        raise RefusedError(f"{what}; {_restore(path.parent)}")
    ended = _parsed(path, rest, Ended) if rest.endswith(b"\n") else None
    cut = bool(rest) and ended is None
    return Entry(path, begun, ended, cut, digest, _sha256(line + rest) if ended else digest)


def _lines(path: Path, data: bytes) -> tuple[bytes, bytes]:
    line, end, rest = data.partition(b"\n")
    if not end:
        raise RefusedError(f"{path} is no entry of the ledger; {_restore(path.parent)}")
    return line + end, rest


def _parsed(path: Path, line: bytes, shape: Any) -> Any:
    try:
        return validated(str(path), parse_json(str(path), line.decode()), shape)
    except (UserError, UnicodeDecodeError) as error:
        what = str(error) if isinstance(error, UserError) else f"{path}: not UTF-8"
        raise RefusedError(f"{what}; {_restore(path.parent)}") from error


def _read(path: Path) -> bytes:
    try:
        return ending(path).read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; mend its permissions") from error


def _restore(folder: Path) -> str:
    return f"restore it: `git log -- {folder}` shows what it was"


def _time(begun: Begun) -> str:
    """The time of a run, as its id begins with it."""
    return "-".join(begun.run.split("-")[:2])


def _line(value: Any) -> bytes:
    text = json.dumps(asdict(value), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii") + b"\n"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
