"""Transactions of SQLite files whose every statement we begin and end ourselves."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress


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
