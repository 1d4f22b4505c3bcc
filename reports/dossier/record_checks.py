"""Record and ledger of a pack: unbroken, and one exam's way through both."""

from collections.abc import Sequence
from datetime import datetime

from models.promotion.admission.evidence import ExamEvidence
from models.promotion.admission.noted import check_noted, rejected_before
from models.promotion.champion import in_force
from models.promotion.ledger.entry import Entry
from models.promotion.ledger.files import read_ledger
from models.promotion.record.file import read_lines
from models.promotion.record.line import Line, Record, services
from reports.archive import read_overview
from reports.dossier.layout import CHAIN, LEDGER, RECORD
from reports.dossier.pack import Pack


def promotion(pack: Pack) -> tuple[tuple[Line, ...], Record]:
    """The lines of the record, from the first to the promotion that the pack is of, and that one.

    Raises:
        RefusedError: a line was changed, or the last is no promotion by an exam.
    """
    lines = read_lines(pack.folder / RECORD)
    last = lines[-1] if lines else None
    if not isinstance(last, Record) or last.kind != "promotion" or last.report is None:
        raise pack.wrong(f"{CHAIN} does not end with a promotion by an exam")
    in_force(services(lines))
    return lines, last


def noted(pack: Pack, record: Record) -> tuple[tuple[Entry, ...], Entry]:
    """The ledger, and its entry of the exam that the promotion stands on.

    The first line of that entry was written before any model was asked: it holds the digest of the
    gate, and its time lies before the end of the exam, and that before the promotion.

    Raises:
        RefusedError: a file is missing or was edited, or says otherwise than the record.
    """
    entries = read_ledger(pack.folder / LEDGER)
    run = record.report.id if record.report else ""
    entry = next((each for each in entries if each.begun.run == run), None)
    if entry is None or entry.ended is None:
        what = "no file of" if entry is None else "no end of"
        raise pack.wrong(f"{LEDGER} has {what} exam {run}, on which the promotion stands")
    where, begun = f"{LEDGER}/{entry.path.name}", entry.begun
    data = record.dataset
    wrong = {
        "another gate": begun.gate != record.gate,
        "another policy": begun.policy != record.policy,
        "another data set": data is None or begun.dataset != data,
        "no such candidate": record.identity not in {e.identity for e in begun.candidates},
        "another report": record.report is None or entry.ended.report != record.report.sha256,
        "a part of an exam": begun.chosen.part,
    }
    for what, is_so in wrong.items():
        if is_so:
            raise pack.wrong(f"{where} says {what} than {CHAIN}, line {record.number}")
    times = [begun.when, entry.ended.when, record.when]
    if [_time(pack, where, each) for each in times] != sorted(_time(pack, where, t) for t in times):
        raise pack.wrong(f"{where}: begun {times[0]}, ended {times[1]}, promoted {times[2]}")
    return entries, entry


def check_told(
    pack: Pack, record: Record, entries: Sequence[Entry], entry: Entry, exam: ExamEvidence
) -> None:
    """Refuse a report that says otherwise than the ledger, or a record that hides what it tells.

    Raises:
        RefusedError: the exam was judged as fewer tries than the ledger knows, a later exam says
            otherwise, its first line is not of before its first answer, or earlier rejections on
            these contracts are not in the record.
    """
    where, started = f"{LEDGER}/{entry.path.name}", read_overview(exam.path).header.started
    if _time(pack, where, entry.begun.when) > _time(pack, "the report", started):
        raise pack.wrong(f"{where} was begun {entry.begun.when}, after the exam ({started})")
    check_noted(exam, entries, pack.folder / LEDGER)
    said = (record.statistics or {}).get("exam", {}).get("rejected", ())
    if list(said) != list(rejected_before(exam, entries)):
        raise pack.wrong(
            f"{CHAIN}, line {record.number} says otherwise than {LEDGER} how often "
            f"{record.model} was rejected before"
        )


def named_later(entries: Sequence[Entry], entry: Entry) -> bool:
    """Whether a later file names what an exam noted, so that it cannot have been written after."""
    pair = (entry.name, entry.state)
    return any(pair in (each.begun.before or {}).items() for each in entries)


def _time(pack: Pack, where: str, text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        raise pack.wrong(f"{where} holds {text[:40]!r}, which is no time") from None
