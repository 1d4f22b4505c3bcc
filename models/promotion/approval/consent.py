"""What a promotion does about approvals: whether it needs any, has them, or goes without."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.command import Say
from models.promotion.admission.evidence import ExamEvidence
from models.promotion.approval.standing import Question, Standing, check_clock, standing
from models.promotion.ledger.entry import Entry
from models.promotion.record.line import Line
from models.promotion.record.people import Person, person
from models.promotion.record.statement import Approved, BreakGlass, Statement, Vote
from models.promotion.refused import RefusedError
from models.promotion.signatures.lines import verify_said


@dataclass(frozen=True, slots=True)
class Consent:
    """What whoever promotes says: that conditions are met, or why nobody was waited for."""

    conditions_met: bool = False
    break_glass: str | None = None


NONE = Consent()


def judged_in(
    entries: Sequence[Entry], openings: Sequence[Entry], *exams: ExamEvidence
) -> tuple[Entry, ...]:
    """The entries of the exams that a promotion stands on.

    Args:
        entries: of the ledger in which exams are noted.
        openings: of that in which openings of sealed contracts are.
        exams: that they are of.
    """
    runs = {exam.source.id for exam in exams}
    found = {each.path: each for each in (*entries, *openings) if each.begun.run in runs}
    return tuple(found.values())


def approved(
    folder: Path,
    lines: Sequence[Line],
    question: Question,
    entries: Sequence[Entry],
    consent: Consent,
    now: str,
    say: Say,
) -> Approved | None:
    """What is recorded of approvals; None where nobody was asked and nobody said a word.

    Args:
        folder: where the record lies, with its signatures.
        lines: of it.
        question: of what approval is asked.
        entries: of the ledger, whose times are known.
        consent: what whoever promotes says.
        now: the time of the promotion.
        say: shows a line.

    Raises:
        UserError: approvals are signed, and model-signing is missing.
        RefusedError: they are missing, of somebody who may not give them, not signed as the line
            says, or the clock went back.
    """
    if question.needed or any(isinstance(line, Statement) for line in lines):
        check_clock(lines, entries, now)
    found = standing(lines, question, now)
    verify_said(folder, lines, question.subject.identity)
    settlement = _settled(found, person(), consent)
    if consent.break_glass and not (settlement and settlement.break_glass):
        say("nothing stands against it, so no broken glass is recorded")
    if consent.conditions_met and not found.conditions:
        say("nobody approved on a condition")
    return settlement


def _settled(found: Standing, who: Person, consent: Consent) -> Approved | None:
    """What a promotion records of approvals; None where nobody was asked and nobody said a word.

    Raises:
        RefusedError: approvals are missing, somebody rejected it, or a condition is not met.
    """
    question = found.question
    if not (question.needed or found.approvals or found.rejections):
        return None
    unmet = () if consent.conditions_met else found.conditions
    glass = None
    if found.against or unmet:
        if consent.break_glass is None:
            raise RefusedError(_refusal(found, unmet))
        stood = (*found.against, *(f"on condition by {text}" for text in unmet))
        glass = BreakGlass(consent.break_glass, who, stood)
    return Approved(
        needed=question.needed,
        people=question.people,
        examined_by=question.examined_by,
        votes=tuple(Vote(each.by, each.number) for each in found.approvals),
        conditions=found.conditions if consent.conditions_met else (),
        break_glass=glass,
    )


def _refusal(found: Standing, unmet: Sequence[str]) -> str:
    model, words = found.question.subject.model, "; ".join(found.against)
    if found.rejections:
        by = found.rejections[-1].by
        again = f"python -m models.approve {model} --by {by} --withdraw"
        return f"{words}; {by} can take it back: `{again}`"
    if found.against:
        return (
            f"the policy asks others than who examined {model} to approve of it, and there are "
            f"{words}; let another person type `python -m models.approve {model} --by NAME`"
        )
    return (
        f"{model} is approved on condition ({'; '.join(unmet)}); where that is met, add "
        "--conditions-met, which is recorded"
    )
