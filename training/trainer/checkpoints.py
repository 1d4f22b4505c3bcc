"""Checkpoints of one run: the last whole one, whether the run is over, and how it goes on.

transformers 5.17 looks into a checkpoint's folders for adapters, and where it finds one it leaves
the adapter beside them alone: trl keeps its frozen reference in the folder `ref`, so a resumed run
that started from an adapter would go on from its start, silently.
"""

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import write_whole
from models.local.devices import choose_device
from models.local.weights import tensor_shapes
from training.trainer.device import first_process, processes
from training.trainer.method import TRAINED
from training.trainer.origin import Origin, read_origin

IDENTITY = "run.json"
STATE, WEIGHTS = "trainer_state.json", "adapter_model.safetensors"
"""What every whole checkpoint holds; transformers writes the former last."""


@dataclass(frozen=True)
class Checkpoint:
    """A folder from which training continues, and the trainer's state in it."""

    folder: Path
    state: dict[str, Any]

    @property
    def step(self) -> int:
        """Optimizer steps made."""
        return int(self.state["global_step"])

    @property
    def history(self) -> list[dict[str, Any]]:
        """What was logged, oldest first."""
        return list(self.state["log_history"])

    def finished(self, patience: int | None) -> bool:
        """Whether all steps were made, or the validation exam stopped the run."""
        return self.step >= self.state["max_steps"] or exhausted(self.history, patience)

    @property
    def best_step(self) -> int:
        """The step with the best validation exam; this one where none was held."""
        return int(self.state.get("best_global_step") or self.step)

    @property
    def best(self) -> Path:
        """The checkpoint of that step: its weights are delivered."""
        return self.folder.with_name(f"checkpoint-{self.best_step}")


def exhausted(history: list[dict[str, Any]], patience: int | None) -> bool:
    """Whether the last `patience` validation exams were no better than one before."""
    scores = [entry["eval_balanced"] for entry in history if "eval_balanced" in entry]
    if patience is None or not scores:
        return False
    return len(scores) - 1 - scores.index(max(scores)) >= patience


@contextlib.contextmanager
def open_run(
    folder: Path, identity: str, origin: Origin
) -> Iterator[tuple[Checkpoint | None, Origin]]:
    """Hold the run's folder; gives its last whole checkpoint, to every process the same.

    Beside it stands what the run was made from when it began, for the first process: `origin`
    where it begins now. Checkpoints of another recipe or of other data are moved to NAME.old;
    half-written ones are removed.

    Raises:
        UserError: the folder belongs to someone else, or is in use.
    """
    with held(folder):
        if first_process():
            origin = _claim(folder, identity, origin)
        yield _of_first(last_checkpoint(folder) if first_process() else None), origin


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other runs out of a run's folder.

    Raises:
        UserError: one is in it.
    """
    from filelock import FileLock, Timeout

    if not first_process():
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(folder / ".lock", timeout=0).acquire()
    except Timeout:
        raise UserError(f"{folder} is in use by another run; wait for it to end") from None
    with lock:
        yield


def last_checkpoint(folder: Path) -> Checkpoint | None:
    """The whole checkpoint with most steps; whatever is not whole is removed.

    For the first process alone: it may clear the folder while another one looks.
    """
    whole = []
    for place in folder.glob("checkpoint-*"):
        found = _read(place)
        if found:
            whole.append(found)
        else:
            shutil.rmtree(place)
    return max(whole, key=lambda each: each.step, default=None)


def clear(folder: Path) -> None:
    """Remove the checkpoints; logs stay."""
    for place in folder.glob("checkpoint-*"):
        shutil.rmtree(place, ignore_errors=True)


def _of_first(found: Checkpoint | None) -> Checkpoint | None:
    """What the first process found."""
    if processes() == 1:
        return found
    from accelerate import PartialState
    from accelerate.utils import broadcast_object_list

    # Without `cpu`, accelerate knows of no other processes where there is no GPU.
    PartialState(cpu=choose_device("auto") == "cpu")
    shared = [found]
    broadcast_object_list(shared)
    return shared[0]


def _claim(folder: Path, identity: str, origin: Origin) -> Origin:
    """Note whose folder it is; returns the origin of the checkpoints in it, else the one given."""
    note = folder / IDENTITY
    try:
        before = json.loads(note.read_text(encoding="utf-8"))
        owner = before["identity"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        before = owner = None
    if any(folder.glob("checkpoint-*")):
        if owner is None:
            raise UserError(
                f"{folder} holds checkpoints that are not ours; give another --runs DIR"
            )
        first = read_origin(before) if owner == identity else None
        if first:
            return first
        print(
            f"{folder}: recipe, base, data or number of processes changed since its checkpoints, "
            f"which are in {_set_aside(folder)} now; starting anew"
        )
    content = {"identity": identity, "origin": origin.model_dump(mode="json")}
    write_whole(note, json.dumps(content) + "\n")
    return origin


def _set_aside(folder: Path) -> Path:
    """Move the checkpoints to NAME.old, in place of those that were there."""
    old = folder.with_name(f"{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    old.mkdir()
    for place in folder.glob("checkpoint-*"):
        place.replace(old / place.name)
    return old


def _read(folder: Path) -> Checkpoint | None:
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        tensor_shapes(folder / WEIGHTS)  # a power cut leaves files that are too short
        return Checkpoint(folder, state) if state["global_step"] else None
    except (OSError, ValueError, KeyError, TypeError, UserError):
        return None


def resuming(trainer_class: Any) -> Any:
    """The trainer, loading nothing but its trained adapter from a checkpoint.

    The reference is not among what is loaded: it was copied from the start, as before. A trainer
    that reads its checkpoints itself is returned as it is.
    """
    from transformers import Trainer

    if trainer_class._load_from_checkpoint is not Trainer._load_from_checkpoint:
        return trainer_class

    def load(self: Any, resume_from_checkpoint: str, model: Any = None) -> None:
        load_trained(self.model if model is None else model, Path(resume_from_checkpoint))

    return type(trainer_class.__name__, (trainer_class,), {"_load_from_checkpoint": load})


def load_trained(model: Any, checkpoint: Path) -> None:
    """Give the adapter in training the weights that it had at a checkpoint."""
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    weights = load_file(checkpoint / WEIGHTS)
    set_peft_model_state_dict(model, weights, adapter_name=TRAINED)
