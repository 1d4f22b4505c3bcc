"""What can go wrong while training, said in one line."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from fixtures.errors import UserError

MEMORY = ("out of memory", "can't allocate", "defaultcpuallocator")
DISK = (
    "no space left",
    "pytorchstreamwriter",
    "unexpected pos",
    "file write failed",
    "os error 28",
)


@contextlib.contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn memory, disk and configuration failures of the libraries into a UserError.

    Args:
        folder: where checkpoints are written.
    """
    from safetensors import SafetensorError

    try:
        yield
    except (MemoryError, RuntimeError, OSError, SafetensorError, ValueError, ImportError) as error:
        line = explanation(error, folder)
        if line is None:
            raise
        raise UserError(line) from error


def explanation(error: BaseException, folder: Path) -> str | None:
    """The line for an error, or None for one that is no user's to mend."""
    words = str(error).lower()
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if isinstance(error, MemoryError) or any(word in words for word in MEMORY):
        return (
            "out of memory: add --set training.per_device_train_batch_size=1 or "
            "--set training.gradient_checkpointing=true, or make the data with fewer "
            "--prompt-tokens; the last checkpoint is kept"
        )
    if isinstance(error, OSError) or any(word in words for word in DISK):
        return (
            f"{folder} cannot be written ({reason}); free space or give another --runs DIR: "
            "the same command continues from the last checkpoint"
        )
    if isinstance(error, ValueError | ImportError) or "to be installed" in words:
        return f"the recipe cannot be trained: {reason}"
    return None


def diverged(step: int) -> UserError:
    """The line for a loss that is no number."""
    return UserError(
        f"the loss is not a number at step {step}: training stopped and no adapter was written; "
        "lower training.learning_rate (--set training.learning_rate=1e-5) or check the data"
    )
