"""What one metric says of one answer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from evals.conversations import Conversation, Exchange
from fixtures.cases import Case
from models.chat import Answer
from models.price import NOTHING


@dataclass(frozen=True, slots=True)
class Score:
    """A metric's value, or None with the reason why it could not be computed.

    None is neither zero nor dropped: it counts as attrition, and the gate watches its rate.
    `votes` are the scores of the judges that it was made of, by their names, where there were
    several. `cost` are the US dollars that calls of judges cost, whenever they were made; None
    where nobody knows. `exchanges` are the chats that it was read from, as far as they are known.
    """

    value: float | None
    reason: str = ""
    votes: tuple[tuple[str, float | None], ...] = field(default=(), repr=False)
    cost: Decimal | None = field(default=NOTHING, repr=False, compare=False)
    exchanges: tuple[Exchange, ...] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Result:
    """One model's answer to one case, and what every metric says of it.

    `asked` is True where this run made the call, False where the answer was there already.
    `repeat` counts how often the case was asked before, of a model that draws its answers;
    `repeats` how often it was asked, of one that stands for all of them, and `further` are the
    answers after the first that its scores are means of too. `conversations` are the chats that
    led to the answer, and to its scores.
    """

    model: str
    case: Case
    answer: Answer
    scores: Mapping[str, Score]
    asked: bool
    repeat: int = 0
    repeats: int = 1
    further: tuple[Answer, ...] = ()
    conversations: tuple[Conversation, ...] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Spending:
    """What a run cost. Memory is the peak of this process, in bytes.

    `asked_again` are calls that had failed and were made once more before the exam ended;
    `came_back` are those of them that then brought a reply. `cost` are the US dollars that this
    run paid, as far as prices are known, and `paid_before` those that earlier runs of the same exam
    had paid; `judging` is the part of `cost` that judges asked for, and
    `embedding` that of the retriever's embedder.
    """

    calls: int
    tokens_in: int
    tokens_out: int
    seconds: float
    peak_memory: int
    asked_again: int = 0
    came_back: int = 0
    cost: Decimal = NOTHING
    paid_before: Decimal = NOTHING
    judging: Decimal = NOTHING
    embedding: Decimal = NOTHING


@dataclass(frozen=True, slots=True)
class Call:
    """One answer that a model was asked for: from when to when, in seconds on one clock.

    `tokens_out` are the tokens that it generated.
    """

    begun: float
    ended: float
    tokens_out: int


def tokens_per_second(calls: Iterable[Call]) -> float | None:
    """Generated tokens over the time in which the model was busy with one call or several.

    Calls overlap, in batches and on servers, so that neither the sum of their times nor the wall
    time of a run, in which others are asked too, is the time that the model took.

    Returns:
        None where it generated nothing, or took no time.

    >>> tokens_per_second([Call(0.0, 2.0, 30), Call(1.0, 3.0, 30), Call(9.0, 10.0, 40)])
    25.0
    """
    tokens, busy, until = 0, 0.0, float("-inf")
    for call in sorted(calls, key=lambda call: call.begun):
        tokens += call.tokens_out
        busy += max(call.ended - max(call.begun, until), 0.0)
        until = max(until, call.ended)
    return tokens / busy if tokens and busy else None
