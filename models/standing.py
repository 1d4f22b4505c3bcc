"""Whether a base is still what it was.

That is seen by its content and by what it says, not by the settings of what was put on it: PiSSA
and OLoRA rewrite weights when an adapter is made, `bias` when its weights are loaded, and the next
method will do it in its own way.
"""

import contextlib
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fixtures.errors import UserError


@dataclass(frozen=True)
class Standing:
    """What a base is, before anything is put on it: each of its tensors, with its state then."""

    tensors: tuple[Any, ...]
    states: tuple[tuple[Any, ...], ...]

    @classmethod
    def of(cls, model: Any) -> "Standing":
        """The standing of a base, or of the frozen part of a PEFT model."""
        held = model.state_dict(keep_vars=True).values()
        tensors = {id(each): each for each in held}
        if hasattr(model, "peft_config"):
            tensors = {key: each for key, each in tensors.items() if not each.requires_grad}
        found = tuple(tensors.values())
        return cls(found, tuple(_states(model, found)))

    def altered(self, model: Any) -> bool:
        """Whether the base within `model` is another by now: its values, or how they are used."""
        return tuple(_states(model, self.tensors)) != self.states

    def check(self, model: Any) -> None:
        """Refuse an adapter in training that leaves the base another one than it found.

        Raises:
            UserError: with the adapter off, the model would not be the base: no reference for
                preferences, and not what the exam asks beside other adapters.
        """
        trained = any(each.requires_grad for each in self.tensors)
        values = [state[1:] for state in _states(model, self.tensors)]  # 16 bit may be held in 32
        if trained or values != [state[1:] for state in self.states]:
            raise UserError(
                "recipe: this adapter changes the base itself (bias, layer_replication, or an "
                "init_lora_weights such as pissa or olora), so that with the adapter off nobody "
                "has the base any more; leave that setting out"
            )


def _states(model: Any, tensors: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """Of each tensor its dtype, how often the model uses it, and the SHA-256 of its values."""
    uses = Counter(
        id(each)
        for module in model.modules()
        for each in (*module._parameters.values(), *module._buffers.values())
    )
    for tensor in tensors:
        yield str(tensor.dtype), uses[id(tensor)], _content(tensor)


def _content(tensor: Any) -> str:
    import torch

    if tensor.is_meta:
        return ""
    values = tensor.detach()
    if values.is_floating_point() and values.element_size() < 4:
        values = values.float()
    flat = values.cpu().contiguous().reshape(-1).view(torch.uint8)
    return hashlib.sha256(flat.numpy()).hexdigest()


def heard(model: Any, ids: Sequence[int], voices: Sequence[str | None]) -> list[Any]:
    """The logits after `ids`, by each adapter; None is the bare base."""
    import torch

    found, row = [], torch.tensor([list(ids)], device=model.device)
    with torch.inference_mode():
        for voice in voices:
            if voice is not None:
                model.set_adapter(voice)
            bare = voice is None and hasattr(model, "disable_adapter")
            with model.disable_adapter() if bare else contextlib.nullcontext():
                found.append(model(input_ids=row).logits[0, -1].clone())
    return found


def alike(some: Sequence[Any], others: Sequence[Any]) -> bool:
    """Whether the first of these logits are the same to the last bit."""
    import torch

    return all(torch.equal(one, other) for one, other in zip(some, others, strict=False))
