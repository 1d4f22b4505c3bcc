"""What chat models were sent and what they replied, in pieces that a report holds already.

Prompts are nearly all passages, question and answer, beside words that are the same in every case.
So a turn is kept as its parts: places of the case where its text stands word for word, and the
literal rest. The parts join to exactly what was sent, whoever composed it, and every turn, literal
and role that is equal is one object, so that a case costs some numbers and no text.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from fixtures.cases import Case
from models.chat import Answer, Message

Role = Literal["system", "user", "assistant"]

SHORTEST = 24
"""Characters of a text that is looked for: a shorter one stands in prompts by chance."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A chat that a model continued: what it was sent, and what it replied."""

    model: str
    sent: tuple[Message, ...]
    reply: Answer


@dataclass(frozen=True, slots=True)
class Slot:
    """A text of the case: its question, the answer, a reason, or the nth passage or gold answer."""

    of: Literal["question", "answer", "reason", "passage", "gold"]
    number: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a chat; the texts of its parts, joined, are what it says."""

    role: Role
    parts: tuple[str | Slot, ...]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A chat about one case.

    Attributes:
        model: who was sent it.
        metric: that was judged; empty where the case was answered.
        turns: as they were sent, and the reply where there is one.
        tokens_in: of the prompt.
        tokens_out: of the reply.
        cost: of the call, in US dollars, whenever it was made; None where nobody knows.
    """

    model: str
    metric: str
    turns: tuple[Turn, ...]
    tokens_in: int
    tokens_out: int
    cost: Decimal | None


@dataclass
class Weaver:
    """Takes chats apart; keeps each turn and each literal once for as long as it lives."""

    _turns: dict[Turn, Turn] = field(default_factory=dict)
    _literals: dict[str, str] = field(default_factory=dict)

    def conversation(
        self,
        exchange: Exchange,
        case: Case,
        answer: Answer,
        metric: str = "",
        reason: str = "",
    ) -> Conversation:
        """The chat in parts.

        Args:
            exchange: the chat.
            case: it is about.
            answer: to the case.
            metric: that the reply judges.
            reason: that was read from it.
        """
        slots = _slots(case, answer, reason)
        said: list[tuple[Role, str]] = [(each.role, each.content) for each in exchange.sent]
        if exchange.reply.error is None:
            said.append(("assistant", exchange.reply.text))
        turns = tuple(self._turn(Turn(role, self._woven(text, slots))) for role, text in said)
        reply = exchange.reply
        used = reply.tokens_in, reply.tokens_out, reply.cost
        return Conversation(exchange.model, metric, turns, *used)

    def _turn(self, turn: Turn) -> Turn:
        return self._turns.setdefault(turn, turn)

    def _woven(self, text: str, slots: Sequence[tuple[str, Slot]]) -> tuple[str | Slot, ...]:
        parts: list[str | Slot] = [text]
        for known, slot in slots:
            parts = [piece for part in parts for piece in _split(part, known, slot)]
        return tuple(
            self._literals.setdefault(part, part) if isinstance(part, str) else part
            for part in parts
        )


def _slots(case: Case, answer: Answer, reason: str) -> list[tuple[str, Slot]]:
    """The texts of a case with their places, the longest first: one may hold another."""
    texts = [
        (case.question, Slot("question")),
        (answer.text, Slot("answer")),
        *((passage.text, Slot("passage", n)) for n, passage in enumerate(answer.passages)),
        *((span.text, Slot("gold", n)) for n, span in enumerate(case.spans)),
        (reason, Slot("reason")),
    ]
    once = {text: slot for text, slot in reversed(texts) if len(text) >= SHORTEST}
    return sorted(once.items(), key=lambda each: -len(each[0]))


def _split(part: str | Slot, known: str, slot: Slot) -> list[str | Slot]:
    if isinstance(part, Slot) or known not in part:
        return [part]
    pieces: list[str | Slot] = []
    for number, piece in enumerate(part.split(known)):
        pieces += [slot] if number else []
        pieces += [piece] if piece else []
    return pieces
