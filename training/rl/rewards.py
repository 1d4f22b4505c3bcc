"""What a reply is worth in reinforcement learning: the exam's own metrics, weighted.

    answerable:    token_f1 x F1 + grounded x (0 or 1); 0 for "not found", and where F1 is 0
    unanswerable:  abstention x (1 for saying "not found", else 0)

Marks are those of `training.data.marks`. Whatever is quoted beside the point earns nothing.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.settings import nearest
from models.local.adapters import put_on, read_config
from models.local.chat import LocalChat
from models.local.pretrained import open_model
from models.local.weights import adapter_files, check_adapter
from training.data.marks import Marks, averages, marks
from training.trainer.device import attention

Turns = Sequence[Mapping[str, str]]
"""A chat as JSON."""

Reward = Callable[..., list[float]]
"""`f(prompts, completions, completion_ids, **columns)`, one float a completion, as trl calls it."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What each metric adds at most; the `rewards:` of a recipe."""

    token_f1: float = 1.0
    grounded: float = 0.25
    abstention: float = 1.0


def read_weights(section: Mapping[str, Any] | None) -> Weights:
    """The weights of a recipe; those left out keep their defaults.

    Raises:
        UserError: an unknown key, no number, a negative one, or nothing but zeros.
    """
    known = [field.name for field in fields(Weights)]
    if not isinstance(section, Mapping | None):
        raise UserError(f"rewards: {section!r} is no table; write `rewards: {{token_f1: 1.0}}`")
    for key, value in (section or {}).items():
        if key not in known:
            raise UserError(f"rewards: unknown key {key!r}; {nearest(str(key), known)}")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value < math.inf:
            raise UserError(f"rewards: {key} is {value!r}; give a number of 0 or more")
    weights = Weights(**{key: float(value) for key, value in (section or {}).items()})
    if not any(asdict(weights).values()):
        raise UserError("rewards: every weight is 0, so nothing can be learnt; raise one")
    return weights


def worth(marked: Marks, weights: Weights) -> float:
    """The reward, between 0 and the larger of (token_f1 + grounded) and abstention.

    >>> worth(Marks(answerable=True, token_f1=0.5, grounded=1.0, abstained=0.0), Weights())
    0.75
    """
    if not marked.answerable:
        return weights.abstention * marked.abstained
    if not marked.token_f1:
        return 0.0
    return weights.token_f1 * marked.token_f1 + weights.grounded * marked.grounded


def reward_function(weights: Weights) -> Reward:
    """A reward for trl's trainers and PPO, over the columns of an example file.

    Beside the reward it logs the `averages` of a batch, where the trainer offers `log_metric`.
    """

    def exam_metrics(
        prompts: Sequence[str | Turns],
        completions: Sequence[str | Turns],
        completion_ids: object = None,
        *,
        gold: Sequence[Sequence[str]],
        kind: Sequence[str],
        category: Sequence[str] | None = None,
        log_metric: Callable[[str, float], None] | None = None,
        **columns: object,
    ) -> list[float]:
        rows = zip(prompts, completions, gold, kind, category or [""] * len(kind), strict=True)
        marked = [
            marks(last_turn(prompt), last_turn(reply), golds, sort, clause)
            for prompt, reply, golds, sort, clause in rows
        ]
        if log_metric:
            for name, value in averages(marked).items():
                log_metric(name, value)
        return [worth(each, weights) for each in marked]

    return exam_metrics


def last_turn(chat: str | Turns) -> str:
    """The text of a prompt or completion, conversational or not."""
    return chat if isinstance(chat, str) else chat[-1]["content"]


ROWS = 8
"""Replies that a reward model reads at once."""


def reward(
    rewards: Mapping[str, float] | None, reward_model: str | None, chat: LocalChat
) -> Reward:
    """The trainer's `reward_funcs`: of a recipe's `reward_model:`, else of its `rewards:`.

    Raises:
        UserError: a wrong weight, or an adapter that is no reward model of this base.
    """
    exam = reward_function(read_weights(rewards))
    if reward_model is None:
        return exam
    return judged_by(load_reward_model(Path(reward_model).expanduser(), chat), chat, exam)


def load_reward_model(folder: Path, chat: LocalChat) -> Any:
    """The base under the adapter that `training.reward` wrote, in evaluation mode.

    Raises:
        UserError: there is none, it is none, or it was made for another base.
    """
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
    base = chat.base
    check_adapter(folder, base.folder, scores=True)
    kernel = attention(base.device)
    model = open_model(base.folder, base.dtype, scores=True, attn_implementation=kernel)
    model.config.pad_token_id = base.tokenizer.pad_token_id
    return put_on(model, folder, "default").to(base.device).eval()


def judged_by(model: Any, chat: LocalChat, exam: Reward) -> Reward:
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
            padded = chat.base.tokenizer.pad(batch, return_tensors="pt").to(chat.base.device)
            with torch.no_grad():
                found += model(**padded).logits[:, 0].float().tolist()
        return found

    return reward_model
