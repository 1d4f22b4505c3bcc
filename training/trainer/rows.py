"""Rows as trl's trainers take them: token ids of prompts and replies, made as the exam makes them.

A row that is longer than the base was made for is left out, and the count is said.
"""

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from common.errors import UserError
from models.chat import Message
from models.local.chat import LocalChat
from models.local.turns import after_reply
from training.data.examples import read_examples
from training.preferences.formats import read_pairs, read_unpaired
from training.trainer.method import Row

SIDES = ("chosen_ids", "rejected_ids")


def completions(data: Path, chat: LocalChat, arguments: Any) -> list[Row]:
    """`input_ids` and `labels` of every example; -100 wherever the prompt stands."""
    rows = []
    for example in read_examples(data):
        prompt, reply = chat.ids(example.prompt), reply_ids(chat, example.completion)
        rows.append({"input_ids": prompt + reply, "labels": [-100] * len(prompt) + reply})
    return fitting(rows, data, chat)


def pairs(data: Path, chat: LocalChat, arguments: Any) -> list[Row]:
    """`prompt_ids`, `chosen_ids` and `rejected_ids` of every pair, as DPO takes them."""
    return fitting(_pairs(data, chat), data, chat)


def sequences(data: Path, chat: LocalChat, arguments: Any) -> list[Row]:
    """`chosen_ids` and `rejected_ids` of every pair, each with its prompt, for reward models."""
    rows = [{side: row["prompt_ids"] + row[side] for side in SIDES} for row in _pairs(data, chat)]
    return fitting(rows, data, chat)


def labelled_pairs(data: Path, chat: LocalChat, arguments: Any) -> list[Row]:
    """Ids, mask and labels of both sides of every pair, as ORPO's collator takes them."""
    rows = []
    for pair in _pairs(data, chat):
        row: Row = {}
        for side in SIDES:
            ids, name = pair["prompt_ids"] + pair[side], side.removesuffix("_ids")
            row[f"{name}_input_ids"] = ids
            row[f"{name}_attention_mask"] = [1] * len(ids)
            row[f"{name}_labels"] = [-100] * len(pair["prompt_ids"]) + pair[side]
        rows.append(row)
    return fitting(rows, data, chat)


def unpaired(data: Path, chat: LocalChat, arguments: Any) -> list[Row]:
    """`prompt_ids`, `completion_ids` and `label` of every labelled reply, as KTO takes them.

    KTO reads rows in their order, so they are shuffled here; `KL_completion_ids` is the reply of
    the row before within a batch, from which it estimates how far the model has moved.

    Raises:
        UserError: all labels are the same.
    """
    labelled: list[Row] = [
        _asked_and(chat, each.prompt, completion_ids=each.completion) | {"label": each.label}
        for each in read_unpaired(data)
    ]
    if len({row["label"] for row in labelled}) < 2:
        raise UserError(f"{data}: every label is the same; KTO needs both, make it again")
    kept = [row for row in labelled if _length(row) <= chat.base.positions]
    random.Random(arguments.seed).shuffle(kept)
    size = arguments.per_device_train_batch_size
    for start in range(0, len(kept), size):
        batch = kept[start : start + size]
        for place, row in enumerate(batch):
            row["KL_completion_ids"] = batch[place - 1]["completion_ids"]
    return fitting(kept, data, chat, left_out=len(labelled) - len(kept))


def fitting(rows: Iterable[Row], data: Path, chat: LocalChat, left_out: int = 0) -> list[Row]:
    """The rows that are no longer than the base was made for.

    Args:
        rows: lists of token ids by column.
        data: their file, named in what is said.
        chat: the base.
        left_out: rows that were left out before.

    Raises:
        UserError: none fits.
    """
    every, positions = list(rows), chat.base.positions
    kept = [row for row in every if _length(row) <= positions]
    left_out += len(every) - len(kept)
    if not kept:
        raise UserError(
            f"{data}: all {left_out} rows are longer than the {positions} tokens that "
            f"{chat.name} was made for; make the data with fewer --prompt-tokens"
        )
    if left_out:
        print(f"{data}: left out {left_out} rows of more than {positions} tokens")
    return kept


def dataset(rows: list[Row], arguments: Any) -> Any:
    """The rows as a data set, in their order."""
    from datasets import Dataset

    if getattr(arguments, "train_sampling_strategy", None) == "group_by_length":
        # transformers measures rows that have `input_ids`, and no others.
        rows = [{**row, "length": _length(row)} for row in rows]
    return Dataset.from_list(rows)


def reply_ids(chat: LocalChat, reply: str) -> list[int]:
    """The tokens of a whole turn of the assistant, its end included."""
    tokenizer = chat.base.tokenizer
    ids: list[int] = tokenizer(chat.defused(reply), add_special_tokens=False)["input_ids"]
    return ids + end_of_turn(tokenizer)


def end_of_turn(tokenizer: Any) -> list[int]:
    """What the chat template puts after a reply, up to the token at which generation stops."""
    ids, end = after_reply(tokenizer), tokenizer.eos_token_id
    return ids[: ids.index(end) + 1] if end in ids else [end]


def _length(row: Row) -> int:
    """Tokens of the longest sequence that is made of a row."""
    sizes = {name: len(ids) for name, ids in row.items() if isinstance(ids, list)}
    return sizes.pop("prompt_ids", 0) + max(sizes.values())


def _pairs(data: Path, chat: LocalChat) -> list[Row]:
    return [
        _asked_and(chat, each.prompt, chosen_ids=each.chosen, rejected_ids=each.rejected)
        for each in read_pairs(data)
    ]


def _asked_and(chat: LocalChat, prompt: tuple[Message, ...], **replies: str) -> Row:
    """`prompt_ids`, and the tokens of each reply under its name."""
    ids = {name: reply_ids(chat, reply) for name, reply in replies.items()}
    return {"prompt_ids": chat.ids(prompt), **ids}
