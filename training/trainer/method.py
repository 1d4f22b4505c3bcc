"""What the trainers have in common, and in what they differ: one record a method."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.local.chat import LocalChat

METHODS = ("sft", "dpo", "orpo", "kto", "grpo", "rloo", "reward", "ppo")
"""Modules of this room whose `METHOD` describes a method, and whose `main` runs it."""

TRAINED = "default"
"""The name that peft and trl give to the adapter in training."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Method:
    """One way to train.

    Attributes:
        name: as in `METHODS`, and in the file names of recipes.
        classes: imports (config, trainer): the dataclass that the recipe's `training:` fills, and
            what is called with it as trl's trainers are.
        rows: of a data file, by the base as the exam asks it and the config; tokenized, unless
            `tokenized` is False.
        about: what it does, for the model card.
        source: who described it, for the model card.
        defaults: of the config, where ours differ from the class's; a recipe may set them again.
        check: refuses values of the config that do not go together, before it is made of them.
        tokenized: the trainer's own preparation of rows is skipped.
        reward: the trainer's `reward_funcs`, by the recipe's `rewards:` and `reward_model:`; None
            for methods that are given no rewards.
        scores: what is trained is a reward model, which gives a number and cannot be examined.
    """

    name: str
    classes: Callable[[], tuple[Any, Any]]
    rows: Callable[[Path, LocalChat, Any], list[Row]]
    about: str
    source: str
    defaults: Mapping[str, Any] = field(default_factory=dict)
    check: Callable[[Mapping[str, Any]], None] | None = None
    tokenized: bool = True
    reward: Callable[[Mapping[str, float] | None, str | None, LocalChat], Any] | None = None
    scores: bool = False
