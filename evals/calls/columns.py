"""Text and numbers as the store, the reports and every database can hold them.

Answers and scores pass here where they enter the exam, so that what is reported at first is what
the store gives back later; every row passes once more on its way in. What can be held stays as it
is. Of the rest, characters are escaped and secrets hidden (`common.redaction`), text beyond
`LONGEST` characters ends with how long it was, a count that is none becomes 0, and a number that is
not finite becomes None.
"""

import math
import operator
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from common.redaction import outward
from common.storable import storable
from evals.results import Score
from models.chat import Answer
from models.spoken import LONGEST, answered

LONGEST_REASON = 20_000
MOST = 2**31 - 1
"""The largest count: PostgreSQL's integer, and far more tokens than a call can have."""


def storable_text(value: str, longest: int = LONGEST) -> str:
    r"""`value` without what a sink refuses; the same again if given once more.

    >>> storable_text("fine"), storable_text("a\ud800\0b")
    ('fine', 'a\\ud800\\x00b')
    """
    text = outward(value[: longest + 1])
    if len(text) <= longest:
        return str(text)
    mark = f"… (cut, of {len(value):,} characters)"
    return text[: longest - len(mark)] + mark


def storable_count(value: Any) -> int:
    """A number of tokens; 0 where it is no sensible one.

    >>> storable_count(12), storable_count(-5), storable_count(10**20), storable_count(None)
    (12, 0, 0, 0)
    """
    try:
        whole = operator.index(value)
    except TypeError:
        return 0
    return whole if 0 <= whole <= MOST else 0


def storable_number(value: Any) -> float | None:
    """A finite float, or None.

    >>> storable_number(0.5), storable_number(float("inf")), storable_number("0.5")
    (0.5, None, None)
    """
    try:
        number = None if isinstance(value, str | bytes) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number is not None and math.isfinite(number) else None


def storable_answer(answer: Answer) -> Answer:
    """The answer as it is scored, reported, and given back by the store.

    What is no text is an error.
    """
    error = answer.error
    if error is None and not isinstance(answer.text, str):
        error = f"the model gave {type(answer.text).__name__} and no text"
    stored = replace(
        answer,
        text="" if error is not None else storable_text(answer.text),
        tokens_in=storable_count(answer.tokens_in),
        tokens_out=storable_count(answer.tokens_out),
        latency=max(storable_number(answer.latency) or 0.0, 0.0),
        finish_reason=storable_text(str(answer.finish_reason or "stop"), 200),
        error=None if error is None else storable_text(str(error), LONGEST_REASON),
        confidence=storable_number(answer.confidence),
        reasoning=storable_text(str(answer.reasoning or "")),
        tokens_cached=storable_count(answer.tokens_cached),
        cost=answer.cost if _is_paid(answer.cost) else None,
    )
    if error is not None:
        return stored
    read = answered(stored.text, reasoning=stored.reasoning, finish_reason=stored.finish_reason)
    return replace(stored, text=read.text, reasoning=read.reasoning, error=read.error)


def _is_paid(cost: Any) -> bool:
    return isinstance(cost, Decimal) and cost.is_finite() and 0 <= cost <= MOST


def storable_score(score: Score) -> Score:
    """The score with a finite value; one that is not has none, and says so."""
    reason = storable_text(str(score.reason), LONGEST_REASON)
    if score.value is None:
        return Score(None, reason)
    value = storable_number(score.value)
    return Score(value, reason if value is not None else f"no number: {score.value!r:.80}")


def storable_columns(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a row; texts of our own making are as long as they are."""
    return {name: _storable(value) for name, value in columns.items()}


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, float):
        return storable_number(value)
    return value
