"""Of which exam, or which promotion without approvals, something is said of a model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.command import Say
from models.chat import Model
from models.factory import open_models
from models.identity.identities import promotion_identity
from models.promotion.actions import every_exam
from models.promotion.admission.enforcement import check_stood, committed_policy
from models.promotion.admission.evidence import ExamEvidence
from models.promotion.admission.noted import check_noted
from models.promotion.admission.refusals import check_admission, is_champion
from models.promotion.approval.consent import judged_in
from models.promotion.approval.recorded import promotion_behind, question_behind
from models.promotion.approval.standing import Question, question_of
from models.promotion.ledger.entry import Entry
from models.promotion.ledger.files import own_ledger, read_ledger
from models.promotion.place import Place
from models.promotion.record.line import Line, services
from models.registry import files_of

Find = Callable[[str, str, Path, Path | None], ExamEvidence]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, with what it takes to answer it; `promoted` is the line that promoted already."""

    question: Question
    days: int
    entries: Sequence[Entry]
    promoted: int | None = None


def asked_of(
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
    if promoted := _behind(model, lines, policy.approval.days):
        return promoted
    exam = find(name, promotion_identity(model), place.runs, report)
    check_admission(exam, model, services(lines))
    check_stood(exam, name, place.policy, policy, files_of(name, place.registry))
    entries = every_exam(place)
    for line in check_noted(exam, entries, place.exams):
        say(line)
    openings = read_ledger(own_ledger(place.registry))
    sealed = [each for each in openings if each.begun.chosen.sealed and each.judged(exam.identity)]
    judged = [*judged_in(entries, (), exam), *sealed]
    question = question_of(exam, name, policy, judged)
    return Asked(question, policy.approval.days, entries)


def _behind(model: Model, lines: Sequence[Line], days: int) -> Asked | None:
    """What was asked of a champion when it was promoted, or since the glass was broken for it."""
    records = services(lines)
    last = records[-1] if records else None
    promotion = promotion_behind(lines, last) if last and is_champion(model, records) else None
    question = question_behind(promotion) if promotion else None
    return Asked(question, days, (), promotion.number) if promotion and question else None
