"""Who rewards a run: the exam's metrics, or the recipe's reward model."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fixtures.errors import UserError
from models.adapters import put_on, read_config
from models.pretrained import open_model
from models.weights import adapter_files, check_adapter
from training.parts import Parts
from training.recipe import Recipe
from training.rewards import Reward, read_weights, reward_function

ROWS = 8
"""Replies that a reward model reads at once."""


def reward(recipe: Recipe, parts: Parts) -> dict[str, Any]:
    """The trainer's `reward_funcs`: of the recipe's `reward_model`, else of its `rewards`.

    Raises:
        UserError: a wrong weight, or an adapter that is no reward model of this base.
    """
    exam = reward_function(read_weights(recipe.rewards))
    if recipe.reward_model is None:
        return {"reward_funcs": exam}
    return {"reward_funcs": judged_by(load_reward_model(recipe, parts), parts, exam)}


def load_reward_model(recipe: Recipe, parts: Parts) -> Any:
    """The base under the adapter that `training.reward` wrote, in evaluation mode.

    Raises:
        UserError: there is none, it is none, or it was made for another base.
    """
    folder = Path(str(recipe.reward_model)).expanduser()
    if not (folder / "adapter_config.json").is_file():
        raise UserError(
            f"reward_model {folder}: no adapter_config.json there; train one with "
            "`python -m training.reward RECIPE.yaml` and give its folder"
        )
    adapter_files(folder)
    if read_config(folder).task_type != "SEQ_CLS":
        raise UserError(
            f"reward_model {folder}: this adapter answers and gives no number; train one with "
            "`python -m training.reward RECIPE.yaml`"
        )
    check_adapter(folder, parts.folder, scores=True)
    base = open_model(
        parts.folder, parts.device.dtype, scores=True, attn_implementation=parts.device.attention()
    )
    base.config.pad_token_id = parts.tokenizer.pad_token_id
    return put_on(base, folder, "default").to(parts.device.kind).eval()


def judged_by(model: Any, parts: Parts, exam: Reward) -> Reward:
    """The numbers of a reward model; what the exam's metrics say is logged beside them."""

    def reward_model(
        prompts: Sequence[Any],
        completions: Sequence[Any],
        completion_ids: Sequence[list[int]],
        *,
        prompt_ids: Sequence[list[int]],
        log_metric: Callable[[str, float], None] | None = None,
        **columns: Any,
    ) -> list[float]:
        import torch

        exam(prompts, completions, completion_ids, log_metric=log_metric, **columns)
        rows = [prompt + reply for prompt, reply in zip(prompt_ids, completion_ids, strict=True)]
        found: list[float] = []
        for start in range(0, len(rows), ROWS):
            batch = {"input_ids": rows[start : start + ROWS]}
            padded = parts.tokenizer.pad(batch, return_tensors="pt").to(parts.device.kind)
            with torch.no_grad():
                found += model(**padded).logits[:, 0].float().tolist()
        return found

    return reward_model
