"""What an exam may spend."""

import asyncio
from dataclasses import dataclass, field

DECLINED = "not asked: --max-"
"""How the reason begins where a call was declined; what the limit is called follows."""


@dataclass
class Budget:
    """Limits on calls and tokens, kept by reserving before a call what it may cost at most.

    A call that does not fit waits while others are under way, since they may cost less than they
    reserved; when none is, it is declined and nothing was sent.
    """

    max_calls: int | None = None
    max_tokens: int | None = None
    calls: int = 0
    tokens: int = 0
    _reserved: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition, repr=False)

    async def reserve(self, tokens: int) -> str | None:
        """Reserve one call of at most `tokens`; returns why not, or None when it may be made."""
        if self.max_calls is not None and self.calls >= self.max_calls:
            return f"{DECLINED}calls {self.max_calls} reached"
        self.calls += 1
        if self.max_tokens is None:
            return None
        async with self._changed:
            while self.tokens + self._reserved + tokens > self.max_tokens:
                if not self._reserved:
                    self.calls -= 1
                    return f"{DECLINED}tokens {self.max_tokens} reached"
                await self._changed.wait()
            self._reserved += tokens
        return None

    async def settle(self, reserved: int, spent: int) -> None:
        """Replace a reservation by what the call did cost."""
        self.tokens += spent
        if self.max_tokens is not None:
            async with self._changed:
                self._reserved -= reserved
                self._changed.notify_all()
