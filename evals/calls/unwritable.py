"""What went wrong in a database, as one line with the way out."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from common.errors import UserError


class UnwritableError(UserError):
    """Rows that could not be written.

    `concerns` is `row` where nothing is wrong with the store, `space` where it is full and smaller
    rows may still fit, `store` where no row can be written.
    """

    def __init__(self, line: str, concerns: Literal["row", "space", "store"]) -> None:
        super().__init__(line)
        self.concerns = concerns


@contextmanager
def translated(url: str, done: str) -> Iterator[None]:
    """Have whatever a database raises say that the store at `url` cannot be `done` (read, written).

    Raises:
        UnwritableError: for every exception that is no UserError already.
    """
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raw = error.orig if isinstance(error, DBAPIError) else error
        reason = " ".join(str(raw).split())[:300] or type(raw).__name__
        line = f"store {url} cannot be {done} ({reason}); {_way_out(url, reason)}"
        raise UnwritableError(line, _concerned(raw, reason)) from error


def _way_out(url: str, reason: str) -> str:
    if "not a database" in reason or "malformed" in reason:
        return f"it is corrupt or foreign; put it aside: `mv {url} {url}.broken`"
    if _is_full(reason):
        return "free some space and type the same command: what was answered is kept"
    if "locked" in reason:
        return "another exam holds it; wait for that one, or give another --store"
    return "mend that, or give another --store"


def _is_full(reason: str) -> bool:
    """SQLite's words, a file size limit's, and PostgreSQL's."""
    return "is full" in reason or "disk I/O error" in reason or "No space left" in reason


def _concerned(error: object, reason: str) -> Literal["row", "space", "store"]:
    """Whether another row could have been written."""
    if _is_full(reason):
        return "space"
    kinds = {kind.__name__ for kind in type(error).__mro__}
    whole = kinds & {"OperationalError", "OSError", "InternalError"}
    return "store" if whole or type(error).__name__ == "DatabaseError" else "row"
