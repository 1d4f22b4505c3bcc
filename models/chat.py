"""The seam between the exam and whatever answers it, and how tokens are picked."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, Protocol, runtime_checkable

from pydantic import Field

from common.identity import digest
from fixtures.cases import Case
from fixtures.retrieval.passages import Passage

Stop = Annotated[str, Field(min_length=1, max_length=200)]


@dataclass(frozen=True, slots=True)
class Decoding:
    """Sampling parameters; the bounds hold wherever pydantic reads them from a file.

    Attributes:
        max_tokens: the longest answer.
        temperature: 0 always picks the likeliest token.
        top_p: probability mass that is drawn from.
        seed: None leaves the draw to the model.
        stop: texts at which an answer ends; it does not hold them.
    """

    max_tokens: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 96
    temperature: Annotated[float, Field(strict=True, ge=0, le=2)] = 0.0
    top_p: Annotated[float, Field(strict=True, gt=0, le=1)] = 1.0
    seed: Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)] | None = 0
    stop: Annotated[tuple[Stop, ...], Field(max_length=16)] = ()

    @property
    def chosen(self) -> dict[str, Any]:
        """What identities hold: all parameters, those that came later only where they are used."""
        return {name: value for name, value in asdict(self).items() if name != "stop" or value}

    @property
    def identity(self) -> str:
        """SHA-256 over all parameters: each may move an answer."""
        return digest("decoding", self.chosen)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said, or why it said nothing.

    Attributes:
        text: the answer; empty when there is an error.
        tokens_in: prompt tokens; 0 where the model has none.
        tokens_out: generated tokens.
        latency: seconds from sending the request to the whole reply, queueing excluded.
        finish_reason: `stop`, `length` or what the server says.
        error: why there is no answer; None when there is one.
        passages: what the model was shown, after trimming to its context.
        confidence: mean log-probability of the answer's tokens, where the model gives one.
        reasoning: what the model wrote for itself before the answer; kept, never scored.
        lasting: whether the same question would have the same error again, for what it says.
        tokens_cached: those of `tokens_in` that the server says it had in its cache.
        cost: US dollars that were paid for it, at the price of that time; None where nobody knows.
    """

    text: str
    tokens_in: int = 0
    tokens_out: int = 0
    latency: float = 0.0
    finish_reason: str = "stop"
    error: str | None = None
    passages: tuple[Passage, ...] = ()
    confidence: float | None = None
    reasoning: str = ""
    lasting: bool = False
    tokens_cached: int = 0
    cost: Decimal | None = None


def most_prompt_tokens(messages: Sequence[Message]) -> int:
    """Tokens that a chat has at most: half its UTF-8 bytes.

    No tokenizer has fewer than two characters a token on English prose; what is not ASCII has more
    bytes a character, and more tokens.

    >>> most_prompt_tokens([Message("user", "Which law governs?")])
    9
    """
    return sum(len(message.content.encode()) for message in messages) // 2


class ChatModel(Protocol):
    """Anything that continues a chat: judges and prompted models are built on it.

    `context` is how many prompt tokens fit beside the longest answer; `count` measures a text
    in those tokens (exactly for local models, estimated for servers).
    """

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def identity(self) -> str:
        """SHA-256 of what moves its replies."""

    @property
    def context(self) -> int:
        """Prompt tokens that fit."""

    @property
    def longest_answer(self) -> int:
        """Tokens that an answer has at most."""

    async def preflight(self) -> None:
        """Check at the price of one call at most that the model can answer.

        Raises:
            UserError: it cannot, and the line says why.
        """

    def count(self, text: str) -> int:
        """Tokens of `text`."""

    async def chat(self, messages: Sequence[Message]) -> Answer:
        """Continue the chat. A call that fails for this chat alone returns `Answer.error`.

        Raises:
            UserError: no later call can succeed either (bad key, unknown model, no server).
        """

    async def logprobs(self, messages: Sequence[Message], reply: str) -> tuple[float, ...] | None:
        """Log-probability of each token of `reply`; None where the model gives none."""

    def drawn(self, temperature: float, seed: int) -> "ChatModel":
        """The same model with tokens drawn at `temperature`; it shares weights and limits."""

    async def close(self) -> None:
        """Release connections and threads."""


class Model(Protocol):
    """Anything that answers a case from passages: the thing under examination.

    `identity` digests everything that moves its answers (weights, tokenizer, template, decoding,
    prompt), never a name or a path. `uses_passages` is False for closed-book models; `free` is True
    where an answer costs no more than reading it from the store, which then does not keep it.
    """

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def identity(self) -> str:
        """SHA-256 of what moves its answers."""

    @property
    def uses_passages(self) -> bool:
        """Whether it is shown passages."""

    @property
    def free(self) -> bool:
        """Whether an answer costs nothing to have again."""

    async def preflight(self) -> None:
        """Check at the price of one call at most that the model can answer."""

    def most_tokens(self, case: Case, passages: Sequence[Passage]) -> int:
        """Tokens, prompt and answer, that this case costs at most; budgets reserve them."""

    def shown(self, case: Case, passages: Sequence[Passage]) -> tuple[Passage, ...]:
        """The passages that `answer` would show, without asking."""

    async def answer(self, case: Case, passages: Sequence[Passage]) -> Answer:
        """Answer one case. May be awaited for all cases at once; the model paces itself."""

    async def logprobs(
        self, case: Case, passages: Sequence[Passage], reply: str
    ) -> tuple[float, ...] | None:
        """Log-probability of each token of `reply` to the case; None where it gives none."""

    def drawn(self, temperature: float, seed: int) -> "Model | None":
        """The same model with its answers drawn at random; None where it always says the same."""

    async def close(self) -> None:
        """Release connections and threads."""


@runtime_checkable
class Prompting(Model, Protocol):
    """A Model whose answer is the reply to one prompt, made of the case and what it is shown."""

    def sent(self, case: Case, shown: Sequence[Passage]) -> tuple[Message, ...]:
        """What its chat model is sent where it is shown these passages."""


Chat = Callable[[ChatModel, Sequence[Message]], Awaitable[Answer]]
"""Has a chat model continue a chat, from wherever the reply comes."""


@runtime_checkable
class Composed(Model, Protocol):
    """A Model that makes an answer of calls to a chat model of its own, as many as it needs.

    Whoever keeps, counts and limits calls hands in `chat`, and makes those calls with it.
    """

    @property
    def generator(self) -> ChatModel:
        """What it asks."""

    @property
    def reads_contract(self) -> bool:
        """Whether its answers depend on more of a contract than the passages that it is offered."""

    async def answer_through(self, case: Case, passages: Sequence[Passage], chat: Chat) -> Answer:
        """Answer one case, asking `generator` by `chat` alone."""
