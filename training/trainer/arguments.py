"""The recipe's `training:` as the method's own config object."""

import dataclasses
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.settings import check_keys
from training.trainer.method import Method
from training.trainer.recipe import Recipe

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
        UserError: an unknown key, one that another setting decides or that has no effect, a value
            of another type, or keys of the recipe that do not go with the method.
    """
    _check_keys_for(method, recipe)
    config, _ = method.classes()
    fields = {field.name for field in dataclasses.fields(config)}
    check_keys("training", recipe.training, fields)
    for key in recipe.training:
        if key in OURS and key not in method.defaults:
            raise UserError(f"recipe: training.{key} is not yours to set; use {OURS[key]}")
    hints = _hints(config)
    return {key: _typed(key, value, hints.get(key, Any)) for key, value in recipe.training.items()}


def _check_keys_for(method: Method, recipe: Recipe) -> None:
    """Refuse what this method, or the rest of the recipe, leaves without effect."""
    if recipe.bundle_tokens and method.name != "sft":
        raise UserError(f"recipe: bundle_tokens is for sft; leave it out of a {method.name} recipe")
    if recipe.adapter and recipe.lora:
        raise UserError("recipe: lora: is for a new adapter; leave it or adapter: out")
    if (recipe.rewards or recipe.reward_model) and method.reward is None:
        raise UserError(f"recipe: {method.name} is given no rewards; leave them out")
    if recipe.training.get("per_device_train_batch_size") == 0:
        raise UserError("recipe: training.per_device_train_batch_size is 0; make it 1 or more")
    if recipe.validation_exam and method.scores:
        raise UserError(
            "recipe: a reward model gives a number and cannot be asked; set validation_exam: null"
        )
    if recipe.validation_exam and recipe.validation is None:
        raise UserError(
            "recipe: validation_exam needs validation: FILE, the rows that it asks; "
            "or set validation_exam: null"
        )


def build_arguments(
    method: Method, recipe: Recipe, given: Mapping[str, Any], device: Mapping[str, Any], run: Path
) -> Any:
    """The trainer's config: our defaults, the device's, the method's, then the recipe's.

    Args:
        method: whose config it is.
        recipe: seeds, and what a validation exam and bundles ask of the config.
        given: its `training:`, as `check_arguments` returned it.
        device: see `device_settings`.
        run: the folder of checkpoints.

    Raises:
        UserError: the values do not go together.
    """
    config, _ = method.classes()
    fields = {field.name for field in dataclasses.fields(config)}
    values = {**DEFAULTS, **device, **_fixed(recipe, run), **method.defaults}
    values = {key: value for key, value in values.items() if key in fields} | dict(given)
    try:
        if method.check:
            method.check(values)
        return config(**values)
    except (TypeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"recipe: training: {reason}") from error


def _fixed(recipe: Recipe, run: Path) -> dict[str, Any]:
    """Keys of `OURS`, and what other keys of the recipe ask of them."""
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
        fixed["remove_unused_columns"] = False  # the lengths are in a column of the data set
    if recipe.bundle_tokens:  # its mask says who sees whom, not what is padding
        fixed |= {"remove_unused_columns": False, "include_num_input_tokens_seen": "all"}
    return fixed


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
