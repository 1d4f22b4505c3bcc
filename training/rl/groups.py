"""trl's GRPO and RLOO, with configs that refuse groups which do not fill a batch.

`training.rl.groups:GRPOConfig` is trl's class, and so on; each is made when it is asked for.
"""

import functools
import importlib
from collections.abc import Mapping
from typing import Any

from bar_exam.common.errors import UserError
from bar_exam.training.rl.rows import LONGEST_REPLY
from bar_exam.training.trainer.checkpoints import processes

DEFAULTS: Mapping[str, Any] = {
    "learning_rate": 1e-5,
    "disable_dropout": True,  # under dropout the ratios of the first update are not 1
    "include_num_input_tokens_seen": "no",  # trl counts them itself
    "beta": 0.02,
    "max_completion_length": LONGEST_REPLY,
}
"""Keys of both configs where ours differ from trl's."""


def __getattr__(name: str) -> Any:
    """A config of trl by its name, mended, or a trainer as it is."""
    if not name.endswith(("Config", "Trainer")):
        raise AttributeError(name)
    found = getattr(importlib.import_module("trl"), name)
    return found if name.endswith("Trainer") else _checked(found)


@functools.cache  # one class: a checkpoint pickles it by its name
def _checked(config_class: Any) -> Any:
    def checked(self: Any) -> None:
        check_groups(self)
        config_class.__post_init__(self)

    return type(config_class.__name__, (config_class,), {"__post_init__": checked})


def check_groups(config: Any) -> None:
    """Refuse a step whose replies cannot be cut into groups of `num_generations`.

    Raises:
        UserError: they cannot; or a group has fewer than two replies to compare.
    """
    group = config.num_generations
    if group < 2:
        raise UserError(f"recipe: training.num_generations is {group}; make it 2 or more")
    if config.generation_batch_size or config.steps_per_generation:
        return
    rows, steps = config.per_device_train_batch_size, config.gradient_accumulation_steps
    replies = rows * steps * processes()
    if replies % group:
        raise UserError(
            f"recipe: training.per_device_train_batch_size {rows} x gradient_accumulation_steps "
            f"{steps} makes {replies} replies a step, which must be divisible by num_generations "
            f"{group}; add --set training.gradient_accumulation_steps={group}"
        )
