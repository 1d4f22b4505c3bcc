"""Hyperparameters of a recipe: combinations, each trained for a few steps by the trainer itself.

What is left of one that is done is its scores, beside its logs: no adapter, no registry entry.
"""

import asyncio
import dataclasses
import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from common.command import Say
from common.errors import UserError
from common.files import write_whole
from common.identity import digest
from models.chat import Answer, Decoding
from models.local.base import LocalBase
from models.local.chat import LocalChat
from training.data.examples import Example
from training.sweep.tried import Tried
from training.trainer.checkpoints import Checkpoint, clear, held
from training.trainer.device import processes
from training.trainer.loading import Loaded, load
from training.trainer.method import Method
from training.trainer.recipe import Recipe, ValidationExam, read_recipe
from training.trainer.run import run_identity, train
from training.trainer.validation import ANSWERABLE, exam_rows, score_each

UNIT = "GFLOP"
SCORES = "scores.json"
ALONE = "a sweep trains in one process; type it without torchrun and accelerate"


def validation_rows(recipe: Recipe, cases: int) -> tuple[Example, ...]:
    """The validation rows that all combinations are asked: as many answerable ones as others.

    The mean over them is the balanced score.

    Raises:
        UserError: the recipe names none, or they cannot be asked.
    """
    if recipe.validation is None:
        raise UserError(f"recipe {recipe.name} names no validation rows; add --set validation=FILE")

    def rows(cases: int) -> tuple[Example, ...]:
        exam = ValidationExam(cases=cases)
        return exam_rows(recipe.model_copy(update={"validation_exam": exam}))

    found = rows(cases)
    answerable = sum(each.kind in ANSWERABLE for each in found)
    smaller = min(answerable, len(found) - answerable)
    return found if 2 * smaller == len(found) else rows(2 * smaller)


def combined(path: Path, settings: Sequence[str], chosen: Sequence[str], steps: int) -> Recipe:
    """The recipe of one combination, under a name of its own and without an exam."""
    recipe = read_recipe(path, [*settings, *chosen])
    training = recipe.training | {"max_steps": steps, "save_steps": max(1, steps // 4)}
    changed = {
        "name": f"{recipe.name}-{digest(settings, chosen, steps)[:8]}",
        "validation_exam": None,
        "training": training,
    }
    return recipe.model_copy(update=changed)


def try_recipes(
    method: Method,
    recipes: Sequence[tuple[tuple[str, ...], Recipe]],
    rows: Sequence[Example],
    registry: Path,
    runs: Path,
    say: Say,
) -> list[Tried]:
    """Train every combination that is not done, and ask it the validation rows.

    Args:
        method: how they are trained.
        recipes: with the settings that make each.
        rows: what is asked.
        registry: where adapters to start from are named; nothing is written there.
        runs: gets a folder of checkpoints, logs and scores for each.
        say: is told what is being done.

    Raises:
        UserError: one cannot be trained; all of them are resolved before the first is.
    """
    if processes() > 1:
        raise UserError(ALONE)
    loaded = [load(method, each, registry, runs / each.name) for _, each in recipes]
    tried = []
    for (chosen, _), each in zip(recipes, loaded, strict=True):
        typed = shlex.join(word for setting in chosen for word in ("--set", setting))
        say(f"now: {typed}")
        scores, cost = _scores_of(each, rows)
        tried.append(Tried(typed, " ".join(chosen[1:]) or method.name, scores, cost))
    return tried


def _scores_of(loaded: Loaded, rows: Sequence[Example]) -> tuple[tuple[float, ...], float]:
    """Scores by row and cost: those that were kept, else of a run that is made or taken up."""
    identity = run_identity(loaded.method, loaded.recipe, loaded.origin, loaded.chat.base.dtype)
    key = digest("scores", identity, [dataclasses.asdict(row) for row in rows])
    place = loaded.folder / SCORES
    try:
        kept = json.loads(place.read_bytes())
        if kept["key"] == key:
            return tuple(map(float, kept["scores"])), float(kept["cost"])
    except (OSError, ValueError, LookupError, TypeError):
        pass
    trained = train(loaded)
    if trained is None:
        raise UserError(ALONE)
    with held(loaded.folder):
        scores = _ask(trained.loaded.chat, trained.checkpoint, rows)
        cost = float(trained.checkpoint.state.get("total_flos") or 0.0) / 1e9
        content = {"key": key, "scores": scores, "cost": cost}
        write_whole(place, json.dumps(content) + "\n", mend="give another --output")
        clear(loaded.folder)
    return scores, cost


def _ask(chat: LocalChat, checkpoint: Checkpoint, rows: Sequence[Example]) -> tuple[float, ...]:
    """What the answers of a checkpoint score; its base leaves memory with it."""
    base = LocalBase(chat.base.folder, chat.base.device, chat.base.dtype)
    voice = LocalChat(chat.name, base, Decoding(), checkpoint.folder)

    async def ask() -> list[Answer]:
        return await asyncio.gather(*(voice.chat(each.prompt) for each in rows))

    return score_each(rows, asyncio.run(ask()))
