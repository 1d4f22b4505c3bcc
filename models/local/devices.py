"""Where a local model computes, and in what."""


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
