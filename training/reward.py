"""Reward models: `python -m training.reward training/recipes/reward-smollm2.yaml`."""

import sys
from typing import Any

from training.command import run_command
from training.trainer.method import Method
from training.trainer.rows import sequences


def _classes() -> tuple[Any, Any]:
    from trl import RewardConfig, RewardTrainer

    return RewardConfig, RewardTrainer


METHOD = Method(
    name="reward",
    classes=_classes,
    rows=sequences,
    about="a number for a reply, higher for the preferred of two",
    source="Bradley and Terry 1952; Ouyang et al. 2022, arXiv 2203.02155",
    defaults={"learning_rate": 1e-4},
    scores=True,
)


def main(argv: list[str] | None = None) -> int:
    """Train by a recipe; see `--help`."""
    return run_command(METHOD, argv)


if __name__ == "__main__":
    sys.exit(main())
