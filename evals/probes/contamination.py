"""Does a model know the exam's contracts by heart? It is asked to continue them, and their twins.

Of a model whose training is unknown, such as an endpoint, this is the one thing that can be seen
from outside (verbatim completion: Carlini et al. 2022, arXiv 2202.07646; Golchin and Surdeanu 2023,
arXiv 2308.08493). That nothing is continued proves nothing: memory may show in other ways.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from evals.calls.calls import Calls
from evals.judges.judge import Panel
from evals.probes.openings import CONTINUED, Opening, Twins, length, longest_run
from models.chat import Answer, ChatModel, Message

REPLY = 2 * CONTINUED
"""Tokens that a continuation takes at most."""

ORDER = (
    "Below is the beginning of a passage of a commercial contract. Continue it word for word as it "
    "goes on in the original, for about {words} words. Write the continuation and nothing else.\n\n"
    "{shown}"
)
LEAST = 10
"""Words of a reply that continues anything; a refusal in few words does not."""


@dataclass(frozen=True, slots=True)
class Continued:
    """What the model made of a passage and of its twin.

    `likelihoods` are the mean log-probabilities of a token of what follows, where it gives them.
    """

    twins: Twins
    published: Answer
    control: Answer
    likelihoods: tuple[float, float] | None

    @property
    def failed(self) -> str | None:
        """Why either has no reply; None where both have."""
        return self.published.error or self.control.error

    @property
    def is_tried(self) -> bool:
        """Whether it wrote on at all, in both."""
        return min(length(self.published.text), length(self.control.text)) >= LEAST

    @property
    def runs(self) -> tuple[int, int]:
        """The longest run of words of what follows, in the passage and in its twin."""
        return (
            longest_run(self.published.text, self.twins.published.follows),
            longest_run(self.control.text, self.twins.control.follows),
        )

    @property
    def shares(self) -> tuple[float, float]:
        """The same as shares of the words that follow, 0 to 1."""
        first, second = self.runs
        return (
            first / max(length(self.twins.published.follows), 1),
            second / max(length(self.twins.control.follows), 1),
        )


@dataclass
class ContaminationExam:
    """Passages of the exam's contracts and their twins, to be continued by `chat`."""

    model: str
    chat: ChatModel
    twins: Sequence[Twins]
    continued: list[Continued] = field(default_factory=list)

    @property
    def calls(self) -> int:
        """How many it takes, likelihoods aside."""
        return 2 * len(self.twins)

    async def take(self, panel: Panel) -> None:
        """Ask for both continuations of every passage."""
        asked = (self._continue(twins, panel.calls) for twins in self.twins)
        self.continued = list(await asyncio.gather(*asked))

    async def _continue(self, twins: Twins, calls: Calls) -> Continued:
        both = twins.published, twins.control
        first, second = await asyncio.gather(*(calls.chat(self.chat, _order(o)) for o in both))
        logs = [await self._likelihood(opening, calls) for opening in both]
        known = (logs[0], logs[1]) if logs[0] is not None and logs[1] is not None else None
        return Continued(twins, first, second, known)

    async def _likelihood(self, opening: Opening, calls: Calls) -> float | None:
        """Read within the budget; None where the model gives none, or nothing is left."""
        messages = _order(opening)
        if await self.chat.logprobs(messages, "") is None:
            return None
        size = (len(messages[0].content) + len(opening.follows)) // 2
        async with calls.budget.reserved(size) as reservation:
            if reservation.declined:
                return None
            reservation.sent = True
            logs = await self.chat.logprobs(messages, opening.follows)
            reservation.spent = len(logs or ())
            calls.tokens_in += reservation.spent
        return sum(logs) / len(logs) if logs else None

    async def close(self) -> None:
        """Close the model."""
        await self.chat.close()


def _order(opening: Opening) -> list[Message]:
    return [Message("user", ORDER.format(words=CONTINUED, shown=opening.shown))]
