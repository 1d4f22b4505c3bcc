"""Whether a base is still what it was.

That is seen by its content and by what it says, not by the settings of what was put on it: PiSSA
and OLoRA rewrite weights when an adapter is made, `bias` when its weights are loaded, and the next
method will do it in its own way.
"""

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import UserError


@dataclass(frozen=True)
class Standing:
    """What a base is, before anything is put on it.

    Attributes:
        tensors: its parameters and buffers.
        places: the order in which its modules use them, by their number in `tensors`.
        types: their dtypes.
        values: SHA-256 of their values, whatever dtype they are held in.
    """

    tensors: tuple[Any, ...]
    places: tuple[int, ...]
    types: tuple[str, ...]
    values: tuple[str, ...]

    @classmethod
    def of(cls, model: Any) -> "Standing":
        """The standing of a base, or of the frozen part of a PEFT model."""
        adapted = hasattr(model, "peft_config")
        held = {
            id(each): each
            for each in model.state_dict(keep_vars=True).values()
            if not (adapted and each.requires_grad)
        }
        return cls._now(model, tuple(held.values()))

    @classmethod
    def _now(cls, model: Any, tensors: tuple[Any, ...]) -> "Standing":
        number = {id(each): place for place, each in enumerate(tensors)}
        places = [
            place
            for _, module in model.named_modules(remove_duplicate=False)
            for place in sorted(
                number[id(each)]  # some adapters put a weight back behind its bias
                for each in (*module._parameters.values(), *module._buffers.values())
                if id(each) in number
            )
        ]
        types = tuple(str(each.dtype) for each in tensors)
        return cls(tensors, tuple(places), types, tuple(map(_content, tensors)))

    def altered(self, model: Any) -> bool:
        """Whether the base within `model` is another by now: its values, or how they are used."""
        now = self._now(model, self.tensors)
        return (now.places, now.types, now.values) != (self.places, self.types, self.values)

    def check(self, model: Any) -> None:
        """Refuse an adapter in training that leaves the base another one than it found.

        Raises:
            UserError: with the adapter off, the model would not be the base: no reference for
                preferences, and not what the exam asks beside other adapters.
        """
        now = self._now(model, self.tensors)  # its types may be others: 16 bit held in 32
        trained = any(each.requires_grad for each in self.tensors)
        if trained or (now.places, now.values) != (self.places, self.values):
            raise UserError(
                "recipe: this adapter changes the base itself (bias, layer_replication, or an "
                "init_lora_weights such as pissa or olora), so that with the adapter off nobody "
                "has the base any more; leave that setting out"
            )


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
    """Whether these are the same logits, but for the last digits: those vary with the memory."""
    import torch

    def near(one: Any, other: Any) -> bool:
        allowed = 8 * torch.finfo(one.dtype).eps * one.float().norm()
        return bool((one.float() - other.float()).norm() <= allowed)

    return all(near(one, other) for one, other in zip(some, others, strict=False))
