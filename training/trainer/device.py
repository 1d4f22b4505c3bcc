"""Where training computes: the device of this machine, and the processes that share the work."""

import importlib.util
import os
from typing import Any

from common.errors import UserError
from common.loading import LOADING
from models.local.devices import choose_device, choose_dtype

AMPERE = (8, 0)
"""Compute capability of the first GPUs that FlashAttention 2 is made for."""


def choose(quantize: bool = False) -> tuple[str, str]:
    """(device, dtype): `cpu` or `cuda`, and torch's name of what the base is held in.

    Raises:
        UserError: 4 bit is asked for where there is no CUDA device, or no bitsandbytes.
    """
    device = choose_device("auto")
    if quantize and device != "cuda":
        raise UserError(
            "quantize: true (QLoRA) needs a CUDA device, and this machine has none; "
            "add --set quantize=false"
        )
    if quantize and not importlib.util.find_spec("bitsandbytes"):
        raise UserError("quantize: true (QLoRA) needs bitsandbytes; type pip install bitsandbytes")
    return device, choose_dtype("auto", device)


def device_settings(device: str, dtype: str) -> dict[str, Any]:
    """Keys of every trl config that the device decides.

    On a CPU the base is loaded in 16 bit where the processor computes in it; trl's own `bf16`
    would cast every weight again at every step.
    """
    if device == "cpu":
        return {
            "use_cpu": True,
            "bf16": False,
            "gradient_checkpointing": False,
            "dataloader_pin_memory": False,
        }
    return {
        "bf16": dtype == "bfloat16",
        "fp16": dtype == "float16",
        "gradient_checkpointing": True,
    }


def attention(device: str, *, masked: bool = False) -> str:
    """The attention kernel: FlashAttention where it can be used, else torch's own.

    On a CPU it is plain matrix products: backwards, torch's fused kernel is slower there.

    Args:
        device: `cpu` or `cuda`.
        masked: whether a mask says who sees whom, which FlashAttention does not take.
    """
    if device == "cpu":
        return "eager"
    return "flash_attention_2" if not masked and _flash() else "sdpa"


def _flash() -> bool:
    """Whether FlashAttention is installed whole, and this GPU is one that it computes on."""
    import torch

    with LOADING:
        from transformers.utils import is_flash_attn_2_available

    return bool(is_flash_attn_2_available()) and torch.cuda.get_device_capability() >= AMPERE


def first_process() -> bool:
    """Whether this process, of those that were launched together, is the one that writes."""
    return os.environ.get("RANK", "0") == "0"


def processes() -> int:
    """How many of them train together, each on rows of its own."""
    return int(os.environ.get("WORLD_SIZE", "1"))
