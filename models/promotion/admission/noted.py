"""What the ledger says of the exam that a promotion stands on."""

from collections.abc import Sequence
from pathlib import Path

from models.promotion.admission.evidence import ExamEvidence
from models.promotion.ledger.entry import Entry
from models.promotion.ledger.tries import known_by, share_contracts, tries_against
from models.promotion.refused import RefusedError


def check_noted(exam: ExamEvidence, entries: Sequence[Entry], folder: Path) -> list[str]:
    """Refuse an exam that the ledger does not know, or knows a later one against.

    Args:
        exam: the one to promote from.
        entries: the ledger, verified.
        folder: where it lies.

    Returns:
        Lines on later exams of this candidate on this data that did not end.

    Raises:
        RefusedError: there is no entry of this report, it is of another policy or number of
            candidates, or a later whole exam says otherwise.
    """
    again = f"type `pytest evals --model {exam.verdict.model} --baseline champion`"
    entry = next((each for each in entries if each.begun.run == exam.source.id), None)
    if entry is None:
        raise RefusedError(
            f"{exam.path} is not in the ledger {folder}: its entry was removed (`git log -- "
            f"{folder}`), or an earlier release wrote it; restore the entry, or {again}"
        )
    if entry.ended is None or entry.ended.report != exam.source.sha256:
        what = "did not end" if entry.ended is None else "ended with another report"
        raise RefusedError(f"{entry.path} says that the exam of {exam.path} {what}; {again}")
    check_told(exam, entry, entries, again)
    later = [each for each in entries if _is_later(each, entry, exam)]
    for each in later:
        outcome = each.judged(exam.identity)
        if each.ended and outcome != "PROMOTE":
            raise RefusedError(f"{each.path} is newer, and says {outcome} of this model; {again}")
    return [
        f"{each.path}: a newer exam of {exam.verdict.model} on this data began and did not end"
        for each in later
        if each.ended is None
    ]


def check_told(exam: ExamEvidence, entry: Entry, entries: Sequence[Entry], again: str) -> None:
    """Refuse a report that was judged by other rules than its entry in the ledger tells.

    How many tries share the risk against the anchor is counted anew, with those that the exam
    could not know: of other branches, at once, or its own where the model answered anew.

    Raises:
        RefusedError: it is so; the line ends with `again`, what to type.
    """
    if entry.begun.policy != exam.facts.provenance.policy:
        raise RefusedError(f"{exam.path} names another policy than {entry.path} does; {again}")
    anchor = exam.verdict.anchor or exam.verdict.champion
    if anchor is None:
        return
    tries = tries_against(known_by(entries, entry), anchor, entry.begun)
    if exam.verdict.tries < tries:
        raise RefusedError(
            f"{exam.path} was judged as try {exam.verdict.tries} on its contracts against "
            f"{anchor.model}, and the ledger knows {tries}; examine again: {again}"
        )


def rejected_before(exam: ExamEvidence, entries: Sequence[Entry]) -> tuple[str, ...]:
    """The earlier exams, by run, that rejected this very model on these contracts."""
    entry = next(each for each in entries if each.begun.run == exam.source.id)
    return tuple(
        each.begun.run
        for each in entries
        if each.begun.run < entry.begun.run
        and share_contracts(each.begun, entry.begun)
        and each.judged(exam.identity) == "REJECT"
    )


def _is_later(other: Entry, entry: Entry, exam: ExamEvidence) -> bool:
    """Whether an entry is of a later whole exam of the same model on the same contracts."""
    begun = other.begun
    return (
        begun.run > entry.begun.run
        and not begun.chosen.part
        and not begun.chosen.sealed
        and (begun.dataset.identity, begun.dataset.split)
        == (exam.dataset.identity, exam.dataset.split)
        and other.judged(exam.identity) is not None
    )
