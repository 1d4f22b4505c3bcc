"""Trainers that continue from the weights they had.

transformers 5.17 looks into a checkpoint's folders for adapters, and where it finds one it leaves
the adapter beside them alone: trl keeps its frozen reference in the folder `ref`, so a resumed run
that started from an adapter would go on from its start, silently.
"""

from pathlib import Path
from typing import Any

from training.checkpoints import WEIGHTS

TRAINED = "default"
"""The name that peft and trl give to the adapter in training."""


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
