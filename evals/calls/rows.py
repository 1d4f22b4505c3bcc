"""Rows of the store, made of what was paid for, and what they hold, made of them again.

Passages are kept as offsets, since the contract has their text. Each row says which contract it is
about, where one is at work (`about.py`).
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from evals.calls.about import at_work
from evals.results import Score
from fixtures.cases import Contract
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from models.spoken import answered


@dataclass(frozen=True, slots=True)
class Row:
    """One row to be journalled: the table's name, its key, and the columns."""

    table: str
    key: str
    columns: Mapping[str, Any]


def answer_row(key: str, model: str, answer: Answer) -> Row:
    """An answer as a row."""
    columns = {
        "model": model,
        "asked_at": time.time(),
        "text": answer.text,
        "tokens_in": answer.tokens_in,
        "tokens_out": answer.tokens_out,
        "latency": answer.latency,
        "finish_reason": answer.finish_reason,
        "confidence": answer.confidence,
        "passages": json.dumps([[p.start, p.end] for p in answer.passages]),
        "reasoning": answer.reasoning,
        "cost": _dollars(answer.cost),
        "contract": at_work(),
    }
    return Row("answers", key, columns)


def retrieval_row(key: str, passages: Sequence[Passage]) -> Row:
    """A ranking as a row."""
    offsets = json.dumps([[p.start, p.end] for p in passages])
    return Row("retrievals", key, {"passages": offsets, "contract": at_work()})


def score_row(key: str, metric: str, score: Score) -> Row:
    """A judged score as a row."""
    columns = {
        "metric": metric,
        "value": score.value,
        "reason": score.reason,
        "cost": _dollars(score.cost),
        "contract": at_work(),
    }
    return Row("scores", key, columns)


def score_from(row: Any) -> Score:
    """The score that a row of `scores` holds."""
    return Score(row.value, row.reason, cost=_paid(row.cost))


def answer_from(row: Any, contract: Contract | None = None) -> Answer:
    """The answer that a row of `answers` holds; a judge's reply was shown no passages."""
    return answered(
        row.text,
        tokens_in=row.tokens_in,
        tokens_out=row.tokens_out,
        latency=row.latency,
        finish_reason=row.finish_reason,
        passages=passages_of(contract, row.passages) if contract else (),
        confidence=row.confidence,
        reasoning=row.reasoning or "",
        cost=_paid(row.cost),
    )


def passages_of(contract: Contract, offsets: str) -> tuple[Passage, ...]:
    """Passages from their stored offsets."""
    return tuple(
        Passage(contract.id, start, end, contract.text[start:end])
        for start, end in json.loads(offsets)
    )


def _dollars(cost: Decimal | None) -> str | None:
    return None if cost is None else f"{cost:f}"


def _paid(cost: str | None) -> Decimal | None:
    return None if cost is None else Decimal(cost)
