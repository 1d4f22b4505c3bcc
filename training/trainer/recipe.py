"""Recipes: `training/recipes/METHOD-BASE.yaml`, parsed into a typed object."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from common.errors import UserError
from common.settings import validated
from models.registry import NAME

MOST = 10**9
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+")


class ValidationExam(BaseModel):
    """The exam that is held during training, with the metrics of the real one.

    Attributes:
        every: steps between two exams; there is one at the end as well.
        cases: rows asked, half of them answerable where the file has as many.
        patience: exams without a better balanced score before training stops.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    every: int = Field(default=40, ge=1, le=MOST)
    cases: int = Field(default=40, ge=2, le=MOST)
    patience: int = Field(default=3, ge=1, le=MOST)


class Recipe(BaseModel):
    """How one adapter is made; paths are relative to the working directory.

    Attributes:
        name: of the adapter folder and of the registry entry.
        base: `embedded:smollm2`, a folder, or a Hugging Face id.
        revision: of a Hugging Face id.
        adapter: where training starts: a registry name or a folder; None is a new adapter.
        data: the rows, made by `training.data` or `training.preferences`.
        validation: examples of the validation exam; None holds none.
        lora: keys of peft's LoraConfig, where no `adapter` is given.
        quantize: QLoRA: the base in 4 bit (CUDA only).
        bundle_tokens: SFT computes rows that begin alike together, in sequences of at most so many
            tokens (`training.loss.prefix_sharing`); None computes each alone.
        training: keys of the method's own config class.
        reward_model: folder of a reward model's adapter, for methods that are given rewards.
        rewards: weights of the exam's metrics in the reward, for those methods; None is ours.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=NAME)]
    description: str = ""
    base: str = "embedded:smollm2"
    revision: str | None = None
    adapter: str | None = None
    data: Path
    validation: Path | None = None
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    lora: dict[str, Any] = Field(default_factory=dict)
    quantize: bool = False
    bundle_tokens: int | None = Field(default=None, ge=64, le=MOST)
    validation_exam: ValidationExam | None = None
    training: dict[str, Any] = Field(default_factory=dict)
    reward_model: str | None = None
    rewards: dict[str, float] | None = None


def read_recipe(path: Path, settings: Sequence[str] = ()) -> Recipe:
    """The recipe in a YAML file, with `KEY=VALUE` settings on top (dots lead inwards).

    Raises:
        UserError: no such file, not YAML, an unknown key (the nearest is named), a wrong value.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UserError(
            f"recipe {path} cannot be read: {reason}; `ls training/recipes` "
            "shows those that are shipped"
        ) from error
    values = _yaml(text, f"recipe {path} is not YAML")
    if not isinstance(values, dict):
        raise UserError(f"recipe {path} must be a mapping of keys such as name, base and data")
    for setting in settings:
        _apply(values, setting)
    numbers = _with_numbers(values, f"recipe {path}")
    recipe: Recipe = validated(f"recipe {path}", numbers, Recipe)
    return recipe


def _yaml(text: str, what: str) -> Any:
    """What YAML says; a date that is none and a number of 5,000 digits are ValueErrors to it."""
    import yaml

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{what}: {' '.join(str(error).split())[:200]}") from error


def _apply(values: dict[str, Any], setting: str) -> None:
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise UserError(f"--set {setting}: give KEY=VALUE, such as training.max_steps=2")
    *outer, last = key.strip().split(".")
    for name in outer:
        inner = values.get(name)
        if inner is None:
            inner = values[name] = {}
        if not isinstance(inner, dict):
            raise UserError(f"--set {setting}: {name} holds a value, not keys")
        values = inner
    values[last] = _yaml(text, f"--set {setting[:80]}: {text[:80]!r} is not a YAML value")


def _with_numbers(value: Any, where: str) -> Any:
    """YAML 1.1 takes `2e-4` for a string; nobody who writes it means one, nor NaN or infinity.

    Raises:
        UserError: a number is not finite.
    """
    if isinstance(value, dict):
        return {key: _with_numbers(inner, f"{where}: {key}") for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_numbers(inner, where) for inner in value]
    number = float(value) if isinstance(value, str) and NUMBER.fullmatch(value) else value
    if isinstance(number, float) and not math.isfinite(number):
        raise UserError(f"{where}: {value} is no number that can be meant; give a finite one")
    return number
