"""REINFORCE leave-one-out: `python -m training.rloo RECIPE.yaml`, over trl."""

import sys
from typing import Any

from training.command import run_command
from training.rl.groups import DEFAULTS, check_groups
from training.rl.rewards import reward
from training.rl.rows import prompts
from training.trainer.method import Method


def _classes() -> tuple[Any, Any]:
    from trl import RLOOConfig, RLOOTrainer

    return RLOOConfig, RLOOTrainer


METHOD = Method(
    name="rloo",
    classes=_classes,
    rows=prompts,
    about="several replies to a prompt are drawn, each against the mean of the others",
    source="Ahmadian et al. 2024, arXiv 2402.14740",
    defaults={**DEFAULTS, "num_generations": 4},
    check=check_groups,
    tokenized=False,
    reward=reward,
)


def main(argv: list[str] | None = None) -> int:
    """Train by a recipe; see `--help`."""
    return run_command(METHOD, argv)


if __name__ == "__main__":
    sys.exit(main())
