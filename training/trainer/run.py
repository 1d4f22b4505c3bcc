"""One training run: from a recipe to a finished checkpoint."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bar_exam.common.errors import UserError
from bar_exam.common.identity import digest
from bar_exam.models.local.standing import Standing
from bar_exam.models.registry import SHIPPED
from bar_exam.training.data.examples import Example, read_examples, read_meta, read_rows
from bar_exam.training.loss.completion_head import completion_head
from bar_exam.training.trainer.arguments import build_arguments, check_arguments
from bar_exam.training.trainer.callbacks import callbacks, examined_by
from bar_exam.training.trainer.checkpoints import (
    Checkpoint,
    first_process,
    last_checkpoint,
    open_run,
    processes,
    resuming,
)
from bar_exam.training.trainer.failures import constructed, explained
from bar_exam.training.trainer.loading import Parts, load_model, open_parts
from bar_exam.training.trainer.method import Method, class_named
from bar_exam.training.trainer.origin import Origin, take_origin
from bar_exam.training.trainer.recipe import Recipe
from bar_exam.training.trainer.validation import examine, selected

ADAPTERS = SHIPPED.parent / "adapters"
RUNS = Path(".exam/training/runs")


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are found and left."""

    registry: Path = SHIPPED
    adapters: Path = ADAPTERS
    runs: Path = RUNS


@dataclass(frozen=True)
class Trained:
    """A run that is over.

    Attributes:
        origin: what it was made from, when it began.
        checkpoint: the last one, with the whole history.
        weights: folder of the checkpoint whose adapter is delivered: the best examined, else last.
    """

    method: Method
    recipe: Recipe
    parts: Parts
    origin: Origin
    checkpoint: Checkpoint
    weights: Path


def train(method: Method, recipe: Recipe, places: Places) -> Trained | None:
    """Train, or continue, until the recipe's steps are made or its exam stops it.

    Returns:
        The run; None in every process but the first, which alone delivers and then clears the
        folder that the others would read.

    Raises:
        UserError: recipe, data, base and adapter do not go together, or the machine cannot.
    """
    check_arguments(method, recipe)
    meta = read_meta(recipe.data)
    parts = open_parts(recipe, places.registry, scores=method.scores)
    folder, origin = places.runs / recipe.name, take_origin(recipe, parts, meta)
    identity = run_identity(method, recipe, origin, parts.device.dtype)
    with explained(folder, method.name), open_run(folder, identity, origin) as (found, first):
        patience = recipe.validation_exam.patience if recipe.validation_exam else None
        unfinished = found is None or not found.finished(patience)
        if unfinished:
            _fit(method, recipe, parts, folder, found)
        if not first_process():
            return None
        if unfinished:
            found = last_checkpoint(folder)
        if found is None:
            raise UserError(f"{folder}: the run ended without a checkpoint; run it again")
        return Trained(method, recipe, parts, first, found, found.best)


UNMOVED = frozenset(
    [
        "disable_tqdm",
        "gradient_checkpointing",
        "gradient_checkpointing_kwargs",
        "logging_dir",
        "logging_steps",
        "report_to",
        "run_name",
        "save_steps",
        "save_total_limit",
    ]
)
"""Keys of `training:` that move no weight: a run goes on with others."""


def run_identity(method: Method, recipe: Recipe, origin: Origin, dtype: str) -> str:
    """SHA-256 of everything that moves the weights, or chooses among them by the exam.

    A checkpoint of another one is of no use. `dtype` is the base's.
    """
    exam = recipe.validation_exam
    moving = {key: value for key, value in recipe.training.items() if key not in UNMOVED}
    return digest(
        "run",
        method.name,
        [origin.base["weights"], origin.base["tokenizer"], dtype],
        origin.start["weights"] if origin.start else None,
        [recipe.seed, recipe.quantize, recipe.lora, moving, recipe.bundle_tokens],
        [recipe.reward_model, origin.reward, recipe.rewards],
        origin.meta.rows,
        [exam.model_dump() if exam else None, origin.validation],
        processes(),
    )


def build_trainer(method: Method, recipe: Recipe, parts: Parts, run: Path) -> Any:
    """The method's trainer with model, rows and callbacks, ready to train."""
    arguments = build_arguments(method, recipe, parts.device, run)
    rows = method.dataset(recipe, parts)
    exam = _exam_rows(method, recipe)
    trainer_class = resuming(class_named(method.trainer))
    if method.tokenized:
        trainer_class = _trusting(trainer_class)
    if recipe.bundle_tokens:
        trainer_class = _uncounted(trainer_class)
    model, lora = load_model(parts, recipe, scores=method.scores)
    standing = Standing.of(model)
    extras = method.extras(recipe, parts) if method.extras else {}
    with constructed(), completion_head(trainer_class, parts.device.kind):
        trainer = trainer_class(
            model=model,
            args=arguments,
            train_dataset=rows,
            processing_class=parts.tokenizer,
            peft_config=lora,
            callbacks=callbacks(recipe.validation_exam),
            **extras,
        )
    standing.check(trainer.accelerator.unwrap_model(trainer.model))
    if exam:
        examined_by(trainer, lambda: _marks(trainer, parts, exam))
    return trainer


def _marks(trainer: Any, parts: Parts, exam: Sequence[Example]) -> dict[str, float]:
    """The marks of the model in training; of several processes, all go by the first one's."""
    from accelerate.utils import broadcast_object_list

    model = trainer.accelerator.unwrap_model(trainer.model)
    found = [asdict(examine(model, parts, exam))]
    broadcast_object_list(found)
    return found[0]


def _fit(
    method: Method, recipe: Recipe, parts: Parts, folder: Path, found: Checkpoint | None
) -> None:
    trainer = build_trainer(method, recipe, parts, folder)
    if found:
        print(f"continuing from step {found.step} of {found.state['max_steps']} in {folder}")
    trainer.train(resume_from_checkpoint=str(found.folder) if found else None)
    trainer.accelerator.wait_for_everyone()


def _exam_rows(method: Method, recipe: Recipe) -> tuple[Example, ...]:
    if recipe.validation_exam is None:
        return ()
    if method.scores:
        raise UserError(
            "recipe: a reward model gives a number and cannot be asked; set validation_exam: null"
        )
    if recipe.validation is None:
        raise UserError(
            "recipe: validation_exam needs validation: FILE, the rows that it asks; "
            "or set validation_exam: null"
        )
    rows = read_examples(recipe.validation)
    trained = {row.get("contract") for _, row in read_rows(recipe.data)}
    shared = sorted({row.contract for row in rows if row.contract} & trained)
    if shared:
        raise UserError(
            f"{recipe.validation}: contract {shared[0]!r} is in {recipe.data} too, so that the "
            "exam would reward what was learnt by heart; make both from one line of training.data"
        )
    return selected(rows, recipe.validation_exam.cases)


def _trusting(trainer_class: Any) -> Any:
    """The trainer, taking rows as they are: they were tokenized with the exam's own prompt."""

    def prepared(self: Any, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset

    return type(trainer_class.__name__, (trainer_class,), {"_prepare_dataset": prepared})


def _uncounted(trainer_class: Any) -> Any:
    """The trainer, without trl's `num_tokens`: it adds up a mask that says who sees whom.

    The sum of a bundle's mask is no number; `num_input_tokens_seen` is the count.
    """

    def log(self: Any, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        for metrics in self._metrics.values():
            metrics.pop("num_tokens", None)
        super(counting, self).log(logs, *args, **kwargs)

    counting: Any = type(trainer_class.__name__, (trainer_class,), {"log": log})
    return counting
