"""What a trainer is given: device, base, tokenizer, and the adapter to start from."""

import importlib.util
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from bar_exam.common.errors import UserError
from bar_exam.common.settings import check_keys
from bar_exam.models.chat import Decoding, Message
from bar_exam.models.local.adapters import check_config, put_on
from bar_exam.models.local.base import LocalBase
from bar_exam.models.local.chat import LocalChat
from bar_exam.models.local.devices import choose_device, choose_dtype
from bar_exam.models.local.pretrained import open_model
from bar_exam.models.local.standing import Standing
from bar_exam.models.local.weights import base_folder, check_adapter
from bar_exam.models.registry import LocalEntry, is_registered, read_entry
from bar_exam.training.data.lineage import required_manifest
from bar_exam.training.trainer.checkpoints import TRAINED
from bar_exam.training.trainer.recipe import Recipe


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


@dataclass(frozen=True)
class Parts:
    """Everything loaded but the weights.

    Attributes:
        folder: of the base.
        adapter: folder of the adapter to start from; None starts a new one.
        device: where training computes.
        chat: the base as the exam asks it: its tokens are the ones trained on.
    """

    folder: Path
    adapter: Path | None
    device: Device
    chat: LocalChat

    @property
    def tokenizer(self) -> Any:
        """The tokenizer, with a pad token."""
        return self.chat.base.tokenizer

    @property
    def positions(self) -> int:
        """The longest row, prompt and completion, that the base was made for."""
        return self.chat.base.positions

    def prompt_ids(self, prompt: tuple[Message, ...]) -> list[int]:
        """The tokens that the exam sends for this prompt."""
        return self.chat.ids(prompt)

    def reply_ids(self, reply: str) -> list[int]:
        """The tokens of a whole turn of the assistant, its end included."""
        text = self.chat.defused(reply)
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids + end_of_turn(self.tokenizer)


def end_of_turn(tokenizer: Any) -> list[int]:
    """What the chat template puts after a reply, up to the token at which generation stops."""
    mark = "REPLY"
    turns = [{"role": "user", "content": "question"}, {"role": "assistant", "content": mark}]
    text = tokenizer.apply_chat_template(turns, tokenize=False)
    ids: list[int] = tokenizer(text.rpartition(mark)[2], add_special_tokens=False)["input_ids"]
    end = tokenizer.eos_token_id
    return ids[: ids.index(end) + 1] if end in ids else [end]


def open_parts(recipe: Recipe, registry: Path, *, scores: bool = False) -> Parts:
    """Find base and adapter, and check that they belong together. Loads no weights.

    Args:
        recipe: what is to be trained.
        registry: where adapters are named.
        scores: a reward model is to be trained.

    Raises:
        UserError: one of them is missing, the adapter was made for another base, nobody says what
            it was trained on, or the exam could not load what `lora:` would make.
    """
    device = choose(recipe.quantize)
    folder = base_folder(recipe.base, recipe.revision)
    adapter = find_adapter(recipe.adapter, registry) if recipe.adapter else None
    if adapter:
        check_adapter(adapter, folder, scores=scores)
        required_manifest(adapter, "adapter")
    else:
        check_config(lora_config(recipe, scores=scores), folder, scores=scores)
    base = LocalBase(folder, device.kind, device.dtype)
    chat = LocalChat(recipe.name, base, Decoding(), adapter)
    _ = chat.base.tokenizer
    return Parts(folder, adapter, device, chat)


def find_adapter(named: str, registry: Path) -> Path:
    """The adapter folder of a registry name; a name that is a folder stands for itself.

    Raises:
        UserError: neither, or an entry without an adapter.
    """
    folder = Path(named).expanduser()
    if (folder / "adapter_config.json").is_file():
        return folder
    if not is_registered(named, registry):
        raise UserError(
            f"adapter {named}: no folder with an adapter_config.json, and not in {registry}; "
            "train it first, or name another with --set adapter=NAME"
        )
    entry = read_entry(named, registry)
    if not isinstance(entry, LocalEntry) or entry.adapter is None:
        raise UserError(f"adapter {named}: its entry in {registry} names no adapter")
    return entry.adapter


def load_model(parts: Parts, recipe: Recipe, *, scores: bool = False) -> tuple[Any, Any]:
    """(model, LoraConfig): a base with its config for a new adapter, or adapter and None.

    The base is held in the device's dtype, LoRA weights in 32 bit. A model that `scores` has one
    output, of its own, instead of a vocabulary.

    Raises:
        UserError: the weights cannot be loaded, or `lora:` has a key that peft does not know.
    """
    from transformers import set_seed

    config = None if parts.adapter else lora_config(recipe, scores=scores)
    set_seed(recipe.seed)
    model = open_model(
        parts.folder,
        parts.device.dtype,
        scores=scores,
        attn_implementation=parts.device.attention(masked=bool(recipe.bundle_tokens)),
        quantization_config=_four_bits(parts.device) if recipe.quantize else None,
    )
    model.config.pad_token_id = parts.tokenizer.pad_token_id
    if parts.adapter:
        standing = Standing.of(model)
        model = put_on(model, parts.adapter, TRAINED, trainable=True)
        standing.check(model)
        # The recipe's name for the base is none that peft could look up when it saves.
        model.peft_config[model.active_adapter].base_model_name_or_path = str(parts.folder)
    return model, config


def lora_config(recipe: Recipe, *, scores: bool = False) -> Any:
    """The recipe's `lora:` as peft's own configuration.

    Raises:
        UserError: a key that it does not have, or an impossible value.
    """
    from peft import LoraConfig

    check_keys("lora", recipe.lora, {field.name for field in fields(LoraConfig)})
    values = {"target_modules": "all-linear", **recipe.lora}
    values["task_type"] = "SEQ_CLS" if scores else "CAUSAL_LM"
    try:
        return LoraConfig(**values)
    except (TypeError, ValueError) as error:
        raise UserError(f"lora: {str(error).splitlines()[0]}") from error


def _four_bits(device: Device) -> Any:
    import torch
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, device.dtype),
    )
