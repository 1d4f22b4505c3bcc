"""One training run: from a resolved recipe to a finished checkpoint."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from common.errors import UserError
from common.identity import digest
from models.local.chat import LocalChat
from models.local.standing import Standing
from training.data.examples import Example
from training.loss.completion_head import completion_head
from training.loss.prefix_sharing import bundles, collate
from training.trainer.callbacks import callbacks, examined_by
from training.trainer.checkpoints import Checkpoint, last_checkpoint, open_run, resuming
from training.trainer.device import first_process, processes
from training.trainer.failures import constructed, explained
from training.trainer.loading import Loaded, load_model
from training.trainer.method import Method
from training.trainer.origin import Origin
from training.trainer.recipe import Recipe
from training.trainer.rows import dataset
from training.trainer.validation import examine


@dataclass(frozen=True)
class Trained:
    """A run that is over.

    Attributes:
        loaded: what it was made of; its origin is that of the day on which it began.
        checkpoint: the last one, with the whole history; `best` is the one that is delivered.
    """

    loaded: Loaded
    checkpoint: Checkpoint


def train(loaded: Loaded) -> Trained | None:
    """Train, or continue, until the recipe's steps are made or its exam stops it.

    Returns:
        The run; None in every process but the first, which alone delivers and then clears the
        folder that the others would read.

    Raises:
        UserError: the folder is another run's, the trainer refuses its settings, or the machine
            cannot.
    """
    method, recipe, folder = loaded.method, loaded.recipe, loaded.folder
    identity = run_identity(method, recipe, loaded.origin, loaded.chat.base.dtype)
    with (
        explained(folder, method.name),
        open_run(folder, identity, loaded.origin) as (found, begun),
    ):
        patience = recipe.validation_exam.patience if recipe.validation_exam else None
        unfinished = found is None or not found.finished(patience)
        if unfinished:
            _fit(loaded, found)
        if not first_process():
            return None
        if unfinished:
            found = last_checkpoint(folder)
        if found is None:
            raise UserError(f"{folder}: the run ended without a checkpoint; run it again")
        return Trained(replace(loaded, origin=begun), found)


def _fit(loaded: Loaded, found: Checkpoint | None) -> None:
    trainer = build_trainer(loaded)
    if found:
        steps = found.state["max_steps"]
        print(f"continuing from step {found.step} of {steps} in {loaded.folder}")
    trainer.train(resume_from_checkpoint=str(found.folder) if found else None)
    trainer.accelerator.wait_for_everyone()


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


def build_trainer(loaded: Loaded) -> Any:
    """The method's trainer with model, rows and callbacks, ready to train."""
    method, recipe, chat = loaded.method, loaded.recipe, loaded.chat
    _, trainer_class = method.classes()
    trainer_class = resuming(trainer_class)
    if method.tokenized:
        trainer_class = _trusting(trainer_class)
    rows = method.rows(recipe.data, chat, loaded.arguments)
    given: dict[str, Any] = {}
    if recipe.bundle_tokens:
        trainer_class, rows = _uncounted(trainer_class), bundles(rows, recipe.bundle_tokens)
        given["data_collator"] = _collator(chat)
    model, lora = load_model(chat, recipe, scores=method.scores)
    standing = Standing.of(model)
    if method.reward:
        given["reward_funcs"] = method.reward(recipe.rewards, recipe.reward_model, chat)
    with constructed(), completion_head(trainer_class, chat.base.device):
        trainer = trainer_class(
            model=model,
            args=loaded.arguments,
            train_dataset=dataset(rows, loaded.arguments),
            processing_class=chat.base.tokenizer,
            peft_config=lora,
            callbacks=callbacks(recipe.validation_exam),
            **given,
        )
    standing.check(trainer.accelerator.unwrap_model(trainer.model))
    if loaded.exam:
        examined_by(trainer, lambda: _scores(trainer, chat, loaded.exam))
    return trainer


def _scores(trainer: Any, chat: LocalChat, exam: Sequence[Example]) -> dict[str, float]:
    """The scores of the model in training; of several processes, all go by the first one's."""
    from accelerate.utils import broadcast_object_list

    model = trainer.accelerator.unwrap_model(trainer.model)
    found = [asdict(examine(model, chat, exam))]
    broadcast_object_list(found)
    return found[0]


def _collator(chat: LocalChat) -> Any:
    import torch

    base = chat.base
    return partial(collate, pad=base.tokenizer.pad_token_id, dtype=getattr(torch, base.dtype))


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
