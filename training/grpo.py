"""Group relative policy optimization: `python -m training.grpo RECIPE.yaml`, over trl."""

import sys

from training.command import run_command
from training.groups import DEFAULTS
from training.method import Method
from training.prompts import prompts
from training.rewarding import reward

METHOD = Method(
    name="grpo",
    config="training.groups:GRPOConfig",
    trainer="training.groups:GRPOTrainer",
    dataset=prompts,
    about="several replies to a prompt are drawn, and those better than their group made likelier",
    source="Shao et al. 2024 (DeepSeekMath), arXiv 2402.03300",
    defaults={**DEFAULTS, "num_generations": 8},
    tokenized=False,
    extras=reward,
)


def main(argv: list[str] | None = None) -> int:
    """Train by a recipe; see `--help`."""
    return run_command(METHOD, argv)


if __name__ == "__main__":
    sys.exit(main())
