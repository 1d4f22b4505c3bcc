"""Odds ratio preference optimization: `python -m training.orpo RECIPE.yaml`."""

import os
import sys
from typing import Any

from training.command import run_command
from training.loss.orpo import trainer_class
from training.trainer.method import Method
from training.trainer.rows import labelled_pairs


def _classes() -> tuple[Any, Any]:
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # else trl warns at import
    from trl.experimental.orpo import ORPOConfig

    return ORPOConfig, trainer_class()


METHOD = Method(
    name="orpo",
    classes=_classes,
    rows=labelled_pairs,
    about="fine-tuning on the preferred reply and, by odds ratio, away from the other, in one step",
    source="Hong et al. 2024, arXiv 2403.07691",
    defaults={
        "learning_rate": 3e-4,
        "beta": 0.1,
        "remove_unused_columns": False,
        "include_num_input_tokens_seen": "no",  # its batches have other names; the trainer counts
    },
)


def main(argv: list[str] | None = None) -> int:
    """Train by a recipe; see `--help`."""
    return run_command(METHOD, argv)


if __name__ == "__main__":
    sys.exit(main())
