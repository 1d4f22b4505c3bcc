"""Scores that people gave to answers: the file of `--labels`, matched to the cases.

A `.csv` or `.jsonl` with a row for each score that a person gave. Columns: `case_id`, or
`question` and `contract`; `score` from 0 to 1; `model` where the answers are of several models;
`answer`, the text that was scored, where a model may have changed its answer since; `rubric`, the
first 16 hex digits of the SHA-256 of the rules that the score goes by; `expected`, the gold texts,
where the file must stand alone (`python -m evals.judges.align`); `drawn`, from which cases
`python -m reports.labelling` drew the case: its rows need no score as yet; `probability`, with
which it was drawn, where cases had chances of their own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, field_validator
from pydantic.dataclasses import dataclass as validated

from common.errors import UserError
from common.redaction import redacted
from common.rows.columns import SUFFIXES, Row, read_rows
from fixtures.cases import Case

SCORE = "a score is a number from 0 to 1"
COLUMNS = (
    "case_id", "contract", "question", "score", "model", "answer", "expected", "rubric", "drawn",
    "probability",
)  # fmt: skip
ALL, DIFFERING, TIED, UNSURE = "all", "differing", "tied", "unsure"
"""From which cases a case was drawn to be labelled: all, those on which models differ, those that a
panel's judges left to a person, none of which was drawn at random, or all with a chance that rises
with what the judge does not know."""


@dataclass(frozen=True, slots=True)
class Label:
    """A person's score of one answer to the case of id `case_id`.

    `model` is empty where it holds for any model; `answer` is what was labelled, empty where the
    file does not say. One that was `drawn` where models differ says nothing of a mean over all,
    and one where judges differ nothing but of its own answer. `probability` is with which the case
    was drawn, of a draw in which cases had chances of their own.
    """

    case_id: str
    score: float
    model: str = ""
    answer: str = ""
    drawn: str = ALL
    probability: float | None = None

    def is_of(self, model: str, text: str) -> bool:
        """Whether it labels this answer; white space does not count."""
        shown = (text.split(), redacted(text).split())
        same = not self.answer or self.answer.split() in shown
        return self.model in ("", model) and same


@validated(frozen=True, config=ConfigDict(coerce_numbers_to_str=True, str_strip_whitespace=True))
class Labelled:
    """The cells of one row."""

    score: float = Field(ge=0, le=1)
    case_id: str = ""
    contract: str = ""
    question: str = ""
    model: str = ""
    answer: str = ""
    rubric: str = ""
    drawn: Literal["all", "differing", "tied", "unsure"] = "all"
    probability: float | None = Field(default=None, gt=0, le=1)

    @field_validator("score", mode="before")
    @classmethod
    def _no_flag(cls, value: object) -> object:
        if isinstance(value, bool):
            raise ValueError("must be a number")
        return value


def read_labels(path: Path, cases: Sequence[Case], rubric: str = "") -> tuple[Label, ...]:
    """The labels of these cases, in the order of the file; labels of other cases are left out.

    Args:
        path: of the file.
        cases: of the exam.
        rubric: digest of the rules that the exam goes by.

    Raises:
        UserError: no such file, a row that is no label or goes by other rules, or no label of any
            case.
    """
    by_id = {case.id: case for case in cases}
    by_question = {(case.contract.id.strip(), case.question.strip()): case for case in cases}
    labels: list[Label] = []
    number = 0
    mend = 'name the file of those rules in the gate file, [judge] rubric = "FILE"'
    for given, row in label_rows(path, rubric, mend):
        number = given.number
        asked = (row.contract, row.question)
        case = by_id.get(row.case_id) if row.case_id else by_question.get(asked)
        if case is not None:
            said = (row.score, row.model, row.answer, row.drawn, row.probability)
            labels.append(Label(case.id, *said))
    if not labels:
        like = f"; a case_id is written like {cases[0].id!r}" if cases else ""
        raise UserError(
            f"--labels {path}: none of its {number} rows labels a case of this exam{like}"
        )
    return tuple(labels)


def label_rows(path: Path, rubric: str, mend: str) -> Iterator[tuple[Row, Labelled]]:
    """The rows of a file of labels, and what they say; of those drawn, those that have a score.

    Args:
        path: of the file.
        rubric: digest of the rules that its scores must go by, where they say by which; empty
            where any will do.
        mend: what to do about a row that goes by others.

    Raises:
        UserError: no such file, or a row that is no label or goes by other rules.
    """
    if not path.is_file() or path.suffix.lower() not in SUFFIXES:
        raise UserError(f"--labels {path}: no such .csv or .jsonl file; give one of labels")
    rows: TypeAdapter[Labelled] = TypeAdapter(Labelled)
    for given in read_rows(path, COLUMNS, f"correct it; {SCORE}"):
        if given.cells.get("drawn") and given.cells.get("score") in (None, ""):
            continue
        row = _row(rows, given)
        if rubric and row.rubric and row.rubric.lower()[:16] != rubric:
            raise UserError(
                f"{given.where}: scored by the rubric {row.rubric[:16]}, and judged by {rubric}; "
                f"{mend}, or take the column out"
            )
        yield given, row


def _row(rows: TypeAdapter[Labelled], given: Row) -> Labelled:
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
    if row.drawn == UNSURE and row.probability is None:
        raise UserError(
            f"{given.where}: drawn where a judge is unsure, which counts with `probability` alone; "
            "give the file as `python -m reports.review --export labels` wrote it"
        )
    return row
