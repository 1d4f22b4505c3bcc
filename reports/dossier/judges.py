"""What the judges' own exams found, taken out of a report to be read alone."""

import json
from typing import Any

from evals.suites import JUDGE
from reports.evidence.last_exam import jsonable
from reports.report import Report
from reports.sections.judge_forms import FORMS_SECTION
from reports.sections.metric_exams import METRICS_SECTION

SECTIONS = (JUDGE.name, FORMS_SECTION, METRICS_SECTION)


def judges_found(report: Report) -> bytes:
    """The judges of an exam, and the findings of their own exams, as JSON with its keys in order.

    It says nothing that the report does not, so whoever has the report makes it again.
    """
    found = [report.section(name) for name in SECTIONS]
    value: dict[str, Any] = {
        "run": report.header.id,
        "judges": jsonable(report.header.judges),
        "identities": jsonable(report.header.fingerprint.judges),
        "sections": [jsonable(section) for section in found if section],
    }
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"
