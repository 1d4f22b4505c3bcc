"""Adapters, put on a base: the one place where PEFT loads them, and each weight has its place."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.loading import LOADING, first_line, from_folder
from models.local.standing import Standing

SIZES = re.compile(r"size mismatch for (\S+?): .*?shape torch.Size\((\[.*?\])\) from checkpoint")


def read_config(adapter: Path) -> Any:
    """An adapter's own configuration, as PEFT reads it.

    Raises:
        UserError: it cannot be read.
    """
    from peft import PeftConfig

    return from_folder(PeftConfig, adapter)


def put_on(model: Any, adapter: Path, name: str, *, trainable: bool = False) -> Any:
    """The model with one more adapter, each weight of which has found its place.

    Args:
        model: a base, or a PEFT model; changed in place, and of no use after a UserError.
        adapter: its folder.
        name: under which the adapter is chosen.
        trainable: whether its weights are to be trained.

    Raises:
        UserError: it is no adapter for this base, or a weight has no place, or a place no weight.
    """
    from peft import PeftModel

    config = read_config(adapter)
    config.inference_mode = not trainable
    try:
        if not isinstance(model, PeftModel):
            model = wrapped(model, config, name)
        empty = model.device.type == "meta"
        with LOADING:
            found = model.load_adapter(
                str(adapter),
                name,
                is_trainable=trainable,
                torch_device="cpu" if empty else str(model.device),
                low_cpu_mem_usage=empty,
            )
    except MemoryError:
        raise
    except Exception as error:
        raise UserError(_explained(error, model, adapter, name)) from error
    if not config.is_prompt_learning:  # the weights of a prompt are loaded apart, or not at all
        _check_places(found, model, adapter, name)
    return model


def wrapped(model: Any, config: Any, name: str) -> Any:
    """A base with a new adapter."""
    from peft import get_peft_model

    config.base_model_name_or_path = None  # the folder may be called otherwise here
    with LOADING:
        return get_peft_model(model, config, adapter_name=name)


def _explained(error: Exception, model: Any, adapter: Path, name: str) -> str:
    """One line for what PEFT made of an adapter that does not fit."""
    mismatch = SIZES.search(str(error))
    if mismatch is None:
        missing = f"no weights for {error}" if isinstance(error, KeyError) else first_line(error)
        return f"adapter {adapter} cannot be put on its base: {missing}{_trained_on(adapter)}"
    key, shape = mismatch.groups()
    inner = model.get_submodule(re.split(r"\.(?:lora_|base_layer|modules_to_save)", key)[0])
    target = getattr(getattr(inner, "base_layer", inner), "weight", None)
    return (
        f"adapter {adapter} does not fit base {_base_name(model)}: {_plain(key, name)} is {shape}, "
        f"the base has {list(target.shape) if target is not None else 'another shape'}"
        f"{_trained_on(adapter)}"
    )


def _check_places(found: Any, model: Any, adapter: Path, name: str) -> None:
    """Refuse what PEFT passes over in silence."""
    modules = {module for module, _ in model.named_modules()}
    for key in found.unexpected_keys:
        module = key.partition(".lora_")[0] if ".lora_" in key else key.rpartition(".")[0]
        reason = (
            "adapter_config.json does not make one there"
            if module in modules
            else "the base has no such module"
        )
        raise UserError(
            f"adapter {adapter} does not fit base {_base_name(model)}: {_plain(key, name)} would "
            f"be left out ({len(found.unexpected_keys)} such weights): {reason}"
            f"{_trained_on(adapter)}"
        )
    for key in found.missing_keys:
        raise UserError(
            f"adapter {adapter}: adapter_config.json asks for {_plain(key, name)}, and "
            f"adapter_model.safetensors does not have it ({len(found.missing_keys)} such weights); "
            "train or export it again"
        )


def alone(load: Callable[[], Any], adapter: Path, name: str) -> Any:
    """An adapter on a base that nobody else is asked on, and whose weights it may change.

    Args:
        load: loads that base.
        adapter: folder of the adapter.
        name: under which it is chosen.

    Raises:
        UserError: see `put_on`; or every loading of it makes another model, and none is the one
            that was trained.
    """
    import torch

    values, model = set(), None
    for seed in (0, 1):
        del model  # memory holds one base more at most
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = put_on(load(), adapter, name).eval()
        values.add(Standing.of(model).values)
        if len(values) > 1:
            raise UserError(
                f"adapter {adapter} changes its base by numbers drawn at random when it is loaded, "
                "so that the model that was trained cannot be had again; save it with "
                "path_initial_model_for_weight_conversion"
            )
    return model


def check_effect(model: Any, ids: Sequence[int], adapter: Path, name: str) -> None:
    """Refuse an adapter whose weights have nothing to do with what is said after `ids`.

    Their gradient is looked at: what a few steps of training moved is lost among 16 bits. A new
    adapter, which has not been moved yet, is none of that.

    Raises:
        UserError: it has weights, and they are of no effect.
    """
    import torch

    model.set_adapter(name)
    last = [
        weight
        for key, weight in model.named_parameters()
        if f".{name}" in key and ("lora_B" in key or "lora_embedding_A" in key)
    ]
    if not any(bool(weight.any()) for weight in last):
        return
    with torch.enable_grad():
        for weight in last:
            weight.requires_grad_(True)
        said = model(input_ids=torch.tensor([list(ids)], device=model.device)).logits[0, -1]
        found = torch.autograd.grad(said.float().square().sum(), last, allow_unused=True)
    for weight in last:
        weight.requires_grad_(False)
    if not any(each is not None and bool(each.any()) for each in found):
        raise UserError(
            f"adapter {adapter} moves nothing: its weights are loaded and have no effect; see "
            "lora_alpha and alora_invocation_tokens in its adapter_config.json"
        )


def _plain(key: str, name: str) -> str:
    """A weight's name as the file has it."""
    return key.replace(f".{name}.", ".").removesuffix(f".{name}")


