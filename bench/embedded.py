"""The embedded model on the sample: cold, warm, and against plain `generate`."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.results import Finding, Row
from bench.sessions import examine, threads
from bench.warm import exam_row, no_calls
from common.paths import cache_dir
from fixtures.datasets import load_dataset
from fixtures.retrieval.retrieval import Retriever, RetrieverOptions
from fixtures.selection import Selection, select
from models.chat import Decoding, Message
from models.local.base import LocalBase
from models.local.chat import LocalChat
from models.local.devices import choose_dtype
from models.local.embedded import embedded_smollm2
from models.prompted import Template


@dataclass(frozen=True, slots=True)
class Generation:
    """How long a way of generating took, in seconds, for how many tokens, and what it wrote."""

    seconds: float
    processor: float
    tokens_in: int
    tokens_out: int
    texts: tuple[str, ...]


def measure(folder: Path, limit: int | None) -> Finding:
    """Examine `limit` cases of the sample's test split (None: all), then generate both ways."""
    weights = embedded_smollm2()
    cache = without_passages(folder / "cache")
    options = ["--model", "smollm2", *(["--limit", str(limit)] if limit else [])]
    cold = examine(folder / "cold", *options, cache=cache)
    indexed = examine(folder / "indexed", *options, cache=cache)
    warm = examine(folder / "indexed", *options, cache=cache)
    return Finding(
        "SmolLM2-135M-Instruct on the sample",
        f"`pytest evals {' '.join(options)}` on the sample's test split, wall clock of the whole "
        "process, once each; the converted weights are there already. Then the prompts of the "
        "same cases in this process, the weights loaded, greedy, at most "
        f"{Decoding().max_tokens} tokens, once each: LocalChat's batches, in the dtype that it "
        "chooses here, against `generate` one prompt at a time.",
        [
            exam_row("cold: empty store, empty index", cold),
            exam_row("cold: empty store, index there", indexed),
            exam_row("warm: unchanged", warm),
            no_calls(warm),
            *generations(weights, prompts(limit, cache)),
        ],
    )


def generations(weights: Path, chats: Sequence[Sequence[Message]]) -> list[Row]:
    """Speeds of both ways in the same dtype, and of `generate` as the weights are stored."""
    import torch

    torch.set_num_threads(threads())
    base = LocalBase(weights, "cpu", choose_dtype("auto", "cpu"))
    dtype = getattr(torch, base.dtype)
    batched = generate_batched(base, chats)
    rows = [_speed(f"batched, {_name(dtype)}", batched)]
    for each in dict.fromkeys((dtype, torch.float32)):
        plain = generate_plain(weights, chats, each)
        name = f"plain `generate`, {_name(each)}"
        rows += [
            _speed(name, plain),
            Row(f"{name}: time over batched", f"{plain.seconds / batched.seconds:.2f} x"),
            Row(f"{name}: equal answers", f"{_equal(batched, plain)} of {len(chats)}"),
        ]
    return rows


def _name(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def _speed(what: str, run: Generation) -> Row:
    return Row(
        what,
        f"{run.seconds:.1f} s ({run.processor:.1f} s of processor), "
        f"{run.tokens_in / run.seconds:,.0f} tokens/s in, "
        f"{run.tokens_out / run.seconds:,.1f} tokens/s out",
    )


def _equal(one: Generation, other: Generation) -> int:
    return sum(a == b for a, b in zip(one.texts, other.texts, strict=True))


def without_passages(folder: Path) -> Path:
    """A cache folder that links to all of the user's but the passage index."""
    folder.mkdir(parents=True)
    for entry in cache_dir().iterdir():
        if entry.name != "passages":
            (folder / entry.name).symlink_to(entry)
    return folder


def prompts(limit: int | None, cache: Path) -> list[tuple[Message, ...]]:
    """The chats of the exam's cases, with the passages that it shows."""
    dataset = load_dataset("sample")
    cases = select(dataset, Selection(limit=limit))
    ranked = Retriever(RetrieverOptions(), dataset.name, cache / "passages").retrieve(cases)
    return [
        Template().messages(case.question, passages)
        for case, passages in zip(cases, ranked, strict=True)
    ]


def generate_batched(base: LocalBase, chats: Sequence[Sequence[Message]]) -> Generation:
    """All chats at once through the batches of a base."""
    chat = LocalChat("smollm2", base, Decoding())

    async def ask() -> Generation:
        await chat.preflight()
        begun, busy = time.perf_counter(), time.process_time()
        answers = await asyncio.gather(*(chat.chat(messages) for messages in chats))
        return Generation(
            time.perf_counter() - begun,
            time.process_time() - busy,
            sum(answer.tokens_in for answer in answers),
            sum(answer.tokens_out for answer in answers),
            tuple(answer.text for answer in answers),
        )

    return asyncio.run(ask())


def generate_plain(weights: Path, chats: Sequence[Sequence[Message]], dtype: Any) -> Generation:
    """One chat after the other through transformers, as its documentation does."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(weights)
    model = AutoModelForCausalLM.from_pretrained(weights, dtype=dtype).eval()

    def generate(messages: Sequence[Message], tokens: int) -> tuple[int, Any]:
        turns = [{"role": message.role, "content": message.content} for message in messages]
        inputs = tokenizer.apply_chat_template(
            turns, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        with torch.inference_mode():
            output = model.generate(**inputs, max_new_tokens=tokens, do_sample=False)
        width = inputs["input_ids"].shape[1]
        return width, output[0, width:]

    generate([Message("user", "Are you there?")], 1)
    begun, busy = time.perf_counter(), time.process_time()
    written = [generate(messages, Decoding().max_tokens) for messages in chats]
    texts = [tokenizer.decode(ids, skip_special_tokens=True).strip() for _, ids in written]
    return Generation(
        time.perf_counter() - begun,
        time.process_time() - busy,
        sum(width for width, _ in written),
        sum(len(ids) for _, ids in written),
        tuple(texts),
    )
