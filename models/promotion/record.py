"""The promotion record: append-only, each line holding the hash of the line before.

A line says what was put into service, on what grounds, by whom, or what a person said of a
candidate (`statement.py`). A hash chain shows that a line was
changed, not who changed it: whoever can write the file can write it anew from there on.
`champion.toml`, which names the last hash, the repository's history and a signature (`--sign`)
stand against that.
"""

import functools
import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, TypeAdapter

from common.errors import UserError
from common.paths import ROOT
from common.reading import ending
from models.identity.identities import VERSION
from models.promotion.components import Components
from models.promotion.statement import Approved, Statement

SHIPPED = ROOT / "models"
FILE = "promotions.jsonl"
FIRST = "0" * 64
LATER = {
    "version": 1,
    "reason": None,
    "policy": None,
    "rules": None,
    "override": None,
    "approval": None,
}
"""Fields of a `Record` that came later, with what a line without them means.

Such a line reads back byte for byte.
"""


class RefusedError(UserError):
    """What is asked may not be done, or what was recorded does not hold: exit 1, not 4."""


@dataclass(frozen=True, slots=True)
class Named:
    """A model by its name and by what it was."""

    model: str
    identity: str


@dataclass(frozen=True, slots=True)
class Code:
    """The checkout that examined."""

    commit: str | None
    dirty: bool


@dataclass(frozen=True, slots=True)
class Data:
    """The data set that was examined on."""

    name: str
    identity: str
    split: str


@dataclass(frozen=True, slots=True)
class Source:
    """The report that a promotion stands on: its id, and the SHA-256 of the file."""

    id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Override:
    """Why a model was promoted although it broke lines of the policy, and which."""

    reason: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One promotion, rollback or change of the anchor, as one line.

    Attributes:
        when: UTC, as 2026-01-31T12:00:00Z.
        who: the account of the process, without the machine's name; with what the environment
            says where that is another.
        model: who is champion from here on; `identity` and `parts` say what it was.
        manifest: SHA-256 of the adapter's manifest.json; None where there is none.
        code, dataset, gate, report, statistics, verdict: the exam; None for a rollback.
        gate: identity of the gate's content.
        statistics: estimates of all cases by metric, the gate's checks, its reasons, and what of
            the exam was chosen (`exam`: selection, retriever, judges, candidates).
        previous: the champion before; None for the first.
        anchor: the best champion so far, which no later one may fall behind.
        signed_by: SHA-256 of the public key (PEM) that verifies the signature, if signed.
        number: 1 for the first line.
        before: the hash of the line before; 64 zeros for the first.
        hash: SHA-256 over this line's canonical JSON without this field.
        version: of the function that made `identity`; the first lines do not say 1.
        reason: why the anchor was changed.
        policy: identity of the policy that admitted it.
        rules: the gate file, as it was.
        override: of the promotion that put this model into service; None where it broke no line.
        approval: who approved of it, or why nobody had to; None where the policy asks for none.
    """

    kind: Literal["promotion", "rollback", "anchor"]
    when: str
    who: str
    model: str
    identity: str
    parts: Components
    manifest: str | None
    code: Code | None
    dataset: Data | None
    gate: str | None
    report: Source | None
    statistics: Mapping[str, Any] | None
    verdict: str | None
    previous: Named | None
    anchor: Named
    signed_by: str | None = None
    number: int = 0
    before: str = FIRST
    hash: str = ""
    version: int = 1
    reason: str | None = None
    policy: str | None = None
    rules: Mapping[str, Any] | None = None
    override: Override | None = None
    approval: Approved | None = None

    @property
    def named(self) -> Named:
        """The champion that this line makes."""
        return Named(self.model, self.identity)

    @property
    def line(self) -> bytes:
        """Canonical JSON, ASCII, without the line's end."""
        return written(self)


Line = Record | Statement
"""Whatever is one line of the record."""

Said = TypeVar("Said", Record, Statement)


def chained(lines: Sequence[Line], line: Said) -> Said:
    """`line` as the next one after `lines`.

    Raises:
        UserError: it holds what JSON cannot say, such as NaN.
    """
    before = lines[-1].hash if lines else FIRST
    line = replace(line, number=len(lines) + 1, before=before, hash="")
    try:
        whole = replace(line, hash=hash_of(line))
        parse(written(whole))
    except ValueError as error:
        what = " ".join(str(error).split())
        raise UserError(f"{line.model} cannot be recorded: {what}; examine it again") from error
    return whole


def parse(line: bytes) -> Line:
    """What a line says.

    Raises:
        ValueError: it is none, or is written in another way.
    """
    found = _shape().validate_python(json.loads(line))
    if written(found) != line:
        raise ValueError("it does not read back as it is written")
    return found


@functools.cache
def _shape() -> TypeAdapter[Line]:
    """Costs 2 ms to make."""
    return TypeAdapter(Annotated[Line, Field(discriminator="kind")])


def written(line: Line) -> bytes:
    """A line in canonical JSON, ASCII, without its end."""
    return _canonical(_said(line))


def hash_of(line: Line) -> str:
    """What the hash of a line must be."""
    content = {key: value for key, value in _said(line).items() if key != "hash"}
    return hashlib.sha256(_canonical(content)).hexdigest()


def _said(line: Line) -> dict[str, Any]:
    """What a line says: fields that the first lines did not have only where they say something."""
    fields, later = asdict(line), LATER if isinstance(line, Record) else {}
    return {key: each for key, each in fields.items() if key not in later or each != later[key]}


def _canonical(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def read_records(folder: Path = SHIPPED) -> tuple[Record, ...]:
    """The lines that say who is in service, verified with all others; the last one is the champion.

    Raises:
        UserError: the file cannot be read.
        RefusedError: a line was tampered with; the first one is named.
    """
    return services(read_lines(folder))


def services(lines: Iterable[Line]) -> tuple[Record, ...]:
    """Of these lines, those that say who is in service."""
    return tuple(line for line in lines if isinstance(line, Record))


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
        except ValueError as error:
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
    except ValueError:
        return lines, rest
    return [*lines, rest], b""


def _tampered(path: Path, number: int, what: str) -> RefusedError:
    return RefusedError(
        f"{path}, line {number}: it {what}, so it or the line before it was changed by hand; "
        f"restore the file (`git log -p -- {path.name}` shows what it was)"
    )
