"""What a chat model was sent and what it replied, in words again."""

from dataclasses import dataclass
from typing import Literal

from reports.report import Report, ReportedConversation, ReportedResult


@dataclass(frozen=True, slots=True)
class Said:
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    text: str


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
