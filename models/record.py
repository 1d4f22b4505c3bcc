"""One line of the promotion record: what was put into service, on what grounds, by whom."""

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from pydantic import TypeAdapter

from fixtures.errors import UserError
from models.parts import Parts

FIRST = "0" * 64
LATER = {"version": 1, "reason": None}
"""Fields that came later, with what a line without them means: it reads back byte for byte."""


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
    """

    kind: Literal["promotion", "rollback", "anchor"]
    when: str
    who: str
    model: str
    identity: str
    parts: Parts
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

    @property
    def named(self) -> Named:
        """The champion that this line makes."""
        return Named(self.model, self.identity)

    @property
    def line(self) -> bytes:
        """Canonical JSON, ASCII, without the line's end."""
        return _canonical(_said(self))


def chained(records: Sequence[Record], record: Record) -> Record:
    """`record` as the next line after `records`.

    Raises:
        UserError: it holds what JSON cannot say, such as NaN.
    """
    before = records[-1].hash if records else FIRST
    record = replace(record, number=len(records) + 1, before=before, hash="")
    try:
        whole = replace(record, hash=hash_of(record))
        parse(whole.line)
    except ValueError as error:
        what = " ".join(str(error).split())
        raise UserError(f"{record.model} cannot be recorded: {what}; examine it again") from error
    return whole


def parse(line: bytes) -> Record:
    """The record of a line.

    Raises:
        ValueError: it is none, or is written in another way.
    """
    record = _shape().validate_python(json.loads(line))
    if record.line != line:
        raise ValueError("it does not read back as it is written")
    return record


@functools.cache
def _shape() -> TypeAdapter[Record]:
    """Costs 2 ms to make."""
    return TypeAdapter(Record)


def hash_of(record: Record) -> str:
    """What the hash of a record must be."""
    content = {key: value for key, value in _said(record).items() if key != "hash"}
    return hashlib.sha256(_canonical(content)).hexdigest()


def _said(record: Record) -> dict[str, Any]:
    """What a line says: fields that the first lines did not have only where they say something."""
    fields = asdict(record)
    return {key: each for key, each in fields.items() if key not in LATER or each != LATER[key]}


def _canonical(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")
