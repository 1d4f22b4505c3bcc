"""Where a local model computes, in what, and in how much memory."""

import os
from pathlib import Path

LIMIT = Path("/sys/fs/cgroup/memory.max")
"""How much memory a container may use, where one is set."""


def choose_device(wanted: str) -> str:
    """`cuda` where `auto` finds one, else `cpu`; anything else stands."""
    if wanted != "auto":
        return wanted
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def choose_dtype(wanted: str, device: str) -> str:
    """A torch dtype's name: for `auto`, 16 bit where the device computes in it, else float32."""
    if wanted != "auto":
        return wanted
    import torch

    if device == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    native = torch.cpu.get_capabilities()
    return "bfloat16" if native.get("avx512_bf16") or native.get("amx_bf16") else "float32"


def memory(device: str) -> int:
    """Bytes of memory that a device has, free or not; 0 where there is no such device."""
    if device == "cuda":
        import torch

        return torch.cuda.get_device_properties(0).total_memory if torch.cuda.is_available() else 0
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(whole, int(LIMIT.read_text(encoding="ascii")))
    except (OSError, ValueError):  # `max`, or another system
        return whole
