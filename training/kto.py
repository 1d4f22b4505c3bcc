"""Kahneman-Tversky optimization: `python -m training.kto training/recipes/kto-smollm2.yaml`."""

import sys

from bar_exam.training.command import run_command
from bar_exam.training.trainer.method import Method
from bar_exam.training.trainer.rows import KTO_BATCH, thumbs

METHOD = Method(
    name="kto",
    config="trl:KTOConfig",
    trainer="trl:KTOTrainer",
    dataset=thumbs,
    about="single replies, each with a thumb up or down, weighed as people weigh gain and loss",
    source="Ethayarajh et al. 2024, arXiv 2402.01306",
    defaults={
        "learning_rate": 2e-5,
        "beta": 0.1,
        "per_device_train_batch_size": KTO_BATCH,
        "gradient_accumulation_steps": 8,
    },
)


def main(argv: list[str] | None = None) -> int:
    """Train by a recipe; see `--help`."""
    return run_command(METHOD, argv)


if __name__ == "__main__":
    sys.exit(main())
