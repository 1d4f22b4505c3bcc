"""Proximal policy optimization: `python -m training.ppo training/recipes/ppo-smollm2.yaml`.

The algorithm is in `training/rl/policy.py`, its numbers in `training/rl/ppo_config.py`.
"""

import sys
from typing import Any

from training.command import run_command
from training.rl.ppo_config import PPOConfig
from training.rl.ppo_trainer import trainer_class
from training.rl.rewards import reward
from training.rl.rows import prompts
from training.trainer.method import Method


def _classes() -> tuple[Any, Any]:
    return PPOConfig, trainer_class()


METHOD = Method(
    name="ppo",
    classes=_classes,
    rows=prompts,
    about="clipped PPO with a value head, GAE and a penalty to the model that it started from",
    source=(
        "Schulman et al. 2017, arXiv 1707.06347; GAE: Schulman et al. 2016, arXiv 1506.02438; "
        "penalty: Ziegler et al. 2019, arXiv 1909.08593"
    ),
    tokenized=False,
    reward=reward,
)


def main(argv: list[str] | None = None) -> int:
    """Train by a recipe; see `--help`."""
    return run_command(METHOD, argv)


if __name__ == "__main__":
    sys.exit(main())