def _base_name(model: Any) -> str:
    return Path(str(getattr(model, "name_or_path", "") or model.config.name_or_path)).name


def _trained_on(adapter: Path) -> str:
    base = getattr(read_config(adapter), "base_model_name_or_path", None)
    return f"; it was trained on {base!r}" if base else ""


def empty_base(folder: Path, *, scores: bool = False) -> Any:
    """A base without its weights, which knows their shapes alone.

    Args:
        folder: of the base.
        scores: whether it gives a number, as a reward model does, instead of words.

    Raises:
        UserError: its configuration cannot be read, or describes no such model.
    """
    import torch

    with LOADING:
        from transformers import (
            AutoConfig,
            AutoModelForCausalLM,
            AutoModelForSequenceClassification,
        )

    config = from_folder(AutoConfig, folder)
    family = AutoModelForSequenceClassification if scores else AutoModelForCausalLM
    if scores:
        config.num_labels = 1
    try:
        with torch.device("meta"), LOADING:
            model = family.from_config(config, trust_remote_code=False)
    except Exception as error:
        raise UserError(f"base {folder} is no model that writes: {first_line(error)}") from error
    model.config.name_or_path = str(folder)
    return model


def check_fit(adapter: Path, base: Path, *, scores: bool = False) -> None:
    """Put an adapter on a base without weights: PEFT itself says what fits. See `put_on`."""
    import torch

    with torch.device("meta"):
        put_on(empty_base(base, scores=scores), adapter, "default")


def check_config(config: Any, base: Path, *, scores: bool = False) -> None:
    """Refuse a configuration that no adapter of this base can be made by. See `Standing.check`."""
    import torch

    model = empty_base(base, scores=scores)
    standing = Standing.of(model)
    try:
        with torch.device("meta"):
            model = wrapped(model, config, "default")
    except Exception as error:
        reason = f"lora: {first_line(error)}"
        raise UserError(f"the recipe cannot be trained: {reason}") from error
    standing.check(model)
