"""Where training computes, and the settings that follow from it."""

import importlib.util
from dataclasses import dataclass
from typing import Any

from fixtures.errors import UserError
from models.devices import choose_device, choose_dtype


@dataclass(frozen=True, slots=True)
class Device:
    """`kind` is cpu or cuda; `dtype` is torch's name of what the base is held in."""

    kind: str
    dtype: str

    @property
    def settings(self) -> dict[str, Any]:
        """Keys of every trl config that the device decides.

        On a CPU the base is loaded in 16 bit where the processor computes in it; trl's own `bf16`
        would cast every weight again at every step.
        """
        if self.kind == "cpu":
            return {
                "use_cpu": True,
                "bf16": False,
                "gradient_checkpointing": False,
                "dataloader_pin_memory": False,
            }
        return {
            "bf16": self.dtype == "bfloat16",
            "fp16": self.dtype == "float16",
            "gradient_checkpointing": True,
        }

    def attention(self, *, masked: bool = False) -> str:
        """The attention kernel: FlashAttention where it is installed, else torch's own.

        On a CPU it is plain matrix products: backwards, torch's fused kernel is slower there.

        Args:
            masked: whether a mask says who sees whom, which FlashAttention does not take.
        """
        if self.kind == "cpu":
            return "eager"
        flash = not masked and importlib.util.find_spec("flash_attn")
        return "flash_attention_2" if flash else "sdpa"


def choose(quantize: bool = False) -> Device:
    """The device of this machine.

    Raises:
        UserError: 4 bit is asked for where there is no CUDA device, or no bitsandbytes.
    """
    kind = choose_device("auto")
    if quantize and kind != "cuda":
        raise UserError(
            "quantize: true (QLoRA) needs a CUDA device, and this machine has none; "
            "add --set quantize=false"
        )
    if quantize and not importlib.util.find_spec("bitsandbytes"):
        raise UserError("quantize: true (QLoRA) needs bitsandbytes; type pip install bitsandbytes")
    return Device(kind, choose_dtype("auto", kind))
