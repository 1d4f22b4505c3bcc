"""What is left of an exam in its folder: report.json with its seal, the pages, and `latest`."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from common.files import write_whole
from common.identity import file_digest
from common.provenance import uncommitted
from evals.results import Result
from evals.selected import Selected
from models.promotion.admission.evidence import SEAL, seal_of
from models.promotion.ledger.files import complete, read_ledger
from models.promotion.record.file import read_lines
from models.promotion.record.line import services
from models.promotion.record.statement import Statement
from reports.archive import AGAIN, write_report
from reports.examination.noting import ended_as
from reports.examination.prepare import Prepared
from reports.examination.run_folder import find_latest, tidy, write_latest
from reports.listing import with_missed
from reports.markdown.markdown import markdown
from reports.page.html import write_page
from reports.report import Report
from reports.verdict.misses import opponents_missed


def with_misses(
    prepared: Prepared,
    selected: Selected,
    results: Iterable[Result],
    report: Report,
    missed: Iterable[tuple[str, str, str]] = (),
) -> Report:
    """The report with what missed: (model, case id, test), and what opponents would have missed."""
    marks = prepared.gate.pass_marks.model_dump(by_alias=True)
    tests = opponents_missed(results, prepared.options.models, selected.tests, marks)
    for model, case, test in missed:
        tests.setdefault((model, case), []).append(test)
    return with_missed(report, tests)


def publish(
    prepared: Prepared,
    report: Report,
    results: Sequence[Result],
    entry: Path,
    *,
    ended: bool,
    whole: bool,
) -> tuple[Path, list[str]]:
    """Write everything; returns where the page is, and what else is to be said.

    Args:
        prepared: the exam.
        report: of it, with its misses.
        results: that it is of.
        entry: its file in the ledger, which is completed.
        ended: whether it ended before its time: then `latest` and older runs are left alone.
        whole: whether nothing was left out of it: `latest` leads to whole exams alone.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    folder, runs = prepared.folder, prepared.options.runs
    written = write_report(report, folder / "report.json")
    beside = {
        SEAL: seal_of((folder / "report.json").read_bytes()),
        "report.md": markdown(written),
    }
    for name, text in beside.items():
        write_whole(folder / name, text, mend=AGAIN, private=True)
    page = write_page(written, folder)
    lines: list[str] = []
    if ended:
        return page, lines
    complete(entry, ended_as(written, results, file_digest(folder / "report.json")))
    if left := uncommitted(entry.parent):
        lines.append(f"ledger: {left} files that no commit holds; git add {entry.parent}")
    if whole:
        write_latest(runs, prepared.run_id)
    elif (latest := find_latest(runs)).is_symlink():
        lines.append(f"{latest} stays with the last whole exam: this one was a part of one")
    recorded = read_lines(prepared.options.registry.parent)
    spared = {record.report.id for record in services(recorded) if record.report}
    spared |= {line.run for line in recorded if isinstance(line, Statement)}
    if prepared.options.keep:  # a promotion reads what a sealed exam found
        exams = read_ledger(entry.parent)
        spared |= {each.begun.run for each in exams if each.begun.chosen.sealed}
    tidy(runs, prepared.run_id, prepared.options.keep, spared)
    return page, lines
