"""Which contract a call is about: every row that is written says so, and can be found by it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from common.identity import digest

_ABOUT: ContextVar[str] = ContextVar("about", default="")


def contract_key(contract_id: str) -> str:
    """What rows about a contract are marked with: of its id, so that a changed text is the same.

    >>> contract_key("ACME") == contract_key("ACME") != contract_key("ACME#2")
    True
    """
    return digest("contract", contract_id)


@contextmanager
def about(contract_id: str) -> Iterator[None]:
    """Mark every row that is written inside the block, however deep within."""
    token = _ABOUT.set(contract_key(contract_id))
    try:
        yield
    finally:
        _ABOUT.reset(token)


def at_work() -> str | None:
    """The mark of the contract that is at work; None where there is none."""
    return _ABOUT.get() or None
