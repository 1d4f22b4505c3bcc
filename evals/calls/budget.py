"""Limits on calls, tokens and money, kept by reserving before a call what it may cost at most."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal

from models.price import NOTHING

DECLINED = "not asked: --max-"
"""How the reason begins where a call was declined; what the limit is called follows."""


@dataclass
class Reservation:
    """Room for one call. `declined` says why there is none.

    `sent` is set by who makes the call, as soon as it is on its way; `spent` are its tokens, and
    `paid` what it cost, in US dollars.
    """

    declined: str | None
    tokens: int = 0
    cost: Decimal = NOTHING
    sent: bool = False
    spent: int = 0
    paid: Decimal = NOTHING


@dataclass
class Budget:
    """Limits on calls, tokens and US dollars.

    A call that does not fit waits while others hold some of what it needs, since they may cost less
    than they reserved; when none does, it is declined and nothing was sent. `calls` are those that
    were sent. `before` was paid for the same work in earlier runs, and counts towards `max_cost`.
    """

    max_calls: int | None = None
    max_tokens: int | None = None
    max_cost: Decimal | None = None
    before: Decimal = NOTHING
    calls: int = 0
    tokens: int = 0
    cost: Decimal = NOTHING
    _tokens_reserved: int = 0
    _cost_reserved: Decimal = NOTHING
    _under_way: int = 0
    _holding: int = 0
    _waiting: list[tuple[int, Decimal, asyncio.Future[None]]] = field(
        default_factory=list, repr=False
    )

    @asynccontextmanager
    async def reserved(self, tokens: int, cost: Decimal = NOTHING) -> AsyncIterator[Reservation]:
        """Room for a call of at most `tokens` and `cost`, given back however the call ends."""
        reservation = Reservation(await self.reserve(tokens, cost), tokens, cost)
        try:
            yield reservation
        finally:
            if reservation.declined is None:
                self._under_way -= 1
                self._give_back(reservation)

    async def reserve(self, tokens: int, cost: Decimal = NOTHING) -> str | None:
        """Reserve one call of at most so much; returns why not, or None when it may be made."""
        while not self._fits(tokens, cost):
            if self._all_made:
                return f"{DECLINED}calls {self.max_calls} reached"
            if not self._holding:
                return self._refusal(tokens)
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((tokens, cost, turn))
            await turn
        self._hold(tokens, cost)
        self._under_way += 1
        self._holding += bool(tokens or cost)
        return None

    async def settle(self, reserved: int, spent: int) -> None:
        """Replace the reservation of a call that was sent by the tokens that it did cost."""
        self._under_way -= 1
        self._give_back(Reservation(None, reserved, sent=True, spent=spent))

    @contextmanager
    def beside(self, cost: Decimal) -> Iterator[Reservation]:
        """Room for what is paid beside calls, such as embedding; declined at once without room."""
        reservation = Reservation(None if self._affords(cost) else self._refusal(0), 0, cost)
        if reservation.declined is None:
            self._hold(0, cost)
            self._holding += bool(cost)
        try:
            yield reservation
        finally:
            if reservation.declined is None:
                self._give_back(reservation)

    def extend(self, reservation: Reservation, cost: Decimal) -> bool:
        """Reserve so much more for a call that is made once more; False where it does not fit."""
        if not self._affords(cost):
            return False
        reservation.cost += cost
        self._cost_reserved += cost
        return True

    @property
    def _all_made(self) -> bool:
        return self.max_calls is not None and self.calls + self._under_way >= self.max_calls

    def _fits(self, tokens: int, cost: Decimal) -> bool:
        if self._all_made or not self._affords(cost):
            return False
        taken = self.tokens + self._tokens_reserved
        return self.max_tokens is None or taken + tokens <= self.max_tokens

    def _affords(self, cost: Decimal) -> bool:
        """Whether so much may be spent; what costs nothing always may."""
        if self.max_cost is None or not cost:
            return True
        return self.before + self.cost + self._cost_reserved + cost <= self.max_cost

    def _refusal(self, tokens: int) -> str:
        if self.max_tokens is not None and self.tokens + tokens > self.max_tokens:
            return f"{DECLINED}tokens {self.max_tokens} reached"
        earlier = f" ({self.before:.6f} was paid before)" if self.before else ""
        return f"{DECLINED}cost {self.max_cost} reached{earlier}"

    def _hold(self, tokens: int, cost: Decimal) -> None:
        self._tokens_reserved += tokens
        self._cost_reserved += cost

    def _give_back(self, reservation: Reservation) -> None:
        """Without waiting for anything: the call may be on its way out of a cancelled run."""
        self._hold(-reservation.tokens, -reservation.cost)
        self._holding -= bool(reservation.tokens or reservation.cost)
        self.calls += reservation.sent
        self.tokens += reservation.spent
        self.cost += reservation.paid
        left, self._waiting = self._waiting, []
        decided = self._all_made or not self._holding
        for tokens, cost, turn in left:
            if not turn.done() and (decided or self._fits(tokens, cost)):
                turn.set_result(None)
            elif not turn.done():
                self._waiting.append((tokens, cost, turn))
