"""What the calls cost that a judgement is made of, however deep within they are made."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal

_COSTS: ContextVar[list[Decimal | None] | None] = ContextVar("costs", default=None)


@contextmanager
def tallying() -> Iterator[list[Decimal | None]]:
    """The cost of every reply that is had inside the block, now or before; None of one unknown."""
    costs: list[Decimal | None] = []
    token = _COSTS.set(costs)
    try:
        yield costs
    finally:
        _COSTS.reset(token)


def tally(cost: Decimal | None) -> None:
    """Note what a reply cost, for whoever tallies."""
    costs = _COSTS.get()
    if costs is not None:
        costs.append(cost)


def is_tallied() -> bool:
    """Whether a call is made for a judgement."""
    return _COSTS.get() is not None
