"""Approve of a candidate, reject it, take either back, or ask how it stands."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from common.clock import utc_now
from common.errors import UserError
from models.chat import Model
from models.factory import open_models
from models.identity.identities import VERSION, promotion_identity
from models.promotion.actions import Place, commit, locked
from models.promotion.admission import check_admission, is_champion
from models.promotion.approval import (
    Question,
    Standing,
    check_clock,
    last_words,
    later,
    not_listed,
    question_of,
    speaks_again,
    standing,
    why_not,
)
from models.promotion.approved import promotion_behind, question_behind
from models.promotion.champion import Say, recover
from models.promotion.consent import judged_in
from models.promotion.enforcement import check_stood, committed_policy
from models.promotion.evidence import ExamEvidence
from models.promotion.ledger import own_ledger, read_ledger
from models.promotion.ledger_entry import Entry
from models.promotion.noted import check_noted
from models.promotion.people import are_same, person
from models.promotion.record import Line, RefusedError, read_lines, services
from models.promotion.signed_lines import verify_statement
from models.promotion.signing import private_fingerprint
from models.promotion.statement import Statement
from models.registry import files_of, read_entry

Find = Callable[[str, str, Path, Path | None], ExamEvidence]


@dataclass(frozen=True, slots=True)
class Words:
    """What somebody says of a candidate.

    Attributes:
        by: in whose name.
        days: that an approval holds; None takes the policy's.
        conditions: on which it is given.
        reject: why the candidate is rejected; None approves.
    """

    by: str
    days: int | None = None
    conditions: tuple[str, ...] = ()
    reject: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, with what it takes to answer it; `promoted` is the line that promoted already."""

    question: Question
    days: int
    entries: Sequence[Entry]
    promoted: int | None = None


def approve(
    name: str,
    words: Words,
    place: Place,
    find: Find,
    report: Path | None = None,
    key: Path | None = None,
    say: Say = print,
) -> Statement:
    """Record what a person says of the exam that `name` would be promoted on.

    Where the glass was broken for the champion, it is of that promotion.

    Args:
        name: of the model.
        words: that are said.
        place: where things lie.
        find: the exam, as `Reading` has it.
        report: None takes the last.
        key: to sign with.
        say: shows a line.

    Raises:
        UserError: the model is unknown, a file cannot be read or written, or `days` are too many.
        RefusedError: nothing could be promoted on that exam, this person may not say so, or the
            clock went back.
    """
    read_entry(name, place.registry, "approve")
    with locked(place.folder, say):
        lines = recover(place.folder, place.registry, say)
        asked = _asked(name, place, find, report, lines, say)
        if asked.promoted and not asked.question.since:
            raise RefusedError(
                f"{name} is in service by line {asked.promoted}; to take it out of service type "
                "`python -m models.promote --rollback`"
            )
        now = utc_now()
        check_clock(lines, asked.entries, now)
        said = _statement(words, asked, now)
        _check_speaker(said, asked.question, key)
        _check_first(said, standing(lines, asked.question, now))
        return commit(place, lines, said, key, say)


def withdraw(
    name: str, by: str, place: Place, key: Path | None = None, say: Say = print
) -> Statement:
    """Take back what a person said last of a model, approval or rejection.

    Raises:
        UserError: the model is unknown, or a file cannot be read or written.
        RefusedError: they said nothing that holds, a promotion stands on it, or it is another's.
    """
    read_entry(name, place.registry, "withdraw")
    with locked(place.folder, say):
        lines = recover(place.folder, place.registry, say)
        now = utc_now()
        check_clock(lines, (), now)
        identity = promotion_identity(open_models([name], place.registry)[0])
        theirs = [e for e in last_words(lines, identity) if e.by.casefold() == by.casefold()]
        if not theirs:
            raise RefusedError(f"{by} said nothing of {name} as it is that could be taken back")
        signer = private_fingerprint(key) if key else None
        said = [_withdrawal(each, now, signer) for each in theirs]
        own = [pair for pair in zip(said, theirs, strict=True) if speaks_again(*pair)]
        if not own:
            raise RefusedError(_whose(theirs[-1]))
        for _, earlier in own:
            _check_unused(lines, earlier)
        return commit(place, lines, own[-1][0], key, say)


def status(
    name: str, place: Place, find: Find, report: Path | None = None, say: Say = print
) -> tuple[Standing, int | None]:
    """How a candidate stands, and the line that promoted it already, if one did.

    Nothing is written.

    Raises:
        UserError: the model is unknown, or a file cannot be read.
        RefusedError: nothing could be promoted on its exam, a signature does not hold, or the
            clock went back.
    """
    read_entry(name, place.registry, "approve")
    lines = read_lines(place.folder)
    asked = _asked(name, place, find, report, lines, say)
    now = utc_now()
    check_clock(lines, asked.entries, now)
    found = standing(lines, asked.question, now)
    if asked.promoted:  # what was approved then is not taken back by time
        found = Standing(found.question, (*found.approvals, *found.expired), (), found.rejections)
    for each in found.approvals:
        if each.signed_by:
            verify_statement(place.folder, each)
    return found, asked.promoted


