"""Our trainer of SFT against trl's with its defaults, step by step on the same rows."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.results import Row
from bench.sessions import ROOT
from common.errors import UserError
from training import sft
from training.data import __main__ as data
from training.trainer.loading import Loaded, load, lora_config
from training.trainer.recipe import Recipe, read_recipe
from training.trainer.rows import dataset
from training.trainer.run import build_trainer

RECIPE = ROOT / "training" / "recipes" / "sft-smollm2.yaml"
TARGET = 1.5
BATCH = 8
"""Rows of an optimizer step: trl's default, and what the recipe accumulates."""


@dataclass(frozen=True, slots=True)
class Run:
    """Some optimizer steps: tokens without padding, their time, and what shows both are alike.

    `seconds` are of the clock, `processor` of this process on all cores.
    """

    tokens: int
    seconds: float
    processor: float
    first_loss: float
    trainable: int

    @property
    def speed(self) -> float:
        """Tokens per second."""
        return self.tokens / self.seconds

    @property
    def frugality(self) -> float:
        """Tokens per second of processor time, which other processes do not disturb."""
        return self.tokens / self.processor


def make_rows(path: Path, count: int) -> Path:
    """Training rows of the sample, as the recipe's own data is made."""
    wanted = ["--n", str(count), "--most-passages", "1", "--validation-share", "0"]
    if data.main([*wanted, "--output", str(path)]):
        raise UserError("the rows to train on cannot be made; see the line above")
    return path


def bench_recipe(rows: Path, steps: int, settings: Sequence[str]) -> Recipe:
    """The shipped recipe, its rows in order and nothing examined on the way."""
    fixed = (
        "name=bench",
        f"data={rows}",
        "validation=null",
        "validation_exam=null",
        "bundle_tokens=null",
        f"training.max_steps={steps}",
        f"training.gradient_accumulation_steps={BATCH}",
        "training.train_sampling_strategy=sequential",
    )
    return read_recipe(RECIPE, (*fixed, *settings))


def compare(recipe: Recipe, folder: Path, repeats: int) -> tuple[list[Run], list[Run]]:
    """(ours, plain): both `repeats` times, in turns."""
    runs: tuple[list[Run], list[Run]] = ([], [])
    for number in range(repeats):
        runs[0].append(train_ours(recipe, folder / f"ours-{number}"))
        runs[1].append(train_plain(recipe, folder / f"plain-{number}"))
    return runs


def train_ours(recipe: Recipe, folder: Path) -> Run:
    """The trainer that `python -m training.sft` builds."""
    return _timed(build_trainer(_loaded(recipe, folder)))


def train_plain(recipe: Recipe, folder: Path) -> Run:
    """Trl's trainer as its documentation builds it, with as many steps and the same LoRA."""
    from trl import SFTConfig, SFTTrainer

    loaded = _loaded(recipe, folder)
    needed: dict[str, Any] = {} if on_gpu() else {"use_cpu": True, "bf16": False}
    arguments = SFTConfig(
        output_dir=str(folder),
        max_steps=recipe.training["max_steps"],
        max_length=None,
        logging_steps=1,
        save_strategy="no",
        train_sampling_strategy="sequential",
        disable_tqdm=True,
        **needed,
    )
    trainer = SFTTrainer(
        model=str(loaded.chat.base.folder),
        args=arguments,
        train_dataset=dataset(
            sft.METHOD.rows(recipe.data, loaded.chat, loaded.arguments), loaded.arguments
        ),
        peft_config=lora_config(recipe),
    )
    return _timed(trainer)


def _loaded(recipe: Recipe, folder: Path) -> Loaded:
    return load(sft.METHOD, recipe, registry=folder, folder=folder)


def _timed(trainer: Any) -> Run:
    """Train, and time each step; on CUDA the first quarter warms up and is not counted."""
    from transformers import TrainerCallback

    took: list[tuple[float, float]] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.begun = now()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            wall, processor = now()
            took.append((wall - self.begun[0], processor - self.begun[1]))

    trainer.add_callback(Clock())
    trainable = sum(p.numel() for p in trainer.model.parameters() if p.requires_grad)
    lengths = [len(row["input_ids"]) for row in trainer.train_dataset]
    trainer.train()
    counted = range(len(took) // 4 if on_gpu() else 0, len(took))
    return Run(
        sum(lengths[(step * BATCH + i) % len(lengths)] for step in counted for i in range(BATCH)),
        sum(took[step][0] for step in counted),
        sum(took[step][1] for step in counted),
        next(float(log["loss"]) for log in trainer.state.log_history if "loss" in log),
        trainable,
    )


def now() -> tuple[float, float]:
    """Seconds of the clock and of this process, after all that CUDA was given is done."""
    if on_gpu():
        import torch

        torch.cuda.synchronize()
    return time.perf_counter(), time.process_time()


def comparison(
    what: str, ours: Sequence[Run], plain: Sequence[Run], *, target: bool = True
) -> list[Row]:
    """Rows on speed, with the target where there is one, and on whether both did the same."""
    speeds = [median(run.speed for run in runs) for runs in (ours, plain)]
    frugal = [median(run.frugality for run in runs) for runs in (ours, plain)]
    ratio = speeds[0] / speeds[1]
    wanted = (f"at least {TARGET:.2f} x", ratio >= TARGET) if target else ("", None)
    one, other = ours[0], plain[0]
    alike = {
        "loss at the first step": f"{one.first_loss:.3f} and {other.first_loss:.3f}",
        "trainable parameters": f"{one.trainable:,} and {other.trainable:,}",
        "tokens": f"{one.tokens:,} and {other.tokens:,}",
    }
    return [
        Row(f"{what}: ours", f"{speeds[0]:,.0f} tokens/s"),
        Row(f"{what}: trl's defaults", f"{speeds[1]:,.0f} tokens/s"),
        Row(f"{what}: ours over trl's", f"{ratio:.2f} x", *wanted),
        Row(f"{what}: the same by processor time", f"{frugal[0] / frugal[1]:.2f} x"),
        *(Row(f"{what}: {name}, both", found) for name, found in alike.items()),
    ]


def on_gpu() -> bool:
    """Whether there is a CUDA device."""
    import torch

    return bool(torch.cuda.is_available())
