"""The recipe's `training:` as the method's own config object."""

import dataclasses
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bar_exam.common.errors import UserError
from bar_exam.common.settings import check_keys
from bar_exam.training.trainer.loading import Device
from bar_exam.training.trainer.method import Method, class_named
from bar_exam.training.trainer.recipe import Recipe

BATCHING = (
    "train_sampling_strategy: group_by_length with per_device_train_batch_size above 1: rows are "
    "tokenized before trl could join them"
)

OURS: Mapping[str, str] = {
    "output_dir": "--runs DIR",
    "seed": "the recipe's seed",
    "data_seed": "the recipe's seed",
    "resume_from_checkpoint": "nothing: the same command resumes",
    "save_strategy": "training.save_steps",
    "load_best_model_at_end": "validation_exam",
    "metric_for_best_model": "validation_exam",
    "eval_strategy": "validation_exam",
    "use_cpu": "CUDA_VISIBLE_DEVICES= in the environment",
    "max_length": "--prompt-tokens of training.data",
    "packing": BATCHING,
    "padding_free": BATCHING,
    "chat_template_path": "a base whose tokenizer has the template: the exam uses it too",
    "completion_only_loss": "nothing: only replies are trained on",
    "assistant_only_loss": "nothing: only replies are trained on",
    "save_only_model": "save_total_limit: a run that goes on needs the optimizer",
}
"""Keys that a recipe may not set -> what decides instead."""

REWARDED = ("grpo", "rloo", "ppo")
"""Methods that are given rewards."""

DEFAULTS: Mapping[str, Any] = {
    "per_device_train_batch_size": 1,
    "gradient_accumulation_steps": 16,
    "logging_steps": 1,
    "save_steps": 10,
    "save_total_limit": 2,
    "report_to": "tensorboard",
}


def check_arguments(method: Method, recipe: Recipe) -> dict[str, Any]:
    """The recipe's `training:`, with every value in the type that the config class declares.

    Raises:
        UserError: an unknown key, one that another setting decides or that has no effect, or a
            value of another type.
    """
    if recipe.bundle_tokens and method.name != "sft":
        raise UserError(f"recipe: bundle_tokens is for sft; leave it out of a {method.name} recipe")
    if recipe.adapter and recipe.lora:
        raise UserError("recipe: lora: is for a new adapter; leave it or adapter: out")
    if (recipe.rewards or recipe.reward_model) and method.name not in REWARDED:
        raise UserError(f"recipe: {method.name} is given no rewards; leave them out")
    if recipe.training.get("per_device_train_batch_size") == 0:
        raise UserError("recipe: training.per_device_train_batch_size is 0; make it 1 or more")
    config = class_named(method.config)
    fields = {field.name for field in dataclasses.fields(config)}
    check_keys("training", recipe.training, fields)
    for key in recipe.training:
        if key in OURS and key not in method.defaults:
            raise UserError(f"recipe: training.{key} is not yours to set; use {OURS[key]}")
    hints = _hints(config)
    return {key: _typed(key, value, hints.get(key, Any)) for key, value in recipe.training.items()}


def build_arguments(method: Method, recipe: Recipe, device: Device, run: Path) -> Any:
    """The trainer's config: our defaults, the device's, the method's, then the recipe's.

    Raises:
        UserError: see `check_arguments`; or the values do not go together.
    """
    config = class_named(method.config)
    fields = {field.name: field for field in dataclasses.fields(config)}
    fixed = {
        "output_dir": str(run),
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "save_strategy": "steps",
        "max_length": None,
        "logging_nan_inf_filter": False,
        "include_num_input_tokens_seen": "non_padding",
        "restore_callback_states_from_checkpoint": False,
        "metric_for_best_model": "balanced" if recipe.validation_exam else None,
        "greater_is_better": True,
    }
    if recipe.training.get("train_sampling_strategy") == "group_by_length":
        fixed["remove_unused_columns"] = False  # the lengths are in a column of `rows.dataset`
    if recipe.bundle_tokens:  # its mask says who sees whom, not what is padding
        fixed |= {"remove_unused_columns": False, "include_num_input_tokens_seen": "all"}
    values = {**DEFAULTS, **device.settings, **fixed, **method.defaults}
    given = check_arguments(method, recipe)
    known = {key: value for key, value in values.items() if key in fields}
    try:
        return config(**{**known, **given})
    except (TypeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"recipe: training: {reason}") from error


def _hints(config: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(config)
    except (NameError, TypeError):
        return {}


def _typed(key: str, value: Any, hint: Any) -> Any:
    from pydantic import PydanticUserError, TypeAdapter, ValidationError

    try:
        shape: TypeAdapter[Any] = TypeAdapter(hint)
    except PydanticUserError:
        return value
    try:
        return shape.validate_python(value)
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"]
        raise UserError(
            f"recipe: training.{key}: {reason[0].lower()}{reason[1:]}, not {value!r}"
        ) from error
