"""What somebody said of an answer in service: one row, validated, with what is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from common.errors import UserError
from common.redaction import outward
from common.rows.cells import cells_of, name_cell, text_cell, texts_cell, time_cell
from common.rows.columns import shown
from evals.feedback import thumb

Scale = Literal["1-5", "0-1"]
COLUMNS = (
    "question", "contract", "passages", "answer", "score", "thumbs", "comment", "corrected answer",
    "time", "model", "user", "id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Feedback:
    """One row. Texts can be stored and shown, and hold no secret; those that are missing are empty.

    `time` is in seconds since 1970; `score` in 0..1, None where there is a correction alone; `id`
    tells the event from others that say the same.
    """

    time: float
    question: str
    contract: str
    passages: tuple[str, ...]
    answer: str
    score: float | None
    comment: str = ""
    corrected: str = ""
    model: str = ""
    user: str = ""
    id: str = ""


def feedback_of(row: Mapping[str, Any], scale: Scale, now: float) -> Feedback:
    """The feedback that a row holds.

    Args:
        row: columns of any case, with `_` or `-` for spaces; null is missing.
        scale: of its scores.
        now: seconds since 1970; what is a day after it did not happen.

    Raises:
        UserError: what is wrong with it.
    """
    cells = cells_of(row, COLUMNS)
    question, contract = text_cell(cells, "question"), text_cell(cells, "contract")
    passages, answer = texts_cell(cells, "passages"), cells.get("answer")
    if not question:
        raise UserError("`question` is missing")
    if not contract and not passages:
        raise UserError("fill in `contract`, its title, or `passages`, the texts that were shown")
    if not isinstance(answer, str):
        raise UserError(f"`answer` is {shown(answer)}; write the text that was given")
    score, corrected = _score(cells, scale), text_cell(cells, "corrected answer")
    if score is None and not corrected:
        raise UserError('give `score`, `thumbs` ("up" or "down") or `corrected answer`')
    return Feedback(
        time=time_cell(cells.get("time"), now),
        question=question,
        contract=contract,
        passages=passages,
        answer=outward(answer.strip()),
        score=score,
        comment=text_cell(cells, "comment"),
        corrected=corrected,
        model=text_cell(cells, "model"),
        user=name_cell(cells, "user"),
        id=name_cell(cells, "id"),
    )


def _score(cells: Mapping[str, Any], scale: Scale) -> float | None:
    """In 0..1; of `score` and `thumbs` one may be missing, and both agree."""
    thumbs, given = cells.get("thumbs"), cells.get("score")
    if given is None:
        return None if thumbs is None else _thumb("thumbs", thumbs)
    score = _thumb("score", given) if isinstance(given, str) else _number(given, scale)
    if thumbs is not None and (score - 0.5) * (_thumb("thumbs", thumbs) - 0.5) < 0:
        raise UserError(f"`score` {given!r} and `thumbs` {thumbs!r} contradict each other")
    return score


def _thumb(name: str, value: Any) -> float:
    found = thumb(value)
    if found is None:
        raise UserError(f'`{name}` is {shown(value)}; write "up" or "down"')
    return found


def _number(value: Any, scale: Scale) -> float:
    low, high = map(int, scale.split("-"))
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high:  # nor is NaN
        other = "0-1" if scale == "1-5" else "1-5"
        raise UserError(
            f"`score` is {shown(value)}, and no number from {low} to {high}; where scores go from "
            f"{other.replace('-', ' to ')}, type --scale {other}"
        )
    return (float(value) - low) / (high - low)
