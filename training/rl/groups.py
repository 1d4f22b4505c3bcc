"""What trl's GRPO and RLOO have in common: our defaults, and groups that must fill a batch."""

from collections.abc import Mapping
from typing import Any

from common.errors import UserError
from training.rl.rows import LONGEST_REPLY
from training.trainer.device import processes

DEFAULTS: Mapping[str, Any] = {
    "learning_rate": 1e-5,
    "disable_dropout": True,  # under dropout the ratios of the first update are not 1
    "include_num_input_tokens_seen": "no",  # trl counts them itself
    "beta": 0.02,
    "max_completion_length": LONGEST_REPLY,
}
"""Keys of both configs where ours differ from trl's."""


def check_groups(config: Mapping[str, Any]) -> None:
    """Refuse a step whose replies cannot be cut into groups of `num_generations`.

    Args:
        config: values that a trl config is about to be made of.

    Raises:
        UserError: they cannot; or a group has fewer than two replies to compare.
    """
    group = config["num_generations"]
    if group < 2:
        raise UserError(f"recipe: training.num_generations is {group}; make it 2 or more")
    if config.get("generation_batch_size") or config.get("steps_per_generation"):
        return
    rows, steps = config["per_device_train_batch_size"], config["gradient_accumulation_steps"]
    replies = rows * steps * processes()
    if replies % group:
        raise UserError(
            f"recipe: training.per_device_train_batch_size {rows} x gradient_accumulation_steps "
            f"{steps} makes {replies} replies a step, which must be divisible by num_generations "
            f"{group}; add --set training.gradient_accumulation_steps={group}"
        )
