"""An exam of many small contracts, and logs of the service that follows it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fixtures.cases import Case, Contract, Span
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from reports.archive import write_report
from reports.report import ModelFacts
from tests.builders.report_data import written

MODEL = "clerk"
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
STATES = ("Ohio", "Nevada", "Texas", "Maine", "Utah", "Iowa", "Oregon")
QUESTIONS = {
    "law": "Which law governs this agreement?",
    "fee": "What fee falls due each month?",
    "term": "How long does the agreement last?",
}
PASSAGES = {
    "law": "This Agreement is governed by the law of {state}, and its courts decide.",
    "fee": "The customer pays a monthly fee of ${fee} within thirty days of the invoice.",
    "term": "The agreement lasts {years} years from the day on which both have signed.",
}
LEASE = (
    "The landlord lets the premises on the second floor; the tenant keeps the roof, the lift and "
    "the boiler in repair and pays the ground rent of ${fee}."
)
"""Of an agreement that the exam does not have."""

ANSWERS = {"law": "{state}", "fee": "${fee}", "term": "{years} years"}


@dataclass(frozen=True, slots=True)
class Shift:
    """What changes in service.

    `leases` and `refusals` are how many of ten contracts are leases, of ten answers say not found.
    """

    leases: int = 0
    refusals: int = 0
    category: str = ""


NONE = Shift()


def _told(number: int) -> dict[str, Any]:
    return {
        "state": STATES[number % 7],
        "fee": 100 + 37 * (number % 23),
        "years": 1 + number % 9,
    }


def _asked(number: int, category: str, shift: Shift) -> tuple[str, str]:
    """(passage, answer) of one contract."""
    told, lot = _told(number), number * 7 % 10
    passage = LEASE if lot < shift.leases else PASSAGES[category]
    refuses = number % 4 == 0 or (number * 3 % 10) < shift.refusals
    return passage.format(**told), "Not found." if refuses else ANSWERS[category].format(**told)


def exam(runs: Path, contracts: int = 40, model: str = MODEL, identity: str = "") -> Path:
    """A report of a model on three questions about each contract; returns its path."""
    cases, said = [], {}
    for number in range(contracts):
        texts = [_asked(number, each, NONE)[0] for each in QUESTIONS]
        contract = Contract(f"EXAM {number}", "\n".join(texts))
        for (category, question), text in zip(QUESTIONS.items(), texts, strict=True):
            start = contract.text.index(text)
            case = Case(
                f"{contract.id}__{category}", f"{number}-{category}", contract, category, question,
                (Span(text, start),),
            )  # fmt: skip
            cases.append(case)
            shown = (Passage(contract.id, start, start + len(text), text),)
            said[case.id] = Answer(_asked(number, category, NONE)[1], passages=shown)
    report = written(cases, {model: lambda case: said[case.id]})
    facts = (ModelFacts(model, identity=identity),)
    report = replace(report, header=replace(report.header, models=facts))
    path = runs / report.header.id / "report.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_report(report, path)
    return path


def requests(
    day: int, contracts: int = 12, shift: Shift = NONE, model: str = MODEL, **cells: Any
) -> list[dict[str, Any]]:
    """Rows of one day, counted from 0: two requests about each of its contracts."""
    rows = []
    for place in range(contracts):
        number = 1000 * (day + 1) + place
        for turn in range(2):
            category = list(QUESTIONS)[(number + turn) % 3]
            passage, answer = _asked(number, category, shift)
            rows.append(
                {
                    "id": f"r-{number}-{turn}",
                    "time": (FIRST + timedelta(days=day, minutes=2 * place + turn)).isoformat(),
                    "question": QUESTIONS[category],
                    "contract": f"SERVED {number}",
                    "passages": [passage],
                    "answer": answer,
                    "model": model,
                    "category": shift.category or category,
                    **cells,
                }
            )
    return rows


def log(path: Path, *rows: dict[str, Any] | str) -> Path:
    """A file of JSON lines; a text is written as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogateescape")
    return path


def days(count: int, shift: Shift = NONE, first: int = 0, **cells: Any) -> Sequence[dict[str, Any]]:
    """Rows of several days."""
    return [
        row for day in range(first, first + count) for row in requests(day, shift=shift, **cells)
    ]
