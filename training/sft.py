"""Supervised fine-tuning: `python -m training.sft training/recipes/sft-smollm2.yaml`."""

import sys
from typing import Any

from training.command import run_command
from training.trainer.method import Method
from training.trainer.rows import completions


def _classes() -> tuple[Any, Any]:
    from trl import SFTConfig, SFTTrainer

    return SFTConfig, SFTTrainer


METHOD = Method(
    name="sft",
    classes=_classes,
    rows=completions,
    about="supervised fine-tuning on the wanted replies; the loss is of their tokens alone",
    source="Ouyang et al. 2022, arXiv 2203.02155; LoRA: Hu et al. 2021, arXiv 2106.09685",
    defaults={"learning_rate": 5e-4},
)


def main(argv: list[str] | None = None) -> int:
    """Train by a recipe; see `--help`."""
    return run_command(METHOD, argv)


if __name__ == "__main__":
    sys.exit(main())
