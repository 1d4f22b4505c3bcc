"""REINFORCE leave-one-out: `python -m training.rloo RECIPE.yaml`, over trl."""

import sys

from bar_exam.training.command import run_command
from bar_exam.training.rl.groups import DEFAULTS
from bar_exam.training.rl.rewards import reward
from bar_exam.training.rl.rows import prompts
from bar_exam.training.trainer.method import Method

METHOD = Method(
    name="rloo",
    config="bar_exam.training.rl.groups:RLOOConfig",
    trainer="bar_exam.training.rl.groups:RLOOTrainer",
    dataset=prompts,
    about="several replies to a prompt are drawn, each against the mean of the others",
    source="Ahmadian et al. 2024, arXiv 2402.14740",
    defaults={**DEFAULTS, "num_generations": 4},
    tokenized=False,
    extras=reward,
)


def main(argv: list[str] | None = None) -> int:
    """Train by a recipe; see `--help`."""
    return run_command(METHOD, argv)


if __name__ == "__main__":
    sys.exit(main())
