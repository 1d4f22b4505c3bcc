"""What a reply is worth in reinforcement learning: the exam's own metrics, weighted.

    answerable:    token_f1 x F1 + grounded x (0 or 1); 0 for "not found", and where F1 is 0
    unanswerable:  abstention x (1 for saying "not found", else 0)

Marks are those of `training.marks`. Whatever is quoted beside the point earns nothing.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from fixtures.errors import UserError
from fixtures.settings import nearest
from training.marks import Marks, marks

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

    Beside the reward it logs `f1`, `grounded` and `false_refusals` over the answerable rows of a
    batch and `abstention` over the others, where the trainer offers `log_metric`.
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


def averages(marked: Sequence[Marks]) -> dict[str, float]:
    """Means of a batch; a kind of row that it lacks has none."""
    answerable = [each for each in marked if each.answerable]
    others = [each for each in marked if not each.answerable]
    means: dict[str, float] = {}
    if answerable:
        means["f1"] = sum(each.token_f1 for each in answerable) / len(answerable)
        means["grounded"] = sum(each.grounded for each in answerable) / len(answerable)
        means["false_refusals"] = sum(each.abstained for each in answerable) / len(answerable)
    if others:
        means["abstention"] = sum(each.abstained for each in others) / len(others)
    return means


def last_turn(chat: str | Turns) -> str:
    """The text of a prompt or completion, conversational or not."""
    return chat if isinstance(chat, str) else chat[-1]["content"]
