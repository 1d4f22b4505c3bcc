"""Locks beside a store: held by one process, released by its death."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from common.files import private_file, private_folder

if TYPE_CHECKING:
    from filelock import BaseFileLock
    from sqlalchemy import Connection, Engine


Release = Callable[[], None]


def try_file_lock(folder: Path, name: str) -> Release | None:
    """Lock a file of `folder`; None where another process, or this one, holds it."""
    from filelock import Timeout

    lock = _file_lock(folder, name)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    return lock.release


@contextmanager
def file_lock(folder: Path, name: str) -> Iterator[None]:
    """Hold the lock of a file, as soon as whoever holds it has gone."""
    with _file_lock(folder, name):
        yield


def _file_lock(folder: Path, name: str) -> "BaseFileLock":
    from filelock import FileLock

    file = private_file(private_folder(folder) / f"{name}.lock")
    return FileLock(file, mode=file.stat().st_mode & 0o777, thread_local=False)


def try_advisory_lock(engine: "Engine", name: str) -> Release | None:
    """PostgreSQL's lock of that name, held by a connection of its own."""
    from sqlalchemy import text

    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    taken = text("select pg_try_advisory_lock(:key)")
    if connection.execute(taken, {"key": _number(name)}).scalar_one():
        return lambda: _drop(connection)
    connection.close()
    return None


def advisory_lock_for_transaction(connection: "Connection", name: str) -> None:
    """Wait for PostgreSQL's lock of that name; it goes with the transaction."""
    from sqlalchemy import text

    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _number(name)})


def _drop(connection: "Connection") -> None:
    """End the session, and its locks with it."""
    connection.detach()
    connection.close()


def _number(name: str) -> int:
    """The lock's number: PostgreSQL knows locks by a signed 64-bit integer."""
    told = hashlib.sha256(f"bar-exam {name}".encode()).digest()
    return int.from_bytes(told[:8], signed=True)
