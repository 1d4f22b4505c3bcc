"""Group relative policy optimization: `python -m training.grpo RECIPE.yaml`, over trl."""

import sys
from typing import Any

from training.command import run_command
from training.rl.groups import DEFAULTS, check_groups
from training.rl.rewards import reward
from training.rl.rows import prompts
from training.trainer.method import Method


def _classes() -> tuple[Any, Any]:
    from trl import GRPOConfig, GRPOTrainer

    return GRPOConfig, GRPOTrainer


METHOD = Method(
    name="grpo",
    classes=_classes,
    rows=prompts,
    about="several replies to a prompt are drawn, and those better than their group made likelier",
    source="Shao et al. 2024 (DeepSeekMath), arXiv 2402.03300",
    defaults={**DEFAULTS, "num_generations": 8},
    check=check_groups,
    tokenized=False,
    reward=reward,
)


def main(argv: list[str] | None = None) -> int:
    """Train by a recipe; see `--help`."""
    return run_command(METHOD, argv)


if __name__ == "__main__":
    sys.exit(main())
