"""The calls that a judgement or an answer is made of, however deep within they are made."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, NamedTuple

from evals.conversations import Exchange


class _Tally(NamedTuple):
    exchanges: list[Exchange]
    of: Literal["judgement", "answer"]


_TALLY: ContextVar[_Tally | None] = ContextVar("tally", default=None)


@contextmanager
def tallying(of: Literal["judgement", "answer"] = "judgement") -> Iterator[list[Exchange]]:
    """Every chat that is continued inside the block, now or before."""
    exchanges: list[Exchange] = []
    token = _TALLY.set(_Tally(exchanges, of))
    try:
        yield exchanges
    finally:
        _TALLY.reset(token)


def tally(exchange: Exchange) -> None:
    """Note a chat that was continued, for whoever tallies."""
    found = _TALLY.get()
    if found is not None:
        found.exchanges.append(exchange)


def is_judgement() -> bool:
    """Whether a call is made for a judgement."""
    found = _TALLY.get()
    return found is not None and found.of == "judgement"
