"""Rows of feedback in the form that `python -m training.preferences --feedback FILE` reads."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from evals.language.words import says_something
from reports.feedback.kept import Found

WRITTEN = "rows written"
OF_EXAM = "left out: about a case of an exam, which nobody may train on"
UNSHOWN = "left out: without passages, so that no prompt can be made of them"
BLANK = "left out: of answers that say nothing"


def exported(rows: Iterable[Found], counts: Counter[str]) -> Iterator[dict[str, Any]]:
    """The rows that pairs can be made of, scores from 1 to 5.

    Args:
        rows: with what they are linked to.
        counts: to which is added what was written, and what was left out and why.
    """
    for each in rows:
        why = _why_not(each)
        counts[why or WRITTEN] += 1
        if not why:
            yield _row(each)


def _why_not(each: Found) -> str:
    if each.case:
        return OF_EXAM
    if not each.feedback.passages:
        return UNSHOWN
    return "" if says_something(each.feedback.answer) else BLANK


def _row(each: Found) -> dict[str, Any]:
    said = each.feedback
    row = {
        "question": said.question,
        "contract": said.contract,
        "passages": list(said.passages),
        "answer": said.answer,
        "score": None if said.score is None else 1 + 4 * said.score,
        "corrected answer": said.corrected,
        "comment": said.comment,
    }
    return {name: value for name, value in row.items() if value not in ("", None)}
