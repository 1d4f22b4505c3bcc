"""What people said of a candidate, and how a promotion stood to it: lines and parts of lines.

`line.py` chains the lines, `approval/standing.py` says what follows from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from models.promotion.record.people import Person

_STRICT = ConfigDict(extra="forbid")
Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
"""UTC, as 2026-01-31T12:00:00Z: earlier is smaller."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One approval, rejection or withdrawal, as one line of the record.

    Who is in service stays the same by it.

    Attributes:
        when: it was said.
        who: typed it.
        by: in whose name; a key of the policy's `[approval.people]` where that lists anybody.
        model, identity: the candidate.
        run, report: id of the exam that is approved, and SHA-256 of its report.json.
        gate: identity of the gate file.
        policy: identity of the policy.
        expires: when an approval ends; None of the others.
        conditions: on which it is approved.
        reason: of a rejection.
        signed_by: SHA-256 of the public key (PEM) that verifies the signature, if signed.
        number, before, hash, version: as `Record` has them.
    """

    __pydantic_config__ = _STRICT

    kind: Literal["approval", "rejection", "withdrawal"]
    when: Time
    who: Person
    by: str
    model: str
    identity: str
    run: str
    report: str
    gate: str
    policy: str
    version: int
    expires: Time | None = None
    conditions: tuple[str, ...] = ()
    reason: str | None = None
    signed_by: str | None = None
    number: int = 0
    before: str = ""
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Vote:
    """An approval that counted: in whose name, and which line it is."""

    __pydantic_config__ = _STRICT

    by: str
    number: int


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """Why a model was promoted without the approvals that the policy asks, and by whom.

    `lines` say what stood against it.
    """

    __pydantic_config__ = _STRICT

    reason: str
    who: Person
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Approved:
    """How a promotion stood to the approvals that its policy asks.

    Attributes:
        needed: how many people had to approve.
        people: the policy's `[approval.people]` then: public keys by name.
        examined_by: who ran the exams, and so could not approve.
        votes: the approvals that counted.
        conditions: that they set, and that whoever promoted said are met.
        break_glass: in place of approvals.
    """

    __pydantic_config__ = _STRICT

    needed: int
    people: Mapping[str, str]
    examined_by: tuple[Person, ...]
    votes: tuple[Vote, ...]
    conditions: tuple[str, ...] = ()
    break_glass: BreakGlass | None = None
