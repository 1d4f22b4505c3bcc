"""Group relative policy optimization: `python -m training.grpo RECIPE.yaml`, over trl."""

import sys

from training.command import run_command
from training.method import Method
from training.prompts import LONGEST_REPLY, prompts
from training.rewarding import reward

METHOD = Method(
    name="grpo",
    config="training.groups:GRPOConfig",
    trainer="training.groups:GRPOTrainer",
    data="examples",
    dataset=prompts,
    about="several replies to a prompt are drawn, and those better than their group made likelier",
    source="Shao et al. 2024 (DeepSeekMath), arXiv 2402.03300",
    defaults={
        "learning_rate": 1e-5,
        "disable_dropout": True,  # under dropout the ratios of the first update are not 1
        "include_num_input_tokens_seen": "no",  # trl counts them itself
        "beta": 0.02,
        "num_generations": 8,
        "max_completion_length": LONGEST_REPLY,
    },
    tokenized=False,
    extras=reward,
)


def main(argv: list[str] | None = None) -> int:
    """Train by a recipe; see `--help`."""
    return run_command(METHOD, argv)


if __name__ == "__main__":
    sys.exit(main())
