"""Kahneman-Tversky optimization: `python -m training.kto training/recipes/kto-smollm2.yaml`."""

import sys
from typing import Any

from training.command import run_command
from training.trainer.method import Method
from training.trainer.rows import unpaired


def _classes() -> tuple[Any, Any]:
    from trl import KTOConfig, KTOTrainer

    return KTOConfig, KTOTrainer


METHOD = Method(
    name="kto",
    classes=_classes,
    rows=unpaired,
    about="single replies, each with a thumb up or down, weighed as people weigh gain and loss",
    source="Ethayarajh et al. 2024, arXiv 2402.01306",
    defaults={
        "learning_rate": 2e-5,
        "beta": 0.1,
        "per_device_train_batch_size": 2,  # of one row it could not estimate how far it has moved
        "gradient_accumulation_steps": 8,
    },
)


def main(argv: list[str] | None = None) -> int:
    """Train by a recipe; see `--help`."""
    return run_command(METHOD, argv)


if __name__ == "__main__":
    sys.exit(main())
