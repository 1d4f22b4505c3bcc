"""Scores that people gave to answers: the file of `--labels`, matched to the cases.

A `.csv` or `.jsonl` with a row for each score that a person gave. Columns: `case_id`, or
`question` and `contract`; `score` from 0 to 1; `model` where the answers are of several models;
`answer`, the text that was scored, where a model may have changed its answer since.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, field_validator
from pydantic.dataclasses import dataclass as validated

from common.errors import UserError
from common.rows import SUFFIXES, Row, read_rows
from fixtures.cases import Case

SCORE = "a score is a number from 0 to 1"
COLUMNS = ("case_id", "contract", "question", "score", "model", "answer")


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
    if not path.is_file() or path.suffix.lower() not in SUFFIXES:
        raise UserError(f"--labels {path}: no such .csv or .jsonl file; give one of labels")
    by_id = {case.id: case for case in cases}
    by_question = {(case.contract.id.strip(), case.question.strip()): case for case in cases}
    rows: TypeAdapter[_Row] = TypeAdapter(_Row)
    labels: list[Label] = []
    number = 0
    for given in read_rows(path, COLUMNS, f"correct it; {SCORE}"):
        number, row = given.number, _row(rows, given)
        asked = (row.contract, row.question)
        case = by_id.get(row.case_id) if row.case_id else by_question.get(asked)
        if case is not None:
            labels.append(Label(case.id, row.score, row.model, row.answer))
    if not labels:
        like = f"; a case_id is written like {cases[0].id!r}" if cases else ""
        raise UserError(
            f"--labels {path}: none of its {number} rows labels a case of this exam{like}"
        )
    return tuple(labels)


def _row(rows: TypeAdapter[_Row], given: Row) -> _Row:
    filled = {name: value for name, value in given.cells.items() if value not in (None, "")}
    try:
        row = rows.validate_python(filled)
    except ValidationError as error:
        first = error.errors()[0]
        what = "is missing" if first["type"] == "missing" else f"{first['input']!r}: {first['msg']}"
        line = " ".join(f"`{first['loc'][0]}` {what}"[:200].split())
        raise UserError(f"{given.where}: {line}; {SCORE}") from error
    if not row.case_id and not (row.contract and row.question):
        raise UserError(f"{given.where}: fill in `case_id`, or `contract` and `question`")
    return row
