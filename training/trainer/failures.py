"""What can go wrong while training, said in one line."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from common.errors import UserError

MEMORY = ("out of memory", "can't allocate", "defaultcpuallocator")

DISK = (
    "no space left",
    "pytorchstreamwriter",
    "unexpected pos",
    "file write failed",
    "os error 28",
)

UNWRITABLE = (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT)


@contextlib.contextmanager
def explained(folder: Path, method: str) -> Iterator[None]:
    """Turn memory and disk failures, and packages that are missing, into a UserError.

    Args:
        folder: where checkpoints are written.
        method: its name; what makes it need less memory is said.
    """
    from safetensors import SafetensorError

    try:
        yield
    except (MemoryError, RuntimeError, OSError, SafetensorError, ImportError, ValueError) as error:
        line = explanation(error, folder, method)
        if line is None:
            raise
        raise UserError(line) from error


@contextlib.contextmanager
def constructed() -> Iterator[None]:
    """Turn what a library says of settings that do not go together into a UserError.

    Only around its constructor: such an error of the training itself is nobody's setting.
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        raise UserError(f"the recipe cannot be trained: {_reason(error)}") from error


def explanation(error: BaseException, folder: Path, method: str) -> str | None:
    """The line for an error, or None for one that is no user's to mend."""
    words = str(error).lower()
    if isinstance(error, MemoryError) or any(word in words for word in MEMORY):
        smaller = (
            "--set training.forward_batch_size=1"
            if method == "ppo"
            else "--set training.gradient_checkpointing=true, which goes on from the last "
            "checkpoint, or --set training.per_device_train_batch_size=1"
        )
        return f"out of memory: add {smaller}, or make the data with fewer --prompt-tokens"
    unwritable = isinstance(error, OSError) and error.errno in UNWRITABLE
    if unwritable or any(word in words for word in DISK):
        return (
            f"{folder} cannot be written ({_reason(error)}); free space: the same "
            "command continues from the last checkpoint"
        )
    if isinstance(error, OSError):
        return f"{_reason(error)}; the same command continues from the last checkpoint"
    unusable = "to be installed" in words or words.startswith(
        ("unknown loss type", "unknown f_div")
    )
    if isinstance(error, ImportError) or unusable:
        return f"the recipe cannot be trained: {_reason(error)}"
    return None


def _reason(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def diverged(step: int) -> UserError:
    """The line for a loss that is no number."""
    return UserError(
        f"the loss is not a number at step {step}: training stopped and no adapter was written; "
        "lower training.learning_rate (--set training.learning_rate=1e-5) or check the data"
    )
