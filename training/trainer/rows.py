"""Rows as trl's trainers take them: token ids of prompts and replies, made as the exam makes them.

A row that is longer than the base was made for is left out, and the count is said.
"""

import random
from collections.abc import Iterable
from typing import Any

from bar_exam.common.errors import UserError
from bar_exam.training.data.examples import read_examples
from bar_exam.training.loss.prefix_sharing import bundles
from bar_exam.training.preferences.formats import (
    PreferencePair,
    Unpaired,
    read_pairs,
    read_unpaired,
)
from bar_exam.training.trainer.loading import Parts
from bar_exam.training.trainer.recipe import Recipe

Row = dict[str, Any]
SIDES = ("chosen_ids", "rejected_ids")
KTO_BATCH = 2
"""Rows of a batch where the recipe does not say; KTO needs two."""


def completions(recipe: Recipe, parts: Parts) -> Any:
    """`input_ids` and `labels` of every example; -100 wherever the prompt stands."""
    rows = []
    for example in read_examples(recipe.data):
        prompt, reply = parts.prompt_ids(example.prompt), parts.reply_ids(example.completion)
        rows.append({"input_ids": prompt + reply, "labels": [-100] * len(prompt) + reply})
    if recipe.bundle_tokens:
        rows = bundles(rows, recipe.bundle_tokens)
    return dataset(rows, recipe, parts)


def pairs(recipe: Recipe, parts: Parts) -> Any:
    """`prompt_ids`, `chosen_ids` and `rejected_ids` of every pair, as DPO takes them."""
    return dataset((_pair(each, parts) for each in read_pairs(recipe.data)), recipe, parts)


def sequences(recipe: Recipe, parts: Parts) -> Any:
    """`chosen_ids` and `rejected_ids` of every pair, each with its prompt, for reward models."""
    rows = (_pair(each, parts) for each in read_pairs(recipe.data))
    return dataset(
        ({name: row["prompt_ids"] + row[name] for name in SIDES} for row in rows), recipe, parts
    )


def labelled_pairs(recipe: Recipe, parts: Parts) -> Any:
    """Ids, mask and labels of both sides of every pair, as ORPO's collator takes them."""
    rows = []
    for pair in (_pair(each, parts) for each in read_pairs(recipe.data)):
        row: Row = {}
        for side in SIDES:
            ids, name = pair["prompt_ids"] + pair[side], side.removesuffix("_ids")
            row[f"{name}_input_ids"] = ids
            row[f"{name}_attention_mask"] = [1] * len(ids)
            row[f"{name}_labels"] = [-100] * len(pair["prompt_ids"]) + pair[side]
        rows.append(row)
    return dataset(rows, recipe, parts)


def thumbs(recipe: Recipe, parts: Parts) -> Any:
    """`prompt_ids`, `completion_ids` and `label` of every labelled reply, as KTO takes them.

    KTO reads rows in their order, so they are shuffled here; `KL_completion_ids` is the reply of
    the row before within a batch, from which it estimates how far the model has moved.

    Raises:
        UserError: all labels are the same.
    """
    labelled = [_thumb(each, parts) for each in read_unpaired(recipe.data)]
    if len({row["label"] for row in labelled}) < 2:
        raise UserError(f"{recipe.data}: every label is the same; KTO needs both, make it again")
    kept = [row for row in labelled if _length(row) <= parts.positions]
    random.Random(recipe.seed).shuffle(kept)
    size = int(recipe.training.get("per_device_train_batch_size", KTO_BATCH))
    for start in range(0, len(kept), size):
        batch = kept[start : start + size]
        for place, row in enumerate(batch):
            row["KL_completion_ids"] = batch[place - 1]["completion_ids"]
    return dataset(kept, recipe, parts, left_out=len(labelled) - len(kept))


def dataset(rows: Iterable[Row], recipe: Recipe, parts: Parts, left_out: int = 0) -> Any:
    """The rows that fit the base, as a data set.

    Args:
        rows: lists of token ids by column.
        recipe: names the file and the base in what is said.
        parts: knows what fits.
        left_out: rows that were left out before.

    Raises:
        UserError: none fits.
    """
    from datasets import Dataset

    every = list(rows)
    kept = [row for row in every if _length(row) <= parts.positions]
    left_out += len(every) - len(kept)
    if not kept:
        raise UserError(
            f"{recipe.data}: all {left_out} rows are longer than the {parts.positions} tokens that "
            f"{recipe.base} was made for; make the data with fewer --prompt-tokens"
        )
    if left_out:
        print(f"{recipe.data}: left out {left_out} rows of more than {parts.positions} tokens")
    if recipe.training.get("train_sampling_strategy") == "group_by_length":
        # transformers measures rows that have `input_ids`, and no others.
        kept = [{**row, "length": _length(row)} for row in kept]
    return Dataset.from_list(kept)


def _length(row: Row) -> int:
    """Tokens of the longest sequence that is made of a row."""
    sizes = {name: len(ids) for name, ids in row.items() if isinstance(ids, list)}
    return sizes.pop("prompt_ids", 0) + max(sizes.values())


def _pair(each: PreferencePair, parts: Parts) -> Row:
    return {
        "prompt_ids": parts.prompt_ids(each.prompt),
        "chosen_ids": parts.reply_ids(each.chosen),
        "rejected_ids": parts.reply_ids(each.rejected),
    }


def _thumb(each: Unpaired, parts: Parts) -> Row:
    return {
        "prompt_ids": parts.prompt_ids(each.prompt),
        "completion_ids": parts.reply_ids(each.completion),
        "label": each.label,
    }
