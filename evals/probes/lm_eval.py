"""Tasks of EleutherAI's lm-evaluation-harness by name, where that package is installed."""

import importlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from common.errors import UserError
from common.settings import nearest


class TaskScore(NamedTuple):
    """The first metric that the harness reports of a task, such as `acc,none`.

    `stderr` is None where the harness gives none.
    """

    metric: str
    value: float
    stderr: float | None


def run_tasks(
    tasks: Sequence[str], base: Path, adapter: Path | None = None, limit: int | None = None
) -> dict[str, TaskScore]:
    """Run tasks of the harness on a base, with or without an adapter.

    Its own code loads the model, and its data sets come over the network unless they are cached.
    Calls `lm_eval.simple_evaluate` with the model `hf` and the argument `peft` (docs/python-api.md
    of the harness, 0.4); results are keyed `metric,filter`, errors `metric_stderr,filter`.

    Args:
        tasks: names, such as `arc_easy`; groups are none.
        base: folder of the base model.
        adapter: folder of a PEFT adapter.
        limit: documents a task, at most.

    Returns:
        A score for each task that was named.

    Raises:
        UserError: the harness is not installed, knows no such task, or cannot load something.
    """
    try:
        harness = importlib.import_module("lm_eval")
        manager = importlib.import_module("lm_eval.tasks").TaskManager()
    except ImportError as error:
        raise UserError(
            f"--lm-eval needs the lm-evaluation-harness ({error}); type `pip install lm-eval`"
        ) from error
    known = list(manager.all_tasks)
    for task in tasks:
        if task not in known:
            hint = nearest(task, known, otherwise=f"give one of its {len(known)} tasks")
            raise UserError(f"--lm-eval {task}: the harness knows no such task; {hint}")
    arguments = {"pretrained": str(base)} | ({"peft": str(adapter)} if adapter else {})
    try:
        found = harness.simple_evaluate(
            model="hf",
            model_args=arguments,
            tasks=list(tasks),
            limit=limit,
            log_samples=False,
            task_manager=manager,
        )
    except (OSError, ValueError) as error:
        reason = next(iter(str(error).strip().splitlines()), repr(error))
        raise UserError(
            f"--lm-eval {','.join(tasks)}: {reason}; its data sets need a network or a cache"
        ) from error
    return {task: _score(task, found["results"].get(task, {})) for task in tasks}


def _score(task: str, results: Mapping[str, Any]) -> TaskScore:
    for key, value in results.items():
        metric, comma, kept = key.partition(",")
        # Other keys are names and counts; where there is no value, the harness writes "N/A".
        if comma and not metric.endswith("_stderr") and _number(value) is not None:
            return TaskScore(key, float(value), _number(results.get(f"{metric}_stderr,{kept}")))
    raise UserError(f"--lm-eval {task}: the harness gave no score; name its tasks, not its group")


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
