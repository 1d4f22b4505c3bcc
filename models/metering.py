"""What a server bills for beside the answer that came of it: replies that were asked for again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal

from models.price import NOTHING, Price


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as a reply counts them; `tokens_cached` are those of `tokens_in` from a cache."""

    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0

    @property
    def tokens(self) -> int:
        """Prompt and reply."""
        return self.tokens_in + self.tokens_out

    def at(self, price: Price | None) -> Decimal:
        """What it costs, in US dollars; nothing where nobody knows the price."""
        if price is None:
            return NOTHING
        return price.of(self.tokens_in, self.tokens_out, self.tokens_cached)

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.tokens_cached + other.tokens_cached,
        )


NO_TOKENS = Usage()


@dataclass
class Meter:
    """What was billed so far; `again` says whether the same may be paid for once more.

    `unsaid` tells that a server gave what it was asked for, and not what that used.
    """

    again: Callable[[], bool]
    usage: Usage = NO_TOKENS
    unsaid: bool = False


_METER: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def metering(again: Callable[[], bool] = lambda: True) -> Iterator[Meter]:
    """Read what is billed inside the block beside the answers that it returns."""
    meter = Meter(again)
    token = _METER.set(meter)
    try:
        yield meter
    finally:
        _METER.reset(token)


def billed(usage: Usage) -> None:
    """Note what was used for a reply that nobody is given."""
    meter = _METER.get()
    if meter is not None:
        meter.usage += usage


def billed_unsaid() -> None:
    """Note that something was given of which nobody knows what it used."""
    meter = _METER.get()
    if meter is not None:
        meter.unsaid = True


def affordable() -> bool:
    """Whether whoever pays lets the same be asked once more, after it was billed in vain."""
    meter = _METER.get()
    return meter is None or meter.again()
