"""Tokens per second of training: against trl's defaults here, and on a GPU where there is one."""

from pathlib import Path

from bench import gpu
from bench.pace import BATCH, bench_recipe, compare, comparison, make_rows, on_gpu
from bench.results import Finding, Row
from bench.sessions import threads

REPEATS = 3
STEPS = 2
SKIPPED = (
    "skipped: no CUDA device here. On one `python -m bench training` takes at most eight minutes; "
    "`--smoke` tries its script on a CPU, on a tiny model"
)


def measure(folder: Path, *, smoke: bool = False) -> Finding:
    """Train SmolLM2 both ways on the sample's train split; where there is CUDA, a Llama too.

    Args:
        folder: of everything that is written.
        smoke: whether only the GPU's script is tried, small, on whatever device is here.
    """
    import torch

    torch.set_num_threads(threads())
    if smoke:
        setting = f"Not a measurement: {gpu.SMOKE}, to see that the script of the GPU's rows runs."
        return Finding("a try of the GPU's script", setting, gpu.rows(folder, gpu.SMOKE))
    rows = make_rows(folder / "rows.jsonl", STEPS * BATCH)
    ours, plain = compare(bench_recipe(rows, STEPS, ()), folder, REPEATS)
    return Finding(
        "SFT against trl's plain defaults",
        f"{STEPS} optimizer steps of {BATCH} rows, the same rows of the sample's train split, the "
        f"same LoRA, in turns in one process, median of {REPEATS}; tokens of prompts and replies, "
        "padding not counted, steps alone timed. Ours: `training/recipes/sft-smollm2.yaml` without "
        "bundles. Plain: `SFTTrainer(model=FOLDER)` with `SFTConfig()`, but for what a CPU needs "
        "(`use_cpu`, no bf16) and `max_length=None`, so that no reply is cut off. On a GPU also a "
        "Llama of 1B random weights, two minutes of `training/recipes/dpo-smollm2.yaml`, and the "
        "exam's batches.",
        [*comparison("SmolLM2-135M", ours, plain, target=not on_gpu()), *gpu_rows(folder)],
    )


def gpu_rows(folder: Path) -> list[Row]:
    """What a GPU does; where there is none, that it was skipped and why."""
    return gpu.rows(folder, gpu.FULL) if on_gpu() else [Row("on a GPU", SKIPPED)]
