"""Tokens per second of SFT: our trainer against trl's with its defaults, on the same rows."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.results import Finding, Row
from bench.sessions import ROOT, threads
from common.errors import UserError
from training import sft
from training.data import __main__ as data
from training.trainer.loading import Loaded, load, lora_config
from training.trainer.recipe import Recipe, read_recipe
from training.trainer.rows import dataset
from training.trainer.run import build_trainer

RECIPE = ROOT / "training" / "recipes" / "sft-smollm2.yaml"
TARGET = 1.5
REPEATS = 3
BATCH = 8
"""Rows of an optimizer step: trl's default, and what the recipe accumulates."""
STEPS = 2
GPU_STEPS = 12
LLAMA_1B = {
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": True,
}
PEAKS = {
    "A10G": 70, "A100": 312, "L4": 121, "L40S": 362, "H100": 989, "H200": 989, "B200": 2250,
}  # fmt: skip
"""TFLOP/s in bf16 without sparsity, as the makers' data sheets say."""


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


def measure(folder: Path) -> Finding:
    """Train SmolLM2 both ways on the sample's train split; where there is CUDA, a Llama too."""
    import torch

    torch.set_num_threads(threads())
    rows = make_rows(folder / "rows.jsonl", STEPS * BATCH)
    ours, plain = compare(bench_recipe(rows, STEPS, ()), folder, REPEATS)
    return Finding(
        "SFT against trl's plain defaults",
        f"{STEPS} optimizer steps of {BATCH} rows, the same rows of the sample's train split, the "
        f"same LoRA, in turns in one process, median of {REPEATS}; tokens of prompts and replies, "
        "padding not counted, steps alone timed. Ours: `training/recipes/sft-smollm2.yaml` without "
        "bundles. Plain: `SFTTrainer(model=FOLDER)` with `SFTConfig()`, but for what a CPU needs "
        "(`use_cpu`, no bf16) and `max_length=None`, so that no reply is cut off.",
        [*comparison("SmolLM2-135M", ours, plain, target=not _cuda()), *gpu_rows(folder)],
    )


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
    needed: dict[str, Any] = {} if _cuda() else {"use_cpu": True, "bf16": False}
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
            self.begun = _now()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            wall, processor = _now()
            took.append((wall - self.begun[0], processor - self.begun[1]))

    trainer.add_callback(Clock())
    trainable = sum(p.numel() for p in trainer.model.parameters() if p.requires_grad)
    lengths = [len(row["input_ids"]) for row in trainer.train_dataset]
    trainer.train()
    counted = range(len(took) // 4 if _cuda() else 0, len(took))
    return Run(
        sum(lengths[(step * BATCH + i) % len(lengths)] for step in counted for i in range(BATCH)),
        sum(took[step][0] for step in counted),
        sum(took[step][1] for step in counted),
        next(float(log["loss"]) for log in trainer.state.log_history if "loss" in log),
        trainable,
    )


def _now() -> tuple[float, float]:
    """Seconds of the clock and of this process, after all that CUDA was given is done."""
    if _cuda():
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


def gpu_rows(folder: Path) -> list[Row]:
    """A Llama of 1B random weights in bf16 where there is CUDA, with its FLOP utilisation."""
    if not _cuda():
        return [Row("1B Llama on a GPU", "skipped: no CUDA device here")]
    import torch

    device = torch.cuda.get_device_name()
    base = make_llama(folder / "llama", LLAMA_1B)
    rows = make_rows(folder / "gpu.jsonl", GPU_STEPS * BATCH)
    recipe = bench_recipe(
        rows,
        GPU_STEPS,
        (
            f"base={base}",
            f"training.per_device_train_batch_size={BATCH}",
            "training.gradient_accumulation_steps=1",
        ),
    )
    ours, plain = compare(recipe, folder / "gpu", REPEATS)
    found = comparison(f"1B Llama, {device}", ours, plain, target=False)
    length = sum(run.tokens for run in ours) / (len(ours) * BATCH * (GPU_STEPS - GPU_STEPS // 4))
    return found + utilisation(base, length, device, {"ours": ours, "trl's defaults": plain})


def utilisation(
    base: Path, length: float, device: str, runs: dict[str, Sequence[Run]]
) -> list[Row]:
    """Model FLOP utilisation in per cent of the device's peak; no rows where that is not known."""
    limit = peak(device)
    if limit is None:
        return []
    whole = flops_per_token(base, length)
    lora = flops_per_token(base, length, frozen=True)
    return [
        Row(
            f"1B Llama: {name}, FLOP utilisation",
            f"{100 * speed * whole / limit:.1f} % counting 6N, {100 * speed * lora / limit:.1f} % "
            "counting 4N (the base is frozen)",
        )
        for name, each in runs.items()
        for speed in [median(run.speed for run in each)]
    ]


def flops_per_token(base: Path, length: float, *, frozen: bool = False) -> float:
    """Floating point operations that training needs for a token: 6N + 12LHQT.

    N weights in matrix products (the input embedding is none, unless it is the head as well),
    L layers, H heads of size Q, T tokens in a row (Chowdhery et al. 2022, appendix B). Of a frozen
    base no weight has a gradient: 4N. Recomputed activations do not count.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(base)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    weights = sum(parameter.numel() for parameter in model.parameters())
    if not config.tie_word_embeddings:
        weights -= config.vocab_size * config.hidden_size
    attention = 12 * config.num_hidden_layers * config.hidden_size * length
    return float((4 if frozen else 6) * weights + attention)


def peak(device: str) -> float | None:
    """FLOP/s of a GPU in bf16 by its name; None for one that is not in the table.

    >>> peak("NVIDIA L4"), peak("NVIDIA H200"), peak("NVIDIA T1000")
    (121000000000000.0, 989000000000000.0, None)
    """
    words = re.split(r"[ -]", device)
    if "PCIe" in words and "H100" in words:
        return 756e12
    return next((1e12 * PEAKS[word] for word in words if word in PEAKS), None)


def make_llama(folder: Path, shape: dict[str, Any]) -> Path:
    """A Llama of random weights in bf16 that speaks the embedded model's tokens."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from models.local.embedded import embedded_smollm2

    tokenizer = AutoTokenizer.from_pretrained(embedded_smollm2())
    config = LlamaConfig(
        **shape,
        vocab_size=len(tokenizer),
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        dtype="bfloat16",
    )
    torch.manual_seed(0)
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _cuda() -> bool:
    import torch

    return bool(torch.cuda.is_available())
