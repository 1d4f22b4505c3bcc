"""Logits for completion tokens alone.

Prompts are long and answers short: of 800 tokens some 20 are trained on. trl 1.16 gives its models
a head that projects those alone with Triton, and every position without it, so that on a CPU a
vocabulary of 49,152 costs more than half a small model. This head takes its place there.
"""

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from types import MethodType
from typing import Any

from training.loss.prefix_sharing import Together, together


@contextlib.contextmanager
def completion_head(trainer_class: Any, device: str) -> Iterator[None]:
    """Trainers of trl built inside get this module's head, on a CPU; nothing changes on CUDA."""
    modules = [sys.modules[each.__module__] for each in trainer_class.__mro__]
    found = [module for module in modules if hasattr(module, "add_fused_lm_head")]
    if device != "cpu" or not found:
        yield
        return
    module: Any = found[0]
    kept = module.add_fused_lm_head
    module.add_fused_lm_head = add_completion_head
    try:
        yield
    finally:
        module.add_fused_lm_head = kept


def add_completion_head(
    model: Any,
    temperature: float = 1.0,
    cast_lm_head_to_fp32: bool = False,
    outputs: Sequence[str] = ("log_probs",),
) -> None:
    """Do what trl's `add_fused_lm_head` does, by the model's own forward at the wanted positions.

    `model(..., labels=labels, fused_lm_head=True)` returns trl's FusedCausalLMOutput: fields of
    shape (rows, length - 1), zero where the label is -100. Logits are 32 bit from here on.
    """
    plain = model.forward

    def forward(self: Any, *args: Any, fused_lm_head: bool = False, **kwargs: Any) -> Any:
        if not fused_lm_head:
            return plain(*args, **kwargs)
        labels = kwargs.pop("labels")
        kwargs.pop("num_items_in_batch", None)
        kwargs["use_cache"] = False
        batch = _shared(kwargs, labels, self.dtype) if not args else None
        if batch is None:
            return _scored(plain, args, kwargs, labels[:, 1:], temperature, outputs)
        inputs = {**batch.inputs, "use_cache": False}
        found = _scored(plain, (), inputs, batch.labels[:, 1:], temperature, outputs)
        values = {name: batch.apart(each) for name, each in found.items() if name != "loss"}
        return type(found)(loss=found.loss, **values)

    model.forward = MethodType(functools.wraps(type(model).forward)(forward), model)


def _shared(kwargs: dict[str, Any], labels: Any, dtype: Any) -> Together | None:
    """The batch with what its rows share computed once, where that is all there is to it."""
    given = {name for name, value in kwargs.items() if value is not None}  # peft names them all
    if given != {"input_ids", "attention_mask", "use_cache"} or len(labels) == 1:
        return None
    if kwargs["attention_mask"].dim() != 2:
        return None
    return together(kwargs["input_ids"], kwargs["attention_mask"], labels, dtype)


def _scored(
    plain: Any, args: Any, kwargs: Any, labels: Any, temperature: float, outputs: Sequence[str]
) -> Any:
    """The output at every position whose next token has a label in any row of the batch."""
    import torch
    from trl.trainer.utils import FusedCausalLMOutput

    mask = labels != -100
    wanted = mask.any(0).nonzero().flatten()
    logits = plain(*args, **kwargs, logits_to_keep=wanted).logits.float() / temperature
    every = torch.log_softmax(logits, -1)
    targets, inside = labels[:, wanted].clamp(min=0), mask[:, wanted]

    def placed(values: Any) -> Any:
        full = values.new_zeros(labels.shape)
        return full.index_copy(1, wanted, values.masked_fill(~inside, 0))

    log_probs = placed(every.gather(-1, targets[..., None])[..., 0])
    rules: dict[str, Callable[[], Any]] = {
        "log_sum_sq_probs": lambda: (2 * every).logsumexp(-1),
        "mean_logits": lambda: logits.mean(-1),
        "is_top1": lambda: every.argmax(-1) == targets,
    }
    with torch.no_grad():
        extra = {name: placed(rule()) for name, rule in rules.items() if name in outputs}
    if "entropy" in outputs:  # with gradient: an entropy bonus may be a part of the loss
        extra["entropy"] = placed(-(every.exp() * every).sum(-1))
    loss = -log_probs.sum() / mask.sum().clamp(min=1)
    return FusedCausalLMOutput(loss=loss, log_probs=log_probs, label_mask=mask, **extra)
