"""What chat models were sent and what they replied: in words again, and as a page shows it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from reports.report import Report, ReportedConversation, ReportedResult, ReportedTurn

Role = Literal["system", "user", "assistant"]

SHORT = 60
"""Characters of a turn that is drawn wherever it was said, however many chats have it."""


@dataclass(frozen=True, slots=True)
class Said:
    """One turn of a chat."""

    role: Role
    content: str


def replied(chat: Sequence[Said]) -> Said | None:
    """The reply at the end of a chat; None where none came."""
    return chat[-1] if chat and chat[-1].role == "assistant" else None


def said(
    report: Report, result: ReportedResult, conversation: ReportedConversation
) -> tuple[Said, ...]:
    """The turns of a result's chat, as they were sent but for secrets; the reply is the last."""
    turns = (report.turns[place] for place in conversation.turns)
    return tuple(
        Said(turn.role, "".join(_text(report, result, conversation, part) for part in turn.parts))
        for turn in turns
    )


def _text(
    report: Report, result: ReportedResult, conversation: ReportedConversation, part: int | str
) -> str:
    if isinstance(part, int):
        return report.texts[part]
    asked = report.cases[result.case]
    of, _, number = part.partition(" ")
    match of:
        case "question":
            return asked.question
        case "answer":
            return result.answer
        case "reason":
            return result.reasons.get(conversation.metric, "")
        case "passage":
            return report.passages[result.passages[int(number)]].text
        case _:
            return asked.expected[int(number)].text


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a turn: what it says, or the name of what the page shows elsewhere."""

    text: str
    named: bool


@dataclass(frozen=True, slots=True)
class DrawnTurn:
    """A turn as a page shows it; `shared` is its number where the page shows it once for all."""

    role: Role
    parts: tuple[Part, ...]
    shared: int | None = None

    @property
    def literal(self) -> bool:
        """Whether it holds nothing of a case."""
        return not any(part.named for part in self.parts)


@dataclass(frozen=True, slots=True)
class Talk:
    """A chat about one case, or several of the same words.

    Attributes:
        asked: who was asked.
        metric: that was judged; empty where the case was answered.
        models: whose answers these are of.
        sent: the turns that were sent.
        replies: one a model; None where none came.
    """

    asked: str
    metric: str
    models: tuple[str, ...]
    sent: tuple[DrawnTurn, ...]
    replies: tuple[DrawnTurn | None, ...]


def talks(
    report: Report, results: Iterable[ReportedResult], shared: Mapping[int, DrawnTurn]
) -> Iterator[Talk]:
    """The chats about a case, answers before judgements; `shared` the page shows once."""
    alike: dict[tuple[bool, str, str, tuple[int, ...]], list[tuple[str, int | None]]] = {}
    for result in results:
        for each in result.conversations:
            sent, reply = _parted(report, each)
            asked = each.model if each.metric or each.model != result.model else ""
            key = (bool(each.metric), each.metric, asked, sent)
            alike.setdefault(key, []).append((result.model, reply))
    for (_, metric, asked, sent), of in sorted(alike.items(), key=lambda each: each[0][:2]):
        yield Talk(
            asked,
            metric,
            tuple(model for model, _ in of),
            tuple(shared.get(place) or _drawn(report, place) for place in sent),
            tuple(None if reply is None else _drawn(report, reply) for _, reply in of),
        )


def _parted(report: Report, each: ReportedConversation) -> tuple[tuple[int, ...], int | None]:
    """What was sent, and the reply."""
    if not each.turns or report.turns[each.turns[-1]].role != "assistant":
        return each.turns, None
    return each.turns[:-1], each.turns[-1]


def shared_turns(report: Report) -> dict[int, DrawnTurn]:
    """Turns of several chats that are too long to be drawn in each, by place."""
    times = Counter(
        turn for row in report.results for each in row.conversations for turn in each.turns
    )
    drawn = {place: _drawn(report, place, place) for place, count in times.items() if count > 1}
    return {
        place: turn
        for place, turn in sorted(drawn.items())
        if sum(len(part.text) for part in turn.parts) > SHORT
    }


def _drawn(report: Report, place: int, shared: int | None = None) -> DrawnTurn:
    turn = report.turns[place]
    return DrawnTurn(turn.role, tuple(_parts(report, turn)), shared)


def _parts(report: Report, turn: ReportedTurn) -> Iterator[Part]:
    for part in turn.parts:
        if isinstance(part, int):
            yield Part(report.texts[part], named=False)
        else:
            of, _, number = part.partition(" ")
            name = {"gold": "expected answer", "reason": "the reason given"}.get(of, of)
            yield Part(f"{name} {int(number) + 1}" if number else name, named=True)
