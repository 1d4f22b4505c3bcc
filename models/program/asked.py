"""What one answer of a program asks, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from models.chat import Answer, Chat, ChatModel, Message
from models.price import summed

TEMPLATE = 8
"""Tokens that a chat template puts around a turn, at most."""


class TooLong(Exception):  # noqa: N818 - the program is called again with less
    """A prompt has more tokens than fit."""


@dataclass
class Asked:
    """The calls of one answer: all go to `generator`, by `chat`.

    A program may catch what a call raises and go on; whatever it then says rests on a fault that
    may pass. So it is kept here what was: `replies` that came, the first that `failed`, by how
    many tokens the worst prompt was too long, and what `raised` that ends more than this answer.
    """

    generator: ChatModel
    chat: Chat
    replies: list[Answer] = field(default_factory=list)
    failed: Answer | None = None
    longest: int = 0
    raised: BaseException | None = None

    async def ask(self, messages: Sequence[Message]) -> Answer:
        """Continue a chat.

        Raises:
            TooLong: the prompt does not fit.
            UserError: no later call can succeed either.
        """
        return await self._asked(self.generator, messages)

    async def draw(self, messages: Sequence[Message], temperature: float, number: int) -> Answer:
        """The same at a temperature, with a seed for each number."""
        decoding = getattr(self.generator, "decoding", None)
        if number == 0 and decoding is not None and decoding.temperature == temperature:
            return await self._asked(self.generator, messages)
        seed = (getattr(decoding, "seed", None) or 0) + number
        return await self._asked(self.generator.drawn(temperature, seed), messages)

    async def _asked(self, generator: ChatModel, messages: Sequence[Message]) -> Answer:
        tokens = sum(generator.count(each.content) + TEMPLATE for each in messages) + TEMPLATE
        if tokens > generator.context:
            self.longest = max(self.longest, tokens)
            raise TooLong(f"a prompt of {tokens} tokens")
        try:
            answer = await self.chat(generator, messages)
        except BaseException as error:
            self.raised = error
            raise
        if answer.error is None:
            self.replies.append(answer)
        elif not (answer.lasting or answer.finish_reason == "length"):
            self.failed = self.failed or answer
        return answer

    def counted(self, answer: Answer) -> Answer:
        """The answer with what all its calls cost, one after the other."""
        return replace(
            answer,
            tokens_in=sum(reply.tokens_in for reply in self.replies),
            tokens_out=sum(reply.tokens_out for reply in self.replies),
            latency=sum(reply.latency for reply in self.replies),
            cost=summed(reply.cost for reply in self.replies),
        )
