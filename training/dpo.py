"""Direct preference optimization: `python -m training.dpo training/recipes/dpo-smollm2.yaml`."""

import sys
from typing import Any

from training.command import run_command
from training.trainer.method import Method
from training.trainer.rows import pairs


def _classes() -> tuple[Any, Any]:
    from trl import DPOConfig, DPOTrainer

    return DPOConfig, DPOTrainer


METHOD = Method(
    name="dpo",
    classes=_classes,
    rows=pairs,
    about="of two replies the preferred is made likelier, measured against a frozen copy",
    source="Rafailov et al. 2023, arXiv 2305.18290",
    defaults={"learning_rate": 2e-5, "beta": 0.1},
)


def main(argv: list[str] | None = None) -> int:
    """Train by a recipe; see `--help`."""
    return run_command(METHOD, argv)


if __name__ == "__main__":
    sys.exit(main())