def _withdrawal(earlier: Statement, now: str, signer: str | None) -> Statement:
    """That takes back whatever the person who said this said last."""
    return replace(
        earlier,
        kind="withdrawal",
        when=now,
        who=person(),
        expires=None,
        conditions=(),
        reason=None,
        signed_by=signer,
    )


def _whose(said: Statement) -> str:
    """Who alone can take something back, for a refusal."""
    if said.signed_by:
        return (
            f"line {said.number} is signed by the key {said.signed_by[:12]}, which alone can take "
            "it back; add --sign KEY"
        )
    return (
        f"line {said.number} was said by {said.who.words}, who alone can take it back, from that "
        "account"
    )


def _asked(
    name: str,
    place: Place,
    find: Find,
    report: Path | None,
    lines: Sequence[Line],
    say: Say,
) -> Asked:
    """Of which exam, or which promotion without approvals, something is said of a model."""
    policy = committed_policy(place.policy)
    model = open_models([name], place.registry)[0]
    if promoted := _asked_behind(model, lines, policy.approval.days):
        return promoted
    exam = find(name, promotion_identity(model), place.runs, report)
    check_admission(exam, model, services(lines))
    check_stood(exam, name, place.policy, policy, files_of(name, place.registry))
    entries = read_ledger(place.exams)
    for line in check_noted(exam, entries, place.exams):
        say(line)
    openings = read_ledger(own_ledger(place.registry))
    sealed = [each for each in openings if each.begun.chosen.sealed and each.judged(exam.identity)]
    judged = [*judged_in(entries, (), exam), *sealed]
    question = question_of(exam, name, policy, judged)
    return Asked(question, policy.approval.days, entries)


def _asked_behind(model: Model, lines: Sequence[Line], days: int) -> Asked | None:
    """What was asked of a champion when it was promoted, or since the glass was broken for it."""
    records = services(lines)
    last = records[-1] if records else None
    promotion = promotion_behind(lines, last) if last and is_champion(model, records) else None
    question = question_behind(promotion) if promotion else None
    return Asked(question, days, (), promotion.number) if promotion and question else None


def _statement(words: Words, asked: Asked, now: str) -> Statement:
    subject, days = asked.question.subject, words.days or asked.days
    if days > asked.days:
        raise UserError(
            f"--days {days}: an approval holds {asked.days} days at most, by the policy"
        )
    rejects = words.reject is not None
    return Statement(
        kind="rejection" if rejects else "approval",
        when=now,
        who=person(),
        by=words.by,
        model=subject.model,
        identity=subject.identity,
        run=subject.run,
        report=subject.report,
        gate=subject.gate,
        policy=subject.policy,
        version=VERSION,
        expires=None if rejects else later(now, days),
        conditions=words.conditions,
        reason=words.reject,
    )


def _check_speaker(said: Statement, question: Question, key: Path | None) -> None:
    """Refuse who may not approve, and a name without the key that the policy has for it."""
    doubt = why_not(said.by, said.who, question) if said.kind == "approval" else None
    if doubt or (doubt := not_listed(said.by, question)):
        raise RefusedError(doubt)
    if not question.people:
        return
    if key is None:
        raise RefusedError(f"{said.by} signs, by the policy; add --sign KEY, their private key")
    if private_fingerprint(key) != question.people[said.by]:
        raise RefusedError(f"{key} is not the key that [approval.people] has for {said.by}")


def _check_first(said: Statement, found: Standing) -> None:
    """Refuse a name that another person uses, and a second name of one person.

    Where the policy has keys, these tell people apart.
    """
    for each in (*found.approvals, *found.expired, *found.rejections):
        named = each.by.casefold() == said.by.casefold()
        if not found.question.people and named != are_same(each.who, said.who):
            raise RefusedError(
                f"line {each.number} was said by {each.who.words} as {each.by}, and this is "
                f"{said.who.words} as {said.by}: a person counts once; let another one type it, "
                "from their account"
            )


def _check_unused(lines: Sequence[Line], earlier: Statement) -> None:
    """Refuse to take back what a promotion was made on."""
    for record in services(lines):
        votes = record.approval.votes if record.approval else ()
        if any(vote.number == earlier.number for vote in votes):
            raise RefusedError(
                f"promotion {record.number} was made on line {earlier.number}; to take "
                f"{record.model} out of service type `python -m models.promote --rollback`"
            )
