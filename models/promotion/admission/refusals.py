"""Every reason not to put a model into service."""

from collections.abc import Sequence

from common.identity import file_digest
from models.chat import Model
from models.identity.identities import (
    CHANGED,
    difference,
    manifest_digest,
    promotion_identity,
)
from models.promotion.admission.evidence import ExamEvidence, GateFile
from models.promotion.record.line import Named, Record
from models.promotion.refused import RefusedError


def check_admission(exam: ExamEvidence, model: Model, records: Sequence[Record]) -> None:
    """Compare an exam with itself, and with model, gate and champion as they are now.

    Nothing here can be overridden.

    Raises:
        RefusedError: the exam was not passed, does not hold, or examined something else.
    """
    again = f"type `pytest evals --model {model.name} --baseline champion`"
    if exam.verdict.outcome == "PASS" and is_champion(model, records):
        raise RefusedError(f"{model.name} is the champion already")
    _check_outcome(exam, model.name, again)
    if exam.identity != promotion_identity(model):
        raise RefusedError(_changed(model, f"{exam.path} examined", exam.identity, CHANGED))
    if is_champion(model, records):
        raise RefusedError(f"{model.name} is the champion already")
    for record in records:
        if record.report and exam.source.id == record.report.id:
            raise RefusedError(f"{exam.path} served promotion {record.number} already; {again}")
    _check_sealed(exam, again)
    _check_gate(exam.gate, again)
    check_opponents(exam, model, records, again)


def is_champion(model: Model, records: Sequence[Record]) -> bool:
    """Whether a model, as it is, is the one in service."""
    champion = records[-1].named if records else None
    return (
        champion is not None
        and champion.model == model.name
        and not difference(model, champion.identity)
    )


def check_recorded(model: Model, record: Record) -> None:
    """Refuse a champion that is not what was promoted, or whose manifest is not.

    Raises:
        RefusedError: it is another.
        UserError: its files cannot be read.
    """
    words = difference(model, record.identity)
    if not words and record.manifest != manifest_digest(model):
        words = "its training manifest changed"
    if words:
        source = f"promotion {record.number} recorded"
        raise RefusedError(_changed(model, source, record.identity, words))


def _check_outcome(exam: ExamEvidence, name: str, again: str) -> None:
    """Refuse what the exam did not pass, or what it cannot have concluded."""
    verdict = exam.verdict
    if verdict.outcome in ("REJECT", "PASS"):
        why = said(exam, name)
        if verdict.outcome == "PASS" and " type" not in why:  # it was in service when it was asked
            why = f"{why}; {again}"
        raise RefusedError(f"{exam.path} says {why}")


def said(exam: ExamEvidence, name: str) -> str:
    """What an exam concluded of a model, as in "REJECT of dpo: token_f1 fell"."""
    why = " ".join("; ".join(exam.verdict.reasons).split()) or "the report gives no reason"
    return f"{exam.verdict.outcome} of {name}: {why}"


def _check_sealed(exam: ExamEvidence, again: str) -> None:
    """Refuse what the exam did not write when it ended."""
    if not exam.sealed:
        raise RefusedError(
            f"{exam.path} is not what an exam noted beside it when it ended: it was interrupted, "
            f"edited, or written by an earlier release; {again}"
        )


def _check_gate(gate: GateFile, again: str) -> None:
    if not gate.file.is_file():
        raise RefusedError(
            f"gate {gate.file} of the exam is not there any more; restore it, or {again}"
        )
    if file_digest(gate.file) != gate.sha256:
        raise RefusedError(f"gate {gate.file} was changed since the exam; {again}")


def check_opponents(
    exam: ExamEvidence, model: Model, records: Sequence[Record], again: str
) -> None:
    """Refuse an exam against another champion, or another anchor.

    Raises:
        RefusedError: it is so; the line ends with `again`, what to type.
    """
    verdict, champion = exam.verdict, records[-1].named if records else None
    compared = verdict.champion
    if compared != champion:
        raise RefusedError(
            f"{exam.path} compared {model.name} with {_words(compared)}, but the champion is now "
            f"{_words(champion)}; {again}"
        )
    anchor = verdict.anchor or compared
    if records and anchor != records[-1].anchor:
        raise RefusedError(
            f"{exam.path} compared {model.name} with the anchor {_words(anchor)}, but it is "
            f"{_words(records[-1].anchor)}; {again}"
        )


def _changed(model: Model, source: str, identity: str, words: str) -> str:
    """As in "dpo is not what promotion 2 recorded (28d5c160aba1): weights changed"."""
    return (
        f"{model.name} is not what {source} ({identity[:12]}): {words}. Restore it, or type "
        f"`pytest evals --model {model.name} --baseline champion`"
    )


def _words(named: Named | None) -> str:
    return f"{named.model} ({named.identity[:12]})" if named else "no champion"
