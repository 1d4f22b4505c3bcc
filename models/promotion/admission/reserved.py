"""The exam of sealed contracts, of which a promotion asks all that it asks of the other."""

from collections.abc import Sequence
from pathlib import Path

from fixtures.sealing import Seal
from models.chat import Model
from models.promotion.admission.evidence import ExamEvidence, Reading
from models.promotion.admission.noted import check_told
from models.promotion.admission.refusals import check_opponents
from models.promotion.ledger.entry import Entry
from models.promotion.record.line import Record
from models.promotion.refused import RefusedError


def sealed_exams(
    exam: ExamEvidence,
    model: Model,
    entries: Sequence[Entry],
    reading: Reading,
    runs: Path,
    records: Sequence[Record],
) -> tuple[ExamEvidence, ...]:
    """The last exam of every reserve that is kept of an exam's data set; each passed and holds.

    Args:
        exam: the one to promote from; its seals are known.
        model: the candidate.
        entries: of the ledger in which openings are counted, verified.
        reading: reads their reports.
        runs: folder of reports.
        records: of promotions.

    Raises:
        UserError: a report cannot be read.
        RefusedError: there is no such exam, it says otherwise, or was not what it had to be.
    """
    return tuple(
        _exam_of(seal, exam, model, entries, reading, runs, records) for seal in exam.seals
    )


def _exam_of(
    seal: Seal,
    exam: ExamEvidence,
    model: Model,
    entries: Sequence[Entry],
    reading: Reading,
    runs: Path,
    records: Sequence[Record],
) -> ExamEvidence:
    name, reserve = model.name, seal.identity_of_reserve
    line = f"type `pytest evals --model {name} --dataset {exam.cases_from} --baseline champion"
    again = f"{line} --sealed`"
    found = [e for e in entries if e.begun.chosen.sealed == reserve and e.judged(exam.identity)]
    if not found:
        raise RefusedError(
            f"{name} was not examined on the {len(seal.contracts)} sealed contracts of "
            f"{seal.dataset}; {again}"
        )
    last = found[-1]
    said = last.judged(exam.identity)
    if last.ended is None or said != "PROMOTE":
        raise RefusedError(f"{last.path} says {said} of {name} on the sealed contracts")
    path = runs / last.begun.run / "report.json"
    if not path.is_file():
        raise RefusedError(
            f"{path}, of the exam on the sealed contracts, is not there; restore it, or {again}"
        )
    opened = reading.opened(path, name, exam.gate.file)
    if (opened.source.id, opened.source.sha256) != (last.begun.run, last.ended.report):
        raise RefusedError(f"{path} is not what the exam wrote, by {last.path}; {again}")
    if opened.identity != exam.identity:
        raise RefusedError(f"{path} examined another {name}; {again}")
    if opened.facts.dataset.examined_contracts != len(seal.contracts):
        raise RefusedError(f"{path} is not of all sealed contracts of {seal.dataset}; {again}")
    check_told(opened, last, entries, again)
    check_opponents(opened, model, records, again)
    return opened
