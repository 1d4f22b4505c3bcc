"""Later exams of the same model as service: their cases are the requests of the day they began.

The store of an exam cannot be read like this: it keeps answers under digests, and neither questions
nor texts of contracts.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from fixtures.served import Served
from reports.archive import read_report
from reports.report import ReportedResult

REPORT = "report.json"
"""How a path ends that is an exam's."""


def examined(path: Path) -> Iterator[Served]:
    """The rows that a log would have of an exam; sealed contracts are not shown, and have none.

    Raises:
        UserError: the report cannot be read.
    """
    report = read_report(path)
    time = datetime.fromisoformat(report.header.started).timestamp()
    identities = {each.name: each.identity for each in report.header.models}

    def row(result: ReportedResult) -> Served:
        case = report.cases[result.case]
        return Served(
            id=f"{report.header.id} {case.id}",
            time=time,
            question=case.question,
            contract=case.contract,
            passages=tuple(report.passages[place].text for place in result.passages),
            answer=result.answer,
            model=result.model,
            identity=identities.get(result.model, ""),
            category=case.category,
            error=result.error or "",
        )

    return map(row, report.results)
