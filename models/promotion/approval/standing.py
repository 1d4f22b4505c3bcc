"""Whether people approved of a promotion: what follows from what they said, and when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from models.promotion.admission.evidence import ExamEvidence
from models.promotion.admission.policy import Policy
from models.promotion.ledger.entry import Entry
from models.promotion.record.line import Line
from models.promotion.record.people import Person, are_same, folded
from models.promotion.record.statement import Statement
from models.promotion.refused import RefusedError

TIME = "%Y-%m-%dT%H:%M:%SZ"
State = Literal["approved", "waits", "expired", "refused"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is approved: a candidate, by one report, under one gate and one policy, by digest."""

    model: str
    identity: str
    run: str
    report: str
    gate: str
    policy: str


@dataclass(frozen=True, slots=True)
class Question:
    """Of what approval is asked, and whose.

    Attributes:
        subject: what is approved.
        needed: how many people have to.
        people: public keys by name; where there are any, nobody else counts.
        examined_by: who ran the exams, and so cannot approve.
        since: lines up to this number say nothing.
    """

    subject: Subject
    needed: int
    people: Mapping[str, str]
    examined_by: tuple[Person, ...]
    since: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds of what was said: the last word of each, where it is of this very subject.

    A rejection is of the model, whatever exam it was of.
    """

    question: Question
    approvals: tuple[Statement, ...]
    expired: tuple[Statement, ...]
    rejections: tuple[Statement, ...]

    @property
    def state(self) -> State:
        """Whether a promotion may follow."""
        if self.rejections:
            return "refused"
        if self.approving >= self.question.needed:
            return "approved"
        late = people_of([*self.approvals, *self.expired])
        return "expired" if late >= self.question.needed else "waits"

    @property
    def approving(self) -> int:
        """How many people approve."""
        return people_of(self.approvals)

    @property
    def conditions(self) -> tuple[str, ...]:
        """On which they approve, each with whose it is."""
        found = [f"{one.by}: {text}" for one in self.approvals for text in one.conditions]
        return tuple(dict.fromkeys(found))

    @property
    def against(self) -> tuple[str, ...]:
        """What stands against a promotion, but for conditions."""
        said = [f"{each.by} rejected it: {each.reason}" for each in self.rejections]
        if self.approving < self.question.needed:
            said.append(f"{self.approving} of {self.question.needed} approvals")
            said += [f"that of {each.by} expired at {each.expires}" for each in self.expired]
        return tuple(said)


def question_of(
    exam: ExamEvidence, model: str, policy: Policy, entries: Sequence[Entry]
) -> Question:
    """What is asked before a promotion on an exam.

    Args:
        exam: with the identity of the model.
        model: its name.
        policy: that is in force.
        entries: of the exams that the promotion stands on, in the ledger.

    Raises:
        RefusedError: nobody knows who ran one of them.
    """
    asked, people = policy.approval, []
    for entry in entries:
        if entry.begun.who:
            people.append(entry.begun.who)
        elif asked.needed:
            raise RefusedError(
                f"{entry.path} does not say who examined, so nobody knows who may approve: an "
                f"earlier release wrote it; type `pytest evals --model {model} --baseline champion`"
            )
    subject = Subject(
        model,
        exam.identity,
        exam.source.id,
        exam.source.sha256,
        exam.gate.identity,
        policy.identity,
    )
    return Question(subject, asked.needed, asked.people, tuple(dict.fromkeys(people)))


def standing(lines: Sequence[Line], question: Question, now: str) -> Standing:
    """What holds at a time of what was said about a candidate."""
    said = last_words(lines, question.subject.identity)
    counted = [each for each in said if _counts(each, question, now)]
    return Standing(
        question,
        tuple(each for each in counted if (each.expires or "") > now),
        tuple(each for each in counted if (each.expires or "") <= now),
        tuple(each for each in said if each.kind == "rejection" and each.number > question.since),
    )


def last_words(lines: Sequence[Line], identity: str) -> list[Statement]:
    """The last that each person said of a model, on whatever exam; a withdrawal leaves nothing."""
    said: list[Statement] = []
    for line in lines:
        if isinstance(line, Statement) and line.identity == identity:
            said = [each for each in said if not speaks_again(line, each)]
            if line.kind != "withdrawal":
                said.append(line)
    return said


def speaks_again(later: Statement, earlier: Statement) -> bool:
    """Whether two are of one person: by the key that signed, else by name and account."""
    if folded(later.by) != folded(earlier.by):
        return False
    if earlier.signed_by or later.signed_by:
        return later.signed_by == earlier.signed_by
    return are_same(later.who, earlier.who)


def _counts(said: Statement, question: Question, now: str) -> bool:
    """Whether it is an approval of this very subject, by somebody who may give one."""
    subject = question.subject
    return (
        said.kind == "approval"
        and said.number > question.since
        and said.when <= now
        and (said.run, said.report, said.gate, said.policy)
        == (subject.run, subject.report, subject.gate, subject.policy)
        and why_not(said.by, said.who, question) is None
        and (not question.people or said.signed_by == question.people.get(said.by))
    )


def why_not(by: str, who: Person, question: Question) -> str | None:
    """Why somebody may not approve; None where they may.

    Args:
        by: in whose name.
        who: types it.
        question: of which.
    """
    for each in question.examined_by:
        if are_same(each, who) or folded(by) in each.names:
            return (
                f"{question.subject.model} was examined or promoted by {each.words}, and whoever "
                "did that cannot approve; let another person type it, from their account"
            )
    return not_listed(by, question)


def not_listed(by: str, question: Question) -> str | None:
    """Why a name says nothing here; None where it does."""
    if question.people and by not in question.people:
        listed = ", ".join(sorted(question.people))
        return f"[approval.people] of the policy lists {listed}, and not {by}"
    return None


def people_of(approvals: Sequence[Statement]) -> int:
    """How many people these are at least: one key, one name or one account is one person."""
    groups: list[list[Statement]] = []
    for each in approvals:
        same = [group for group in groups if any(_may_be_one(each, other) for other in group)]
        groups = [group for group in groups if group not in same]
        groups.append([each, *(other for group in same for other in group)])
    return len(groups)


def _may_be_one(one: Statement, other: Statement) -> bool:
    if one.signed_by and other.signed_by:
        return one.signed_by == other.signed_by
    return folded(one.by) == folded(other.by) or are_same(one.who, other.who)


def check_clock(lines: Sequence[Line], entries: Sequence[Entry], now: str) -> None:
    """Refuse a time before what is recorded already: approvals expire by it.

    Args:
        lines: of the record.
        entries: of the ledger.
        now: as this machine says.

    Raises:
        RefusedError: it is so.
    """
    known = [(line.when, f"line {line.number} of the record") for line in lines]
    for entry in entries:
        known.append((entry.ended.when if entry.ended else entry.begun.when, str(entry.path)))
    if known and (latest := max(known))[0] > now:
        raise RefusedError(
            f"this machine's clock says {now}, and {latest[1]} is of {latest[0]}: it went back, or "
            "was wrong then; approvals expire by it, so set it right first"
        )


def later(when: str, days: int) -> str:
    """The same time some days later.

    >>> later("2026-12-30T12:00:00Z", 14)
    '2027-01-13T12:00:00Z'
    """
    try:
        return (datetime.strptime(when, TIME) + timedelta(days=days)).strftime(TIME)
    except OverflowError:
        raise RefusedError(
            f"this machine's clock says {when}, after which no calendar goes on; set it right first"
        ) from None
