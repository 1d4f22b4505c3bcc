"""A model that is one function: the shortest way to examine a program."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from fixtures.cases import Case
from fixtures.retrieval.passages import Passage
from models.chat import Answer


@dataclass(frozen=True)
class CalledModel:
    """Answers with what a function returns; it is timed, and counts the tokens that it says.

    Attributes:
        name: what reports call it.
        identity: SHA-256 of what moves its answers; they are asked anew where it changes.
        call: answers one case from its passages; awaited for all cases at once.
        uses_passages: whether it is shown passages.
        free: whether its answers cost nothing to have again, and are not kept.
    """

    name: str
    identity: str
    call: Callable[[Case, Sequence[Passage]], Awaitable[Answer]]
    uses_passages: bool = True
    free: bool = False

    async def preflight(self) -> None:
        """There is nothing to check."""

    def most_tokens(self, case: Case, passages: Sequence[Passage]) -> int:
        """None are known before it is asked."""
        return 0

    def shown(self, case: Case, passages: Sequence[Passage]) -> tuple[Passage, ...]:
        """See Model: all of them."""
        return tuple(passages) if self.uses_passages else ()

    async def answer(self, case: Case, passages: Sequence[Passage]) -> Answer:
        """What the function returns, with how long it took and what it was shown."""
        started = time.perf_counter()
        answer = await self.call(case, passages)
        seen = answer.passages or self.shown(case, passages)
        return replace(answer, latency=time.perf_counter() - started, passages=seen)

    async def logprobs(
        self, case: Case, passages: Sequence[Passage], reply: str
    ) -> tuple[float, ...] | None:
        """It gives none."""
        return None

    def drawn(self, temperature: float, seed: int) -> None:
        """It says what it says."""

    async def close(self) -> None:
        """It holds nothing open."""
