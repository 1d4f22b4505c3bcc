"""What a model's tokens cost: `[price]` of its entry, US dollars per million tokens, exactly."""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from common.errors import UserError

NOTHING = Decimal(0)
MOST = 10**12
"""The largest amount that is one."""

PER_TOKEN = -6
"""Power of ten from a price per million tokens to that of one."""


def _number(value: Any) -> Any:
    """A number of a file, and no flag or text, which Decimal would take.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, bool | str):
        raise ValueError("give a number, US dollars per million tokens")
    return value


Dollars = Annotated[
    Decimal,
    BeforeValidator(_number, json_schema_input_type=float),
    Field(ge=0, le=10_000, decimal_places=6),
]
"""Per million tokens. With six places at most a token costs a whole number of 10⁻¹² dollars, so
that sums of any exam are exact in Decimal's 28 digits."""


class Price(BaseModel):
    """US dollars per million tokens, as replies count them.

    Attributes:
        input: of the prompt.
        output: of all that is generated, reasoning included.
        cached_input: of prompt tokens that the server says it had in its cache; as `input` where
            None.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: Dollars
    output: Dollars
    cached_input: Dollars | None = None

    def of(self, tokens_in: int, tokens_out: int, tokens_cached: int = 0) -> Decimal:
        """Dollars for a reply; `tokens_cached` are those of `tokens_in` that were in the cache.

        >>> Price(input=0.25, output=1.25).of(1_000, 100)
        Decimal('0.00037500')
        """
        cached = min(tokens_cached, tokens_in)
        reading = self.input if self.cached_input is None else self.cached_input
        spent = (tokens_in - cached) * self.input + cached * reading + tokens_out * self.output
        return spent.scaleb(PER_TOKEN)

    def most(self, tokens: int, tokens_out: int | None = None) -> Decimal:
        """Dollars for `tokens` at most, prompt and reply, of which `tokens_out` may be generated.

        Where nobody knows how many those are, all of them count as the dearer kind.
        """
        reading = max(self.input, self.cached_input or NOTHING)
        out = tokens if tokens_out is None else min(tokens_out, tokens)
        dearer = max(reading, self.output)
        return ((tokens - out) * reading + out * dearer).scaleb(PER_TOKEN)


class ReadingPrice(BaseModel):
    """US dollars per million tokens of what only reads: an embedder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: Dollars

    @property
    def whole(self) -> Price:
        """As a price of prompt and reply."""
        return Price(input=self.input, output=NOTHING)


def summed(costs: Iterable[Decimal | None]) -> Decimal | None:
    """All of them together; None where one is not known.

    >>> summed([Decimal("0.1"), Decimal("0.2")]), summed([Decimal("0.1"), None])
    (Decimal('0.3'), None)
    """
    known = list(costs)
    return None if None in known else sum((each for each in known if each is not None), NOTHING)


FREE = Price(input=NOTHING, output=NOTHING)
"""Of a model that nobody is paid for by the token."""


def read_dollars(option: str, typed: str | None) -> Decimal | None:
    """An amount of US dollars that was typed.

    Raises:
        UserError: it is none.
    """
    if typed is None:
        return None
    try:
        amount = Decimal(typed.strip())
    except InvalidOperation:
        amount = Decimal("NaN")
    if amount.is_finite() and 0 <= amount <= MOST and amount == round(amount, -PER_TOKEN):
        return amount
    raise UserError(f"{option} {typed[:40]}: give US dollars, 0 or more, such as 5 or 0.25")


def dollars(cost: Decimal) -> str:
    """US dollars as people read them: cents from ten of them on, else two digits that count.

    >>> [dollars(Decimal(each)) for each in ("1234.5", "0.25", "0.0003751", "0")]
    ['$1,234.50', '$0.25', '$0.00038', '$0']
    """
    if not cost:
        return "$0"
    places = 2 if cost >= Decimal("0.1") else 1 - cost.adjusted()
    return f"${cost:,.{places}f}"
