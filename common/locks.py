"""One process at a time: a lock that ends with the process that holds it."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import UserError

if TYPE_CHECKING:
    from filelock import FileLock

LOOKS = 0.5
"""Seconds between two looks at whether one is to wait any longer."""


def beside(path: Path) -> Path:
    """The lock of a file that is replaced while it is held: a hidden file beside it.

    >>> beside(Path("data/own.json")).name
    '.own.json.lock'
    """
    return path.with_name(f".{path.name}.lock")


@contextlib.contextmanager
def locked(
    path: Path,
    waiting: Callable[[], object] = lambda: None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[None]:
    """Hold the lock of a file.

    Args:
        path: of the lock.
        waiting: is called once where another process holds it.
        stop: is asked now and then meanwhile, and ends the waiting where it says so.

    Raises:
        UserError: the file cannot be written, or is held when waiting ends.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting()
            _wait(lock, path, stop)
    except OSError as error:
        raise UserError(
            f"{path.parent} cannot be written: {error.strerror}; mend its permissions"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _wait(lock: "FileLock", path: Path, stop: Callable[[], bool]) -> None:
    from filelock import Timeout

    while True:
        try:
            lock.acquire(timeout=LOOKS)
        except Timeout:
            if stop():
                raise UserError(f"{path.parent} is still held by another process") from None
        else:
            return
