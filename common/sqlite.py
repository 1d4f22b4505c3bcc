"""SQLite files of ours: transactions whose every statement we begin and end, errors in one line."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from common.errors import UserError


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of a block, or nothing of it; others who write wait until it ends.

    Args:
        connection: of `isolation_level=None`, which begins no transaction by itself.

    Raises:
        sqlite3.Error: another writes for longer than the connection waits, or the disk is full.
    """
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        with suppress(sqlite3.Error):  # a full disk has rolled back already
            connection.execute("rollback")
        raise


@contextmanager
def usable(path: Path, advice: str) -> Iterator[None]:
    """What goes wrong in a block with this file, as one line that ends in `advice`.

    Raises:
        UserError: the disk is full, the file is no database, may not be written, ...
    """
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path} cannot be used: {reason}; {advice}") from error
