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
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from common.doors import is_installed
from common.errors import UserError
from common.files import remove_drafts, write_whole
from common.reading import ending, parse_json
from common.settings import validated
from models.promotion.ledger_entry import Begun, Ended, Entry
from models.promotion.record import RefusedError
from models.registry import SHIPPED as SHIPPED_REGISTRY

FOLDER = "ledger"
DIGITS = 16
"""Of the first line's SHA-256, in the name of its file."""

MEND = "free some space, mend its permissions, or name another folder with --ledger"


@dataclass(frozen=True, slots=True)
class Judged:
    """How often contracts were used to judge: exams, and distinct candidates in them."""

    exams: int
    candidates: int

    @property
    def words(self) -> str:
        """As in "3 candidates in 5 exams"."""
        models = "1 candidate" if self.candidates == 1 else f"{self.candidates} candidates"
        return f"{models} in {'1 exam' if self.exams == 1 else f'{self.exams} exams'}"

    @property
    def sentence(self) -> str:
        """As a report says it."""
        if not self.exams:
            return "these contracts have judged no candidate before, as far as the ledger knows"
        return f"these contracts have judged {self.words} before (docs/promotion.md, The ledger)"


def ledger_beside(registry: Path) -> Path:
    """Where exams with this registry are noted: beside it.

    The shipped registry is nobody's own where the product is installed, and the folder is then
    the repository's; $BAR_EXAM_LEDGER names another for exams with the shipped one.
    """
    if registry.resolve() != SHIPPED_REGISTRY.resolve():
        return registry.parent / FOLDER
    named = os.environ.get("BAR_EXAM_LEDGER")
    if named:
        return Path(named)
    return Path("models", FOLDER) if is_installed() else registry.parent / FOLDER


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


def judged_before(entries: Iterable[Entry], begun: Begun) -> Judged:
    """How often the contracts of an exam have judged, unfinished exams included."""
    known = [entry.begun for entry in entries if same_contracts(entry.begun, begun)]
    identities = {each.identity for other in known for each in other.candidates}
    return Judged(len(known), len(identities))


def tries_against(entries: Iterable[Entry], identity: str, begun: Begun) -> int:
    """How many candidates an exam's contracts hold against an opponent, those at hand as one.

    Exams that did not end count; a part of one judges nobody, and the same candidate again is the
    same try.
    """
    now = {each.identity for each in begun.candidates}
    tried = {
        each.identity
        for entry in entries
        if same_contracts(entry.begun, begun) and not entry.begun.chosen.part
        if identity in {opponent.identity for opponent in entry.begun.opponents}
        for each in entry.begun.candidates
    }
    return 1 + len(tried - now)


def known_to(entries: Iterable[Entry], entry: Entry) -> tuple[Entry, ...]:
    """The exams that had begun when this one did, as far as its branch knew: all that it rests on.

    Without those of other branches, and those at the same time.
    """
    by_name = {each.name: each for each in entries}
    found, open_ = dict[str, Entry](), [entry]
    while open_:
        for name in open_.pop().begun.before or {}:
            if name not in found:
                found[name] = by_name[name]
                open_.append(by_name[name])
    return tuple(found.values())


def same_contracts(one: Begun, other: Begun) -> bool:
    """Whether two exams drew on the same contracts: data set, split, sealed or not."""
    return (one.dataset.identity, one.dataset.split, one.chosen.sealed) == (
        other.dataset.identity,
        other.dataset.split,
        other.chosen.sealed,
    )


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
