"""How likely a model holds replies that it did not write."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any


def reply_logprobs(
    model: Any, inputs: Mapping[str, Any], replied: Sequence[int]
) -> list[tuple[float, ...]]:
    """Log-probability (natural) of each of the last `replied[row]` ids, by row.

    Where the model allows it, only the logits of the longest reply are computed, not those of its
    prompt: (rows, longest + 1, vocabulary). Call it in inference mode.

    Args:
        model: a causal language model in evaluation mode, with or without adapters.
        inputs: `input_ids` and `attention_mask`, each (rows, length), padded on the left.
        replied: how many ids of each row belong to the reply; fewer than the row has.
    """
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    understood = inspect.signature(base.forward).parameters
    options: dict[str, Any] = {"use_cache": False}
    if "position_ids" in understood:  # without them the padding would be counted
        options["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)
    if "logits_to_keep" in understood:
        options["logits_to_keep"] = max(replied) + 1
    logits = model(input_ids=ids, attention_mask=mask, **options).logits
    rows = []
    for row, length in enumerate(replied):  # row by row: 32-bit copies of the logits are large
        steps = logits[row, -length - 1 : -1].float()
        chosen = steps.gather(1, ids[row, -length:, None])[:, 0] - steps.logsumexp(-1)
        rows.append(tuple(chosen.tolist()))
    return rows
