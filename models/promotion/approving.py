"""Approve of a candidate, reject it, take either back, or ask how it stands."""

from dataclasses import dataclass, replace
from pathlib import Path

from common.clock import utc_now
from common.command import Say
from common.errors import UserError
from models.factory import open_models
from models.identity.identities import VERSION, promotion_identity
from models.promotion.actions import commit, locked
from models.promotion.approval.speakers import check_first, check_speaker, check_unused, whose
from models.promotion.approval.standing import (
    Standing,
    check_clock,
    last_words,
    later,
    speaks_again,
    standing,
)
from models.promotion.asked import Asked, Find, asked_of
from models.promotion.champion import recover
from models.promotion.place import Place
from models.promotion.record.file import read_lines
from models.promotion.record.people import folded, person
from models.promotion.record.statement import Statement
from models.promotion.refused import RefusedError
from models.promotion.signatures.lines import verify_said
from models.promotion.signatures.signing import private_fingerprint
from models.registry import read_entry


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
        asked = asked_of(name, place, find, report, lines, say)
        if asked.promoted and not asked.question.since:
            raise RefusedError(
                f"{name} is in service by line {asked.promoted}; to take it out of service type "
                f"`python -m models.promote --rollback{place.typed}`"
            )
        now = utc_now()
        check_clock(lines, asked.entries, now)
        said = _statement(words, asked, now)
        check_speaker(said, asked.question, key)
        check_first(said, standing(lines, asked.question, now))
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
        theirs = [e for e in last_words(lines, identity) if folded(e.by) == folded(by)]
        if not theirs:
            raise RefusedError(f"{by} said nothing of {name} as it is that could be taken back")
        signer = private_fingerprint(key) if key else None
        said = [_withdrawal(each, now, signer) for each in theirs]
        own = [pair for pair in zip(said, theirs, strict=True) if speaks_again(*pair)]
        if not own:
            raise RefusedError(whose(theirs[-1]))
        for _, earlier in own:
            check_unused(lines, earlier, place.typed)
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
    asked = asked_of(name, place, find, report, lines, say)
    now = utc_now()
    check_clock(lines, asked.entries, now)
    found = standing(lines, asked.question, now)
    if asked.promoted:  # what was approved then is not taken back by time
        found = Standing(found.question, (*found.approvals, *found.expired), (), found.rejections)
    verify_said(place.folder, lines, asked.question.subject.identity)
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
