"""Which examples train, which validate, and in which order."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from common.identity import digest
from fixtures.cases import Case
from models.manifest import TrainedContract
from training.data.building import Builder, further_questions
from training.data.drawing import Drawn
from training.data.examples import Example
from training.data.lineage import contract_entries
from training.data.material import seen_contracts
from training.data.options import DataOptions


@dataclass(frozen=True)
class Split:
    """Examples that train and examples that validate, of different contracts.

    Attributes:
        train: rows to learn from.
        validation: rows of contracts of their own.
        contracts: of both, as a manifest keeps them.
        refused: titles of contracts whose rows would validate, but for their wording, which trains.
    """

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    contracts: tuple[TrainedContract, ...]
    refused: frozenset[str]


def split(drawn: Drawn, cases: Sequence[Case], builder: Builder, options: DataOptions) -> Split:
    """Let whole contracts train or validate, and ask further questions of those that train.

    What validates stays as the exam asks it.
    """
    share = options.mixture.validation
    train, validation = split_by_contract(drawn.rows, share, options.seed)
    used, held = ({row.contract for row in rows} for rows in (drawn.rows, validation))
    used_cases = [case for case in cases if case.contract.id in used]
    contracts = contract_entries(case.contract for case in used_cases)
    seen = seen_contracts(
        [case for case in used_cases if case.contract.id in held],
        [entry for entry in contracts if entry.title not in held],
    )
    if options.mixture.further:
        train += further_questions(
            [each for each in drawn.retrieved if each[0].contract.id not in held],
            [case for case in cases if case.contract.id not in held],
            builder,
            options.mixture.further,
        )
    kept = tuple(row for row in validation if row.contract not in seen)
    return Split(tuple(train), kept, contracts, frozenset(seen))


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


def mix(rows: Split, general: Sequence[Example], options: DataOptions) -> Split:
    """Add general instructions to what trains, and shuffle; what validates stays."""
    train = mixed(rows.train, general, options.mixture.general, options.seed)
    if options.shuffle_answers:
        train = shuffled(train, options.seed)
    return replace(rows, train=tuple(train))


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
