"""One batch, written or read: functions of a model in memory, its tokenizer and the batch.

The model is in evaluation mode and speaks with the batch's adapter; gradients are off.
"""

import inspect
import time
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from models.chat import Answer, Decoding
from models.local.batching import Job, Reading
from models.spoken import answered, begun, decoded

PROPOSED_TOKENS = 10


def generate(model: Any, tokenizer: Any, batch: Sequence[Job]) -> list[Answer]:
    """The answers to prompts that share a decoding, in their order."""
    started = time.perf_counter()
    decoding = batch[0].decoding
    inputs = _padded(model, tokenizer, batch)
    output = model.generate(
        **inputs,
        **_sampling(model, decoding, alone=len(batch) == 1),
        **({"stop_strings": list(decoding.stop), "tokenizer": tokenizer} if decoding.stop else {}),
        max_new_tokens=decoding.max_tokens,
        pad_token_id=tokenizer.pad_token_id,
        return_dict_in_generate=True,
        output_logits=True,
    )
    written = output.sequences[:, inputs["input_ids"].shape[1] :]
    chosen = _chosen_logprobs(output.logits, written)
    seconds = time.perf_counter() - started
    ends = {*_as_list(model.generation_config.eos_token_id), tokenizer.eos_token_id}
    return [
        _answer(tokenizer, job, row, logs, ends, seconds)
        for job, row, logs in zip(batch, written.tolist(), chosen.tolist(), strict=True)
    ]


def likelihoods(model: Any, tokenizer: Any, batch: Sequence[Reading]) -> list[tuple[float, ...]]:
    """Log-probability (natural) of each id of replies that the model did not write, in their order.

    Where the model allows it, only the logits of the longest reply are computed, not those of its
    prompt: (rows, longest + 1, vocabulary).
    """
    inputs = _padded(model, tokenizer, batch)
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    understood = inspect.signature(base.forward).parameters
    options: dict[str, Any] = {"use_cache": False}
    if "position_ids" in understood:  # without them the padding would be counted
        options["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)
    if "logits_to_keep" in understood:
        options["logits_to_keep"] = max(each.replied for each in batch) + 1
    logits = model(input_ids=ids, attention_mask=mask, **options).logits
    rows = []
    for row, each in enumerate(batch):  # row by row: 32-bit copies of the logits are large
        steps = logits[row, -each.replied - 1 : -1].float()
        chosen = steps.gather(1, ids[row, -each.replied :, None])[:, 0] - steps.logsumexp(-1)
        rows.append(tuple(chosen.tolist()))
    return rows


def _padded(model: Any, tokenizer: Any, batch: Sequence[Job | Reading]) -> Any:
    """`input_ids` and `attention_mask`, each (rows, longest), padded on the left."""
    rows = {"input_ids": [each.ids for each in batch]}
    return tokenizer.pad(rows, return_tensors="pt").to(model.device)


def _sampling(model: Any, decoding: Decoding, *, alone: bool) -> dict[str, Any]:
    import torch

    if decoding.temperature > 0:
        torch.manual_seed(decoding.seed or 0)
        return {
            "do_sample": True,
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
        }
    if alone and not getattr(model, "_is_stateful", False):
        # Answers quote their passages: words found there are proposed, and verified at once.
        return {"do_sample": False, "prompt_lookup_num_tokens": PROPOSED_TOKENS}
    return {"do_sample": False}


def _chosen_logprobs(logits: Sequence[Any], written: Any) -> Any:
    """Log-probabilities (rows, steps) of the ids `written` (rows, steps).

    `logits` has one tensor a step, each (rows, vocabulary).
    """
    import torch

    columns = [
        torch.log_softmax(step.float(), -1).gather(1, column[:, None])[:, 0]
        for step, column in zip(logits, written.T, strict=True)
    ]
    return torch.stack(columns, dim=1)


def _answer(
    tokenizer: Any,
    job: Job,
    row: Sequence[int],
    logs: Sequence[float],
    ends: set[int],
    seconds: float,
) -> Answer:
    stop = _stop(tokenizer, row, job.decoding.stop)
    end = next((place + 1 for place, token in enumerate(row[:stop]) if token in ends), stop)
    length = len(row) if end is None else end
    text = decoded(tokenizer, row[:length], job.decoding.stop)
    return answered(
        text,
        inside=begun(tokenizer, job.ids),
        tokens_in=len(job.ids),
        tokens_out=length,
        latency=seconds,
        finish_reason="length" if end is None else "stop",
        confidence=sum(logs[:length]) / length if length else None,
    )


def _stop(tokenizer: Any, row: Sequence[int], stops: Sequence[str]) -> int | None:
    """With how many tokens a row has said one of the stops; None where it does not.

    A row that said it is padded while others of its batch go on; a token may say more than a stop.
    """

    def said(length: int) -> bool:
        text = tokenizer.decode(row[:length], clean_up_tokenization_spaces=False)
        return any(stop in text for stop in stops)

    if not stops or not said(len(row)):
        return None
    return bisect_left(range(len(row)), True, key=said)


def _as_list(ids: int | list[int] | None) -> list[int]:
    if ids is None:
        return []
    return [ids] if isinstance(ids, int) else list(ids)
