"""One line of the promotion record, and how it is chained to the line before.

A line says what was put into service, on what grounds, by whom, or what a person said of a
candidate (`statement.py`). A hash chain shows that a line was changed, not who changed it:
whoever can write the file can write it anew from there on. `champion.toml`, which names the
last hash, the repository's history and a signature (`--sign`) stand against that.
"""

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, TypeAdapter

from common.errors import UserError
from models.promotion.record.components import Components
from models.promotion.record.statement import Approved, Statement

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


def services(lines: Iterable[Line]) -> tuple[Record, ...]:
    """Of these lines, those that say who is in service."""
    return tuple(line for line in lines if isinstance(line, Record))
