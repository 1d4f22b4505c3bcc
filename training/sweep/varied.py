"""`--vary KEY=VALUE,VALUE`: which hyperparameters can be tried, and their combinations."""

import dataclasses
import importlib
import json
from collections.abc import Sequence
from itertools import product
from typing import Any

from common.errors import UserError
from common.settings import nearest
from training.trainer.method import Method

MOST = 12
"""Combinations: few, since each is a training run."""
KEYS = ("adapter", "bundle_tokens", "quantize", "seed")
"""Of a recipe, beside the keys of its `training:` and `lora:`."""
MEASURED = ("training.max_steps", "training.num_train_epochs")
"""What `--steps` says, for all alike."""


def combinations(varied: Sequence[str]) -> list[tuple[str, ...]]:
    """Every combination as `KEY=VALUE` settings of a recipe.

    Args:
        varied: `KEY=VALUE,VALUE`, the values as YAML reads them in a list.

    Raises:
        UserError: there are too many or too few, or one is no such text.

    >>> combinations(["lora.r=8,16", "training.learning_rate=1e-4"])
    [('lora.r=8', 'training.learning_rate=1e-4'), ('lora.r=16', 'training.learning_rate=1e-4')]
    """
    read = [_values(each) for each in varied]
    keys = [key for key, _ in read]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise UserError(f"--vary {twice[0]} was given twice; put its values into one, with commas")
    found = [
        tuple(f"{key}={value}" for key, value in zip(keys, chosen, strict=True))
        for chosen in product(*(values for _, values in read))
    ]
    if not 2 <= len(found) <= MOST:
        raise UserError(
            f"--vary makes {len(found)} combinations, each a training run; give 2 to {MOST}"
        )
    return found


def _values(text: str) -> tuple[str, list[str]]:
    import yaml

    key, equals, listed = text.partition("=")
    try:
        values = yaml.safe_load(f"[{listed}]") if equals and key.strip() else []
    except (yaml.YAMLError, ValueError, RecursionError):
        values = []
    if not values:
        raise UserError(f"--vary {text}: give KEY=VALUE,VALUE, such as lora.r=8,16")
    return key.strip(), list(dict.fromkeys(map(_as_typed, values)))


def _as_typed(value: Any) -> str:
    """The text that YAML reads as this value."""
    import yaml

    plain = isinstance(value, str) and yaml.safe_load(value) == value
    return str(value) if plain else json.dumps(value, default=str)


def check_varied(keys: Sequence[str], method: Method) -> None:
    """Refuse keys that are no hyperparameter of the method's recipes.

    Raises:
        UserError: naming the first one and the nearest that there is.
    """
    from peft import LoraConfig

    config, _ = method.classes()
    parts = (("training", config), ("lora", LoraConfig))
    known = {f"{name}.{each.name}" for name, part in parts for each in dataclasses.fields(part)}
    known |= {*KEYS}
    for key in keys:
        if key in MEASURED:
            raise UserError(f"--vary {key}: every combination makes --steps N")
        if key not in known:
            inner = [each for each in known if each.endswith(f".{key}")]
            hint = f"did you mean {min(inner)}?" if inner else nearest(key, known)
            raise UserError(f"--vary {key}: no such hyperparameter of {method.name}; {hint}")


def find_method(name: str) -> Method:
    """One of `METHODS` that makes what can be asked.

    Raises:
        UserError: it makes a reward model.
    """
    method: Method = importlib.import_module(f"training.{name}").METHOD
    if method.scores:
        raise UserError(f"{name} makes a model that gives a number, and no answer to validate")
    return method
