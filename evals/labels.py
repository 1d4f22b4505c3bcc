"""Scores that people gave to answers: the file of `--labels`, matched to the cases.

A `.csv` or `.jsonl` with a row for each score that a person gave. Columns: `case_id`, or
`question` and `contract`; `score` from 0 to 1; `model` where the answers are of several models;
`answer`, the text that was scored, where a model may have changed its answer since.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, field_validator
from pydantic.dataclasses import dataclass as validated

from fixtures.cases import Case
from fixtures.errors import UserError


@dataclass(frozen=True, slots=True)
class Label:
    """A person's score of one answer to the case of id `case_id`.

    `model` is empty where it holds for any model; `answer` is what was labelled, empty where the
    file does not say.
    """

    case_id: str
    score: float
    model: str = ""
    answer: str = ""

    def is_of(self, model: str, text: str) -> bool:
        """Whether it labels this answer; white space does not count."""
        same = not self.answer or self.answer.split() == text.split()
        return self.model in ("", model) and same


@validated(frozen=True, config=ConfigDict(coerce_numbers_to_str=True, str_strip_whitespace=True))
class _Row:
    score: float = Field(ge=0, le=1)
    case_id: str = ""
    contract: str = ""
    question: str = ""
    model: str = ""
    answer: str = ""

    @field_validator("score", mode="before")
    @classmethod
    def _no_flag(cls, value: object) -> object:
        if isinstance(value, bool):
            raise ValueError("must be a number")
        return value


def read_labels(path: Path, cases: Sequence[Case]) -> tuple[Label, ...]:
    """The labels of these cases, in the order of the file; labels of other cases are left out.

    Raises:
        UserError: no such file, a row that is no label, or no label of any case.
    """
    if not path.is_file() or path.suffix.lower() not in {".csv", ".jsonl", ".ndjson"}:
        raise UserError(f"--labels {path}: no such .csv or .jsonl file; give one of labels")
    by_id = {case.id: case for case in cases}
    by_question = {(case.contract.id.strip(), case.question.strip()): case for case in cases}
    rows: TypeAdapter[_Row] = TypeAdapter(_Row)
    labels: list[Label] = []
    number = 0
    for number, values in _rows(path):
        row = _row(rows, path, number, values)
        case = by_id.get(row.case_id) or by_question.get((row.contract, row.question))
        if case is not None:
            labels.append(Label(case.id, row.score, row.model, row.answer))
    if not labels:
        like = f"; a case_id is written like {cases[0].id!r}" if cases else ""
        raise UserError(
            f"--labels {path}: none of its {number} rows labels a case of this exam{like}"
        )
    return tuple(labels)


def _row(rows: TypeAdapter[_Row], path: Path, number: int, values: dict[str, Any]) -> _Row:
    filled = {name: value for name, value in values.items() if value not in (None, "")}
    try:
        row = rows.validate_python(filled)
    except ValidationError as error:
        first = error.errors()[0]
        what = "is missing" if first["type"] == "missing" else f"{first['input']!r}: {first['msg']}"
        line = " ".join(f"`{first['loc'][0]}` {what}"[:200].split())
        raise UserError(f"{path}, row {number}: {line}; a score is a number from 0 to 1") from error
    if not row.case_id and not (row.contract and row.question):
        raise UserError(f"{path}, row {number}: fill in `case_id`, or `contract` and `question`")
    return row


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (row number from 1, columns by lower-case name); blank lines are no rows."""
    number = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows: Iterator[Any]
            if path.suffix.lower() == ".csv":
                rows = csv.DictReader(file, strict=True)
            else:
                rows = (json.loads(line) for line in file if line.strip())
            # Built here, so that a row that is none raises before it is counted.
            named = (
                {str(key).strip().lower(): value for key, value in row.items()} for row in rows
            )
            for number, row in enumerate(named, start=1):
                yield number, row
    except (ValueError, AttributeError, RecursionError, csv.Error) as error:
        what = " ".join(str(error).split())[:160]
        raise UserError(
            f"{path}, row {number + 1}: cannot be read as columns ({what}); write one label a row"
        ) from error
