"""A contract, erased from a run: what stays is what a report on sealed contracts tells.

Verdict, checks and means over all cases stand as the exam found them; no case is listed, of any
contract, and no text names or quotes the one that was erased. The seal beside it is left as it is:
it is of the file that the exam wrote, by which the promotion record knows it, and no promotion
takes the one that is there now (docs/decisions/0036-a-purged-report-keeps-its-verdict.md).
"""

import time
from dataclasses import replace
from pathlib import Path

from common.files import write_whole
from evals.store.wanted import Wanted
from models.promotion.admission.evidence import SEAL
from reports.archive import AGAIN, newest_first, read_report, retold, write_report
from reports.examination.opening import blanked
from reports.markdown.markdown import markdown
from reports.page.html import BESIDE, write_page
from reports.report import Report

FILES = ("report.json", "report.md", "report.html", BESIDE)


def holding(runs: Path, wanted: Wanted) -> list[Path]:
    """The report.json of every run of which a file holds something of the contract.

    Raises:
        OSError: one cannot be read.
    """
    return [
        path
        for path in newest_first(runs)
        if any(
            wanted.trace(file.read_bytes())
            for name in FILES
            if (file := path.with_name(name)).is_file()
        )
    ]


def erase(path: Path, wanted: Wanted) -> None:
    """Write the files of a run anew, as they are without cases.

    Raises:
        UserError: the report cannot be read, or a file cannot be written; the same again goes on.
    """
    written = write_report(without_cases(read_report(path), wanted), path)
    write_whole(path.with_name("report.md"), markdown(written), mend=AGAIN, private=True)
    write_page(written, path.parent)


def without_cases(report: Report, wanted: Wanted) -> Report:
    """The report without its cases, nor any text that names or quotes the contract."""
    when = time.strftime("%Y-%m-%d", time.gmtime())
    note = (
        f"A contract was erased on {when}, and every case with it: verdict and means stand as the "
        f"exam found them, and {SEAL} is of the report as the exam wrote it."
    )
    facts = report.header.dataset
    counted = replace(
        facts,
        examined_cases=facts.examined_cases or len(report.cases),
        examined_contracts=report.examined_contracts,
    )
    bare = replace(
        blanked(report, ()),
        header=replace(report.header, dataset=counted),
        notes=(*report.notes, note),
    )
    return retold(bare, wanted.without)
