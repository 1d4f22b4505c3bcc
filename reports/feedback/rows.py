"""What somebody said of an answer in service: one row, validated, with what is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from common.errors import UserError
from common.redaction import outward
from common.rows import shown
from evals.feedback import cells_of, thumb

Scale = Literal["1-5", "0-1"]
COLUMNS = (
    "question", "contract", "passages", "answer", "score", "thumbs", "comment", "corrected answer",
    "time", "model", "user", "id",
)  # fmt: skip
FIRST = datetime.fromisoformat("2000-01-01T00:00:00+00:00").timestamp()
DAY = 86_400.0
WHEN = "write it as 2026-01-31T12:00:00Z, or as seconds since 1970"


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
    question, contract = _text(cells, "question"), _text(cells, "contract")
    passages, answer = _passages(cells), cells.get("answer")
    if not question:
        raise UserError("`question` is missing")
    if not contract and not passages:
        raise UserError("fill in `contract`, its title, or `passages`, the texts that were shown")
    if not isinstance(answer, str):
        raise UserError(f"`answer` is {shown(answer)}; write the text that was given")
    score, corrected = _score(cells, scale), _text(cells, "corrected answer")
    if score is None and not corrected:
        raise UserError('give `score`, `thumbs` ("up" or "down") or `corrected answer`')
    return Feedback(
        time=_time(cells.get("time"), now),
        question=question,
        contract=contract,
        passages=passages,
        answer=outward(answer.strip()),
        score=score,
        comment=_text(cells, "comment"),
        corrected=corrected,
        model=_text(cells, "model"),
        user=_name(cells, "user"),
        id=_name(cells, "id"),
    )


def _text(cells: Mapping[str, Any], name: str) -> str:
    value = cells.get(name, "")
    if not isinstance(value, str):
        raise UserError(f"`{name}` is {shown(value)}; write it as one text")
    return outward(value.strip())


def _name(cells: Mapping[str, Any], name: str) -> str:
    """A text, or a whole number."""
    value = cells.get(name, "")
    return str(value) if type(value) is int else _text(cells, name)


def _passages(cells: Mapping[str, Any]) -> tuple[str, ...]:
    value = cells.get("passages", [])
    several = [value] if isinstance(value, str) else value
    if not isinstance(several, list) or not all(isinstance(each, str) for each in several):
        raise UserError(f"`passages` is {shown(value)}; write a list of texts")
    return tuple(outward(each.strip()) for each in several if each.strip())


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


def _time(value: Any, now: float) -> float:
    if value is None:
        raise UserError(f"`time` is missing; {WHEN}")
    if isinstance(value, str):
        try:
            read = datetime.fromisoformat(value.strip())
        except ValueError:
            raise UserError(f"`time` is {shown(value)}, which is no time; {WHEN}") from None
        if read.tzinfo is None:
            raise UserError(f"`time` is {shown(value)}, of no time zone; {WHEN}")
        seconds: int | float = read.timestamp()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value
    else:
        raise UserError(f"`time` is {shown(value)}; {WHEN}")
    if not FIRST <= seconds <= now + DAY:  # nor is NaN
        when = "lies in the future" if seconds > now else "is not after the year 2000"
        raise UserError(f"`time` is {shown(value)}, which {when}; {WHEN}")
    return float(seconds)
