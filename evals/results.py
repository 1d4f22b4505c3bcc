"""What one metric says of one answer."""

from collections.abc import Mapping
from dataclasses import dataclass

from bar_exam.fixtures.cases import Case
from bar_exam.models.chat import Answer


@dataclass(frozen=True, slots=True)
class Score:
    """A metric's value, or None with the reason why it could not be computed.

    None is neither zero nor dropped: it counts as attrition, and the gate watches its rate.
    """

    value: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """One model's answer to one case, and what every metric says of it.

    `asked` is True where this run made the call, False where the answer was there already.
    """

    model: str
    case: Case
    answer: Answer
    scores: Mapping[str, Score]
    asked: bool


@dataclass(frozen=True, slots=True)
class Spending:
    """What a run cost. Memory is the peak of this process, in bytes."""

    calls: int
    tokens_in: int
    tokens_out: int
    seconds: float
    peak_memory: int
