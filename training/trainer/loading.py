"""A recipe resolved: base, adapter to start from, config and origin; and the model, later.

Everything is checked here, before a run's folder is touched. Weights are read by `load_model`.
"""

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.settings import check_keys
from models.chat import Decoding
from models.local.adapters import check_config, put_on
from models.local.base import LocalBase
from models.local.chat import LocalChat
from models.local.entry import LocalEntry, adapter_folder
from models.local.lacking import FOUR_BIT, WIDTHS, no_adapter, short_of
from models.local.pretrained import open_model
from models.local.standing import Standing
from models.local.weights import base_folder, check_adapter, weights_bytes
from models.registry import is_registered, read_entry
from training.data.examples import Example, read_meta
from training.data.lineage import required_manifest
from training.trainer.arguments import build_arguments, check_arguments
from training.trainer.device import attention, choose, device_settings, processes
from training.trainer.failures import explained
from training.trainer.method import TRAINED, Method
from training.trainer.origin import Origin, take_origin
from training.trainer.recipe import Recipe
from training.trainer.validation import exam_rows


@dataclass(frozen=True)
class Loaded:
    """All that a run is made of, but for weights and rows, which are read when it goes on.

    Attributes:
        method: how it is trained.
        recipe: as it was written.
        folder: of checkpoints and logs.
        chat: the base as the exam asks it, with the adapter to start from (None is a new one); its
            tokens are the ones trained on.
        arguments: the trainer's config.
        exam: rows of the validation exam; empty where none is held.
        origin: digests of the files, and what is known of the data.
    """

    method: Method
    recipe: Recipe
    folder: Path
    chat: LocalChat
    arguments: Any
    exam: tuple[Example, ...]
    origin: Origin


def load(method: Method, recipe: Recipe, registry: Path, folder: Path) -> Loaded:
    """Resolve a recipe, once.

    Args:
        method: how it is trained.
        recipe: what is trained.
        registry: where adapters are named.
        folder: of checkpoints and logs.

    Raises:
        UserError: recipe, method, data, base, adapter and machine do not go together.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    given = check_arguments(method, recipe)
    meta = read_meta(recipe.data)
    chat = open_chat(recipe, registry, scores=method.scores)
    settings = device_settings(chat.base.device, chat.base.dtype)
    with explained(folder, method.name):
        arguments = build_arguments(method, recipe, given, settings, folder)
    origin = take_origin(recipe, chat, meta)
    return Loaded(method, recipe, folder, chat, arguments, exam_rows(recipe), origin)


def open_chat(recipe: Recipe, registry: Path, *, scores: bool = False) -> LocalChat:
    """The base with the adapter to start from, which belong together. Loads no weights.

    Args:
        recipe: what is to be trained.
        registry: where adapters are named.
        scores: a reward model is to be trained.

    Raises:
        UserError: one of them is missing, the adapter was made for another base, nobody says what
            it was trained on, or the exam could not load what `lora:` would make.
    """
    device, dtype = choose(recipe.quantize)
    adapter = find_adapter(recipe.adapter, registry) if recipe.adapter else None
    folder = base_folder(recipe.base, recipe.revision)
    width = FOUR_BIT if recipe.quantize else WIDTHS[dtype]
    alone = processes() == 1  # several may hold a part of it each
    if alone and (reason := short_of(device, weights_bytes(folder, width))):
        raise UserError(f"base {recipe.base}: {reason}")
    if adapter:
        check_adapter(adapter, folder, scores=scores)
        required_manifest(adapter, "adapter")
    else:
        check_config(lora_config(recipe, scores=scores), folder, scores=scores)
    chat = LocalChat(recipe.base, LocalBase(folder, device, dtype), Decoding(), adapter)
    _ = chat.base.tokenizer
    return chat


def find_adapter(named: str, registry: Path) -> Path:
    """The adapter folder of a registry name; a name that is a folder stands for itself.

    Raises:
        UserError: neither, or an entry without an adapter, or whose adapter is yet to be made.
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
    adapter = adapter_folder(entry)
    if adapter is None or not adapter.exists():
        raise UserError(f"adapter {named}: {no_adapter(entry)}")
    return adapter


def load_model(chat: LocalChat, recipe: Recipe, *, scores: bool = False) -> tuple[Any, Any]:
    """(model, LoraConfig): a base with its config for a new adapter, or adapter and None.

    The base is held in the device's dtype, LoRA weights in 32 bit. A model that `scores` has one
    output, of its own, instead of a vocabulary.

    Raises:
        UserError: the weights cannot be loaded, or `lora:` has a key that peft does not know.
    """
    from transformers import set_seed

    base, adapter = chat.base, chat.adapter
    config = None if adapter else lora_config(recipe, scores=scores)
    set_seed(recipe.seed)
    model = open_model(
        base.folder,
        base.dtype,
        scores=scores,
        attn_implementation=attention(base.device, masked=bool(recipe.bundle_tokens)),
        quantization_config=_four_bits(base.dtype) if recipe.quantize else None,
    )
    model.config.pad_token_id = base.tokenizer.pad_token_id
    if adapter:
        standing = Standing.of(model)
        model = put_on(model, adapter, TRAINED, trainable=True)
        standing.check(model)
        # The recipe's name for the base is none that peft could look up when it saves.
        model.peft_config[model.active_adapter].base_model_name_or_path = str(base.folder)
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


def _four_bits(dtype: str) -> Any:
    import torch
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, dtype),
    )
