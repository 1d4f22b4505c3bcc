"""What the trainers have in common, and in what they differ: one record a method."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bar_exam.training.trainer.loading import Parts
    from bar_exam.training.trainer.recipe import Recipe


METHODS = ("sft", "dpo", "orpo", "kto", "grpo", "rloo", "reward", "ppo")
"""Modules of this room whose `METHOD` describes a method, and whose `main` runs it."""


@dataclass(frozen=True)
class Method:
    """One way to train.

    Attributes:
        name: as in `METHODS`, and in the file names of recipes.
        config: `module:class` of the dataclass that the recipe's `training:` fills.
        trainer: `module:class` of the trainer, called as trl's are.
        dataset: the trainer's data set, tokenized unless `tokenized` is False.
        about: what it does, for the model card.
        source: who described it, for the model card.
        defaults: of `config`, where ours differ from the class's; a recipe may set them again.
        tokenized: the trainer's own preparation of rows is skipped.
        extras: further arguments of the trainer, such as reward functions.
        scores: what is trained is a reward model, which gives a number and cannot be examined.
    """

    name: str
    config: str
    trainer: str
    dataset: "Callable[[Recipe, Parts], Any]"
    about: str
    source: str
    defaults: Mapping[str, Any] = field(default_factory=dict)
    tokenized: bool = True
    extras: "Callable[[Recipe, Parts], dict[str, Any]] | None" = None
    scores: bool = False


def class_named(path: str) -> Any:
    """The class at `module:class`, imported.

    trl's experimental trainers warn at import unless `TRL_EXPERIMENTAL_SILENCE` is set.
    """
    import os

    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
