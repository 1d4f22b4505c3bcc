"""What a local model needs and this machine may lack, all of it in one line with what brings it."""

import math
from pathlib import Path

from common.errors import UserError
from models.local.devices import choose_device, choose_dtype, memory
from models.local.entry import LocalEntry
from models.local.weights import fetching, is_at_hand, weights_bytes

WIDTHS = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0}
"""Bytes of a weight, by dtype."""

FOUR_BIT = 0.75
"""Bytes of a weight of an 8B base in 4 bit, whose embeddings and head stay in 16."""

BESIDE = 1.1
"""What activations, keys and values need at least, beside weights of 1."""

ELSEWHERE = "or serve it elsewhere (vLLM, Bedrock) and examine that entry: docs/servers.md"


def check_there(name: str, entry: LocalEntry) -> None:
    """Refuse a model whose files are not here, and say at once what else it will want.

    A base that can be fetched is no reason alone: who opens it fetches it. Nor is a device, since
    a model can be identified where it cannot be asked.

    Raises:
        UserError: the adapter is not there; or neither are the base and room for it.
    """
    absent, at_hand = no_adapter(entry), is_at_hand(entry.base, entry.revision)
    if at_hand and not absent:
        return
    room = no_room(entry)
    if absent or room:
        lacks = [absent, None if at_hand else no_weights(entry), room, room and ELSEWHERE]
        raise UserError(f"model {name} cannot be asked here: {'; '.join(filter(None, lacks))}")


def check_room(base: Path, device: str, dtype: str) -> None:
    """Refuse to load weights that this machine does not hold.

    Raises:
        UserError: no such device, or too little memory; without this line a process on a CPU would
            be killed without a word.
    """
    if reason := short_of(device, weights_bytes(base, WIDTHS[dtype])):
        raise UserError(f"{reason}; {ELSEWHERE}")


def no_adapter(entry: LocalEntry) -> str | None:
    """That the adapter of an entry is not there, and who makes it; None where it is, or is none.

    One in S3 is pulled by whoever opens it.
    """
    if not isinstance(entry.adapter, Path) or entry.adapter.exists():
        return None
    made_by = f"`{entry.made_by}` makes it" if entry.made_by else "train or restore it"
    return f"its adapter {entry.adapter} is not there ({made_by})"


def no_weights(entry: LocalEntry) -> str:
    """That the weights of an entry's base are not there, and which command brings them."""
    brought = fetching(entry.base, entry.revision)
    return f"the weights of {entry.base} are not on this machine ({brought})"


def no_room(entry: LocalEntry) -> str | None:
    """What of device and memory is missing for an entry, as far as entry and base tell."""
    device = choose_device(entry.device)
    width = WIDTHS[choose_dtype(entry.dtype, device)]
    here = Path(entry.base).is_dir()
    size = weights_bytes(Path(entry.base), width) if here else width * (entry.parameters or 0)
    return short_of(device, size)


def short_of(device: str, weights: float) -> str | None:
    """That a device is missing, or too small for so many bytes of weights."""
    wanted, found = BESIDE * weights, memory(device)
    if wanted <= found and (found or device == "cpu"):
        return None
    size = f"{math.ceil(wanted / 1e9)} GB" if wanted else "memory for it"
    if not found:
        return f"there is no CUDA GPU here, and it needs one with {size} or more"
    where = "the GPU" if device == "cuda" else "this machine"
    return f"it needs {size} of memory in this dtype, and {where} has {found / 1e9:.0f} GB"
