"""What a served answer is judged by, where nobody knows the gold answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from evals.language.declining import abstains
from evals.metrics.table import METRICS, score
from fixtures.served import Served
from fixtures.shown import shown_case
from models.chat import Answer
from reports.statistics.bounds import Kind

Direction = Literal["higher", "lower", ""]
Rule = Callable[[Served], float | None]


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric of served answers.

    Attributes:
        name: of it.
        rule: its value; None where the row has none.
        direction: whether higher or lower is better; empty where neither is.
        kind: of its values.
        unit: of the value; empty for shares.
        seen: whether it is of answers that somebody was given, and no shadow has it.
    """

    name: str
    rule: Rule
    direction: Direction
    kind: Kind
    unit: str = ""
    seen: bool = False


def measures(feedback: Mapping[str, float]) -> dict[str, Measure]:
    """Every metric, by name.

    Args:
        feedback: scores in 0..1 by the id of the row that they are about.
    """
    latency = METRICS["latency"]
    found = (
        Measure("feedback", lambda row: feedback.get(row.id), "higher", "share", seen=True),
        Measure("grounded_quote", _grounded, METRICS["grounded_quote"].direction, "share"),
        Measure("abstention", _abstains, "", "share"),
        Measure("words", _words, "", "amount", "words"),
        Measure("latency", _latency, latency.direction, "amount", latency.unit, seen=True),
        Measure("error", lambda row: float(bool(row.error)), "lower", "share"),
    )
    return {each.name: each for each in found}


def _grounded(row: Served) -> float | None:
    """The exam's own metric, of what was shown."""
    if row.error or not row.passages:
        return None
    case, shown = shown_case(row.question, row.contract, row.passages, row.category)
    found = score(case, Answer(row.answer, passages=shown), ["grounded_quote"])
    return found["grounded_quote"].value


def _abstains(row: Served) -> float | None:
    return None if row.error else float(abstains(row.answer, row.question, ()))


def _words(row: Served) -> float | None:
    return None if row.error else float(len(row.answer.split()))


def _latency(row: Served) -> float | None:
    return None if row.error else row.latency
