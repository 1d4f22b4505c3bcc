"""Supervised fine-tuning: `python -m training.sft training/recipes/sft-smollm2.yaml`."""

import sys
from functools import partial
from typing import Any

from bar_exam.training.command import run_command
from bar_exam.training.loss.prefix_sharing import collate
from bar_exam.training.trainer.loading import Parts
from bar_exam.training.trainer.method import Method
from bar_exam.training.trainer.recipe import Recipe
from bar_exam.training.trainer.rows import completions


def _collator(recipe: Recipe, parts: Parts) -> dict[str, Any]:
    if recipe.bundle_tokens is None:
        return {}
    import torch

    dtype = getattr(torch, parts.device.dtype)
    return {"data_collator": partial(collate, pad=parts.tokenizer.pad_token_id, dtype=dtype)}


METHOD = Method(
    name="sft",
    config="trl:SFTConfig",
    trainer="trl:SFTTrainer",
    dataset=completions,
    about="supervised fine-tuning on the wanted replies; the loss is of their tokens alone",
    source="Ouyang et al. 2022, arXiv 2203.02155; LoRA: Hu et al. 2021, arXiv 2106.09685",
    defaults={"learning_rate": 5e-4},
    extras=_collator,
)


def main(argv: list[str] | None = None) -> int:
    """Train by a recipe; see `--help`."""
    return run_command(METHOD, argv)


if __name__ == "__main__":
    sys.exit(main())
