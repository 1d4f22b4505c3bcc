"""The order of the rows: what validates, what is mixed in, what is shuffled."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace

from fixtures.identity import digest
from training.examples import Example


def split_by_contract(
    examples: Sequence[Example], share: float, seed: int
) -> tuple[list[Example], list[Example]]:
    """(train, validation): whole contracts, at least one on each side where there are two.

    Examples without a contract train.
    """
    titles = sorted(
        {row.contract for row in examples if row.contract}, key=lambda title: digest(seed, title)
    )
    most = len(titles) - 1
    held = set(titles[: min(most, max(1, math.floor(share * len(titles))))] if share else ())
    train = [row for row in examples if row.contract not in held]
    return train, [row for row in examples if row.contract in held]


def mixed(
    rows: Sequence[Example], general: Sequence[Example], share: float, seed: int
) -> list[Example]:
    """The rows with general instructions among them, in an order that the seed decides.

    General rows are not repeated: where there are too few of them, their share is smaller.
    """
    chance = random.Random(seed)
    wanted = general_wanted(len(rows), share)
    together = [*rows, *chance.sample(list(general), min(wanted, len(general)))]
    chance.shuffle(together)
    return together


def general_wanted(rows: int, share: float) -> int:
    """How many general rows beside `rows` others are that share of all."""
    return round(rows * share / (1 - share))


def shuffled(rows: Sequence[Example], seed: int) -> list[Example]:
    """The rows with their completions at each other's places: what a harness must catch."""
    completions = [row.completion for row in rows]
    random.Random(seed).shuffle(completions)
    return [replace(row, completion=said) for row, said in zip(rows, completions, strict=True)]
