"""Rows for reinforcement learning: prompts of the exam, and what their replies are marked by."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from common.errors import UserError
from models.chat import Message
from models.local.chat import LocalChat
from training.data.examples import Example, read_examples, turns
from training.data.marks import expected
from training.trainer.method import Row

LONGEST_REPLY = 96
"""Tokens of a reply where the recipe does not say: as in the exam."""


def prompts(data: Path, chat: LocalChat, arguments: Any) -> list[Row]:
    """Rows of `prompt`, `prompt_ids`, `gold`, `kind` and `category`.

    Examples of kind `general` are left out, for the exam's metrics cannot mark them, and so are
    prompts that leave no room for the longest reply.

    Raises:
        UserError: none is left.
    """
    examples = read_examples(data)
    room = chat.base.positions - (arguments.max_completion_length or LONGEST_REPLY)
    rows = list(_rows(examples, chat, room))
    if not rows:
        raise UserError(
            f"{data}: of {len(examples)} rows none asks about a contract in at most "
            f"{room} tokens; make the data with training.data"
        )
    if len(rows) < len(examples):
        print(
            f"{data}: left out {len(examples) - len(rows)} of {len(examples)} rows: no "
            "contract is asked about, or no room is left for a reply"
        )
    return rows


def _rows(examples: Sequence[Example], chat: LocalChat, room: int) -> Iterator[Row]:
    for example in examples:
        ids = chat.ids(example.prompt)
        if example.kind != "general" and len(ids) <= room:
            yield {
                "prompt": turns([_defused(chat, turn) for turn in example.prompt]),
                "prompt_ids": ids,
                "gold": list(expected(example)),
                "kind": example.kind,
                "category": example.category,
            }


def _defused(chat: LocalChat, turn: Message) -> Message:
    """The turn as the exam sends it: a contract may not end a turn."""
    return Message(turn.role, chat.defused(turn.content))
