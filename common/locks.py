"""One process at a time: a lock that ends with the process that holds it."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from common.errors import UserError


def beside(path: Path) -> Path:
    """The lock of a file that is replaced while it is held: a hidden file beside it.

    >>> beside(Path("data/own.json")).name
    '.own.json.lock'
    """
    return path.with_name(f".{path.name}.lock")


@contextlib.contextmanager
def locked(path: Path, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold the lock of a file; `waiting` is called once where another process holds it.

    Raises:
        UserError: the file cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting()
            lock.acquire()
    except OSError as error:
        raise UserError(
            f"{path.parent} cannot be written: {error.strerror}; mend its permissions"
        ) from error
    try:
        yield
    finally:
        lock.release()
