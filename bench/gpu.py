"""What a GPU does in eight minutes at most: SFT of a 1B Llama, DPO by recipe, the exam's batches.

The same script runs on a CPU with a tiny model (`python -m bench training --smoke`), so that
nothing is untried in it but the device.
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.embedded import Generation, generate_batched, prompts
from bench.pace import BATCH, Run, bench_recipe, compare, comparison, make_rows, on_gpu
from bench.results import Row
from bench.sessions import ROOT
from common.errors import UserError
from common.paths import cache_dir
from models.local.base import LocalBase
from models.local.devices import choose_device, choose_dtype
from models.local.embedded import embedded_smollm2
from models.registry import SHIPPED
from training import dpo
from training.preferences import __main__ as preferences
from training.trainer.loading import load
from training.trainer.recipe import Recipe, read_recipe
from training.trainer.run import build_trainer

DPO = ROOT / "training" / "recipes" / "dpo-smollm2.yaml"
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


TINY = {**LLAMA_1B, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done.

    Attributes:
        what: the Llama, in rows.
        shape: of the Llama.
        steps: of a run of SFT; the first quarter warms up.
        repeats: runs of each trainer.
        seconds: of DPO at most.
        pairs: of a step of DPO.
        cases: of the exam that are asked.
    """

    what: str
    shape: Mapping[str, Any]
    steps: int
    repeats: int
    seconds: float
    pairs: int
    cases: int

    def __str__(self) -> str:
        return f"{self.what}, {self.steps} steps, {self.seconds:.0f} s of DPO, {self.cases} cases"


FULL = Scale("1B Llama", LLAMA_1B, steps=12, repeats=3, seconds=120.0, pairs=8, cases=96)
SMOKE = Scale("tiny Llama", TINY, steps=2, repeats=1, seconds=2.0, pairs=1, cases=3)


def rows(folder: Path, scale: Scale) -> list[Row]:
    """All rows, on the device that training and exam choose here."""
    return [*llama_rows(folder, scale), *dpo_rows(folder, scale), *exam_rows(scale)]


def device_name() -> str:
    """The GPU as its driver calls it, or that it is the CPU."""
    import torch

    return torch.cuda.get_device_name() if on_gpu() else "CPU"


def llama_rows(folder: Path, scale: Scale) -> list[Row]:
    """SFT of a Llama of random weights in bf16, both ways, and its FLOP utilisation."""
    base = make_llama(folder / "llama", dict(scale.shape))
    recipe = bench_recipe(
        make_rows(folder / "gpu.jsonl", scale.steps * BATCH),
        scale.steps,
        (
            f"base={base}",
            f"training.per_device_train_batch_size={BATCH}",
            "training.gradient_accumulation_steps=1",
        ),
    )
    ours, plain = compare(recipe, folder / "gpu", scale.repeats)
    what = f"{scale.what}, {device_name()}"
    found = comparison(what, ours, plain, target=False)
    counted = scale.steps - (scale.steps // 4 if on_gpu() else 0)
    length = sum(run.tokens for run in ours) / (len(ours) * BATCH * counted)
    both = {"ours": ours, "trl's defaults": plain}
    return found + utilisation(base, length, device_name(), both)


def dpo_rows(folder: Path, scale: Scale) -> list[Row]:
    """The shipped recipe of DPO on pairs of the sample, for some time."""
    pairs = folder / "pairs.jsonl"
    examples = make_rows(folder / "asked.jsonl", 400)
    if preferences.main(
        ["--examples", str(examples), "--opposites", "300", "--output", str(pairs)]
    ):
        raise UserError("the pairs to train on cannot be made; see the line above")
    recipe = dpo_recipe(pairs, scale.pairs)
    trainer = build_trainer(load(dpo.METHOD, recipe, SHIPPED, folder / "dpo"))
    trainer.add_callback(_alarm(scale.seconds))
    _forget_memory()
    begun = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - begun
    losses = [float(log["loss"]) for log in trainer.state.log_history if "loss" in log]
    tenth = max(1, len(losses) // 10)
    ends = [sum(part) / tenth for part in (losses[:tenth], losses[-tenth:])]
    what = f"DPO of SmolLM2-135M by its recipe, {device_name()}"
    return [
        Row(f"{what}: seconds, steps", f"{seconds:.0f} s, {len(losses)} steps"),
        Row(f"{what}: speed", f"{trainer.state.num_input_tokens_seen / seconds:,.0f} tokens/s"),
        Row(f"{what}: loss, first and last tenth", f"{ends[0]:.3f} and {ends[1]:.3f}"),
        Row(f"{what}: memory at most", _memory()),
    ]


def dpo_recipe(data: Path, pairs: int) -> Recipe:
    """The shipped recipe with these pairs, so many in a step."""
    fixed = (
        "name=bench-dpo",
        f"data={data}",
        "validation=null",
        "validation_exam=null",
        f"training.gradient_accumulation_steps={pairs}",
        "training.report_to=none",
        "training.disable_tqdm=true",
    )
    return read_recipe(DPO, fixed)


def _alarm(seconds: float) -> Any:
    from transformers import TrainerCallback

    class Alarm(TrainerCallback):  # type: ignore[misc]
        """Ends a run after the step in which its time is over."""

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.over = time.monotonic() + seconds

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            control.should_training_stop = time.monotonic() >= self.over

    return Alarm()


def _forget_memory() -> None:
    """Count from here: what was trained before is garbage."""
    import gc

    import torch

    gc.collect()
    if on_gpu():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def _memory() -> str:
    import torch

    if not on_gpu():
        return "not counted on a CPU"
    return f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB"


def exam_rows(scale: Scale) -> list[Row]:
    """The exam's prompts to SmolLM2 in its local batches, against one prompt at a time."""
    weights, chats = embedded_smollm2(), prompts(scale.cases, cache_dir())
    device = choose_device("auto")
    dtype = choose_dtype("auto", device)
    batched = generate_batched(LocalBase(weights, device, dtype), chats)
    alone = generate_batched(LocalBase(weights, device, dtype, batch_tokens=1), chats)
    equal = sum(one == other for one, other in zip(batched.texts, alone.texts, strict=True))
    what = f"exam of SmolLM2-135M, {dtype}, {device_name()}"
    return [
        _generated(f"{what}: in batches", batched),
        _generated(f"{what}: one at a time", alone),
        Row(f"{what}: time alone over batched", f"{alone.seconds / batched.seconds:.2f} x"),
        Row(f"{what}: equal answers", f"{equal} of {len(chats)}"),
    ]


def _generated(what: str, run: Generation) -> Row:
    return Row(
        what,
        f"{run.seconds:.1f} s, {run.tokens_in / run.seconds:,.0f} tokens/s in, "
        f"{run.tokens_out / run.seconds:,.0f} tokens/s out",
    )


def utilisation(
    base: Path, length: float, device: str, runs: Mapping[str, Sequence[Run]]
) -> list[Row]:
    """Model FLOP utilisation in per cent of the device's peak; no rows where that is not known."""
    limit = peak(device)
    if limit is None:
        return []
    whole = flops_per_token(base, length)
    lora = flops_per_token(base, length, frozen=True)
    return [
        Row(
            f"Llama, {device}: {name}, FLOP utilisation",
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
