"""REINFORCE leave-one-out: `python -m training.rloo RECIPE.yaml`, over trl."""

import sys

from training.command import run_command
from training.groups import DEFAULTS
from training.method import Method
from training.prompts import prompts
from training.rewarding import reward

METHOD = Method(
    name="rloo",
    config="training.groups:RLOOConfig",
    trainer="training.groups:RLOOTrainer",
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
