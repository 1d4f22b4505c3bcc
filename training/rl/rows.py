"""Rows for reinforcement learning: prompts of the exam, and what their replies are marked by."""

from collections.abc import Iterator
from typing import Any

from bar_exam.common.errors import UserError
from bar_exam.models.chat import Message
from bar_exam.training.data.examples import Example, read_examples, turns
from bar_exam.training.trainer.loading import Parts
from bar_exam.training.trainer.recipe import Recipe

LONGEST_REPLY = 96
"""Tokens of a reply where the recipe does not say: as in the exam."""


def prompts(recipe: Recipe, parts: Parts) -> Any:
    """A data set with `prompt`, `prompt_ids`, `gold`, `kind` and `category`.

    Examples of kind `general` are left out, for the exam's metrics cannot mark them, and so are
    prompts that leave no room for the longest reply.

    Raises:
        UserError: none is left.
    """
    from datasets import Dataset

    examples = read_examples(recipe.data)
    longest = int(recipe.training.get("max_completion_length") or LONGEST_REPLY)
    rows = list(_rows(examples, parts, parts.positions - longest))
    if not rows:
        raise UserError(
            f"{recipe.data}: of {len(examples)} rows none asks about a contract in at most "
            f"{parts.positions - longest} tokens; make the data with training.data"
        )
    if len(rows) < len(examples):
        print(
            f"{recipe.data}: left out {len(examples) - len(rows)} of {len(examples)} rows: no "
            "contract is asked about, or no room is left for a reply"
        )
    return Dataset.from_list(rows)


def _rows(examples: tuple[Example, ...], parts: Parts, room: int) -> Iterator[dict[str, Any]]:
    for example in examples:
        ids = parts.prompt_ids(example.prompt)
        if example.kind != "general" and len(ids) <= room:
            yield {
                "prompt": turns([_defused(parts, turn) for turn in example.prompt]),
                "prompt_ids": ids,
                "gold": list(example.gold),
                "kind": example.kind,
                "category": example.category,
            }


def _defused(parts: Parts, turn: Message) -> Message:
    """The turn as the exam sends it: a contract may not end a turn."""
    return Message(turn.role, parts.chat.defused(turn.content))
