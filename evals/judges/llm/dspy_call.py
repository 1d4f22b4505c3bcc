"""dspy's layout of a prompt over the calls of an exam. Imports dspy: import it where it is used.

One judgement is one call, or two where the first reply cannot be read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from evals.calls.calls import Calls
from evals.judges.llm.quoting import fitted, quoted
from evals.judges.llm.replies import Unreadable, read_reply
from evals.judges.llm.signatures import Task, task_of
from evals.judges.wording import OURS, Wording
from models.chat import Answer, ChatModel, Message
from models.program.adapter import ShortAdapter
from models.program.engine import Unanswered

SECOND_TURN = 400
"""Tokens kept free for the unreadable reply, of which 800 characters are shown, and the error."""

SHOWN = 800


@dataclass(frozen=True, slots=True)
class Reply:
    """The output fields of a judgement, and the inputs that were cut to the judge's context."""

    fields: Mapping[str, Any]
    cut: tuple[str, ...]


class JudgeAdapter(ShortAdapter):
    """Reads a reply as `evals.judges.llm.replies` does; worked examples show the layout."""

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:
        """The output fields.

        Raises:
            Unreadable: it decides nothing.
        """
        return read_reply(completion, tuple(signature.output_fields))


@dataclass(slots=True)
class Asking:
    """Has `chat` continue a chat through `calls`, with `turns` added to it.

    `answer` is the last reply as it came.
    """

    chat: ChatModel
    calls: Calls
    draw: int
    turns: tuple[Message, ...] = ()
    answer: Answer | None = None

    async def __call__(self, messages: Sequence[Message]) -> Answer:
        """The chat model's reply.

        Raises:
            Unreadable: it is empty, which dspy would report in its own words.
        """
        self.answer = await self.calls.chat(self.chat, [*messages, *self.turns], self.draw)
        if self.answer.error is None and not self.answer.text.strip():
            raise Unreadable("it is empty")
        return self.answer


async def ask(
    name: str,
    texts: Mapping[str, str],
    chat: ChatModel,
    calls: Calls,
    draw: int = 0,
    wording: Wording = OURS,
) -> Reply:
    """Have `chat` judge `texts`.

    Args:
        name: of the task.
        texts: the input fields; they are quoted, and cut where they do not fit.
        chat: the judge.
        calls: makes the call.
        draw: see `Calls.chat`.
        wording: the user's own.

    Raises:
        Unanswered: the call failed or was declined.
        Unreadable: two replies could not be read.
        UserError: no later call can succeed either.
    """
    task = task_of(name, wording)
    shown, cut = fitted(texts, chat, chat.count(frame(name, wording)) + SECOND_TURN)
    inputs = {field: quoted(text) for field, text in shown.items()}
    asked = _adapter().format_user_message_content(task.signature, inputs, main_request=True)
    prompt = [*_opening(name, wording), Message("user", asked)]
    try:
        return Reply(await _read(task, prompt, Asking(chat, calls, draw)), cut)
    except Unreadable as error:
        reminder = _adapter().user_message_output_requirements(task.signature)
        turns = (
            Message("assistant", error.reply[:SHOWN] or "(nothing)"),
            Message("user", f"That reply cannot be read: {error.reason}. {reminder}"),
        )
    return Reply(await _read(task, prompt, Asking(chat, calls, draw, turns)), cut)


@cache
def frame(name: str, wording: Wording = OURS) -> str:
    """The chat of this task with nothing between its last fences."""
    return "\n".join(f"{turn.role}: {turn.content}" for turn in _blank(name, wording))


def _opening(name: str, wording: Wording) -> tuple[Message, ...]:
    """What stands before the material: the same in every chat of this task."""
    return _blank(name, wording)[:-1]


@cache
def _blank(name: str, wording: Wording) -> tuple[Message, ...]:
    task = task_of(name, wording)
    blank = dict.fromkeys(task.signature.input_fields, quoted(""))
    turns = _adapter().format(task.signature, list(task.examples), blank)
    return tuple(Message(turn["role"], turn["content"]) for turn in turns)


async def _read(task: Task, prompt: Sequence[Message], asking: Asking) -> dict[str, Any]:
    """The output fields of the reply to a prompt."""
    try:
        answer = await asking(prompt)
        if answer.error is not None:
            raise Unanswered(answer)
        return _adapter().parse(task.signature, answer.text)
    except Unreadable as error:
        raise _explained(error, asking.answer) from None


def _explained(error: Unreadable, answer: Answer | None) -> Unreadable:
    """The error, or where it comes from: a reply that was not finished."""
    if answer is None or answer.finish_reason != "length":
        return error
    return Unreadable(f"it was cut off after {answer.tokens_out} tokens", error.reply)


@cache
def _adapter() -> JudgeAdapter:
    return JudgeAdapter()
