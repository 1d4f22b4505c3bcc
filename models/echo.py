"""A chat model that repeats the question: for tests, and to time everything but the model."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.identity import digest
from models.chat import Answer, Message


@dataclass(frozen=True)
class EchoChat:
    """Replies with the last line of the last message, at once."""

    name: str = "echo"
    context: int = 8192

    @property
    def identity(self) -> str:
        """Always the same."""
        return digest("echo", 1)

    @property
    def longest_answer(self) -> int:
        """As many as a question has, with room to spare."""
        return 512

    async def preflight(self) -> None:
        """It can always answer."""

    def count(self, text: str) -> int:
        """Words of `text`."""
        return len(text.split())

    async def chat(self, messages: Sequence[Message]) -> Answer:
        """Repeat the last line."""
        line = messages[-1].content.rpartition("\n")[2]
        words = sum(self.count(message.content) for message in messages)
        return Answer(line, tokens_in=words, tokens_out=self.count(line))

    async def logprobs(self, messages: Sequence[Message], reply: str) -> None:
        """It has none."""

    def drawn(self, temperature: float, seed: int) -> "EchoChat":
        """Itself: it always says the same."""
        return self

    async def close(self) -> None:
        """Nothing is held open."""
