"""What an exam may spend."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

DECLINED = "not asked: --max-"
"""How the reason begins where a call was declined; what the limit is called follows."""


@dataclass
class Reservation:
    """Room for one call. `declined` says why there is none.

    `sent` is set by who makes the call, as soon as it is on its way; `spent` are its tokens.
    """

    declined: str | None
    sent: bool = False
    spent: int = 0


@dataclass
class Budget:
    """Limits on calls and tokens, kept by reserving before a call what it may cost at most.

    A call that does not fit waits while others are under way, since they may cost less than they
    reserved; when none is, it is declined and nothing was sent. `calls` are those that were sent.
    """

    max_calls: int | None = None
    max_tokens: int | None = None
    calls: int = 0
    tokens: int = 0
    _reserved: int = 0
    _under_way: int = 0
    _waiting: list[tuple[int, asyncio.Future[None]]] = field(default_factory=list, repr=False)

    @asynccontextmanager
    async def reserved(self, tokens: int) -> AsyncIterator[Reservation]:
        """Room for a call of at most `tokens`, given back however the call ends."""
        reservation = Reservation(await self.reserve(tokens))
        try:
            yield reservation
        finally:
            if reservation.declined is None:
                self._give_back(tokens, reservation.spent, sent=reservation.sent)

    async def reserve(self, tokens: int) -> str | None:
        """Reserve one call of at most `tokens`; returns why not, or None when it may be made."""
        while not self._fits(tokens):
            if self._all_made:
                return f"{DECLINED}calls {self.max_calls} reached"
            if not self._under_way:
                return f"{DECLINED}tokens {self.max_tokens} reached"
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((tokens, turn))
            await turn
        self._reserved += tokens
        self._under_way += 1
        return None

    async def settle(self, reserved: int, spent: int) -> None:
        """Replace the reservation of a call that was sent by what it did cost."""
        self._give_back(reserved, spent, sent=True)

    @property
    def _all_made(self) -> bool:
        return self.max_calls is not None and self.calls + self._under_way >= self.max_calls

    def _fits(self, tokens: int) -> bool:
        if self._all_made:
            return False
        return self.max_tokens is None or self.tokens + self._reserved + tokens <= self.max_tokens

    def _give_back(self, reserved: int, spent: int, *, sent: bool) -> None:
        """Without waiting for anything: the call may be on its way out of a cancelled run."""
        self._reserved -= reserved
        self._under_way -= 1
        self.calls += sent
        self.tokens += spent
        left, self._waiting = self._waiting, []
        decided = self._all_made or not self._under_way
        for tokens, turn in left:
            if not turn.done() and (decided or self._fits(tokens)):
                turn.set_result(None)
            elif not turn.done():
                self._waiting.append((tokens, turn))
