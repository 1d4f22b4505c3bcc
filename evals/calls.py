"""Every call of an exam: made once, kept by the store, counted by the budget."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from evals.budget import Budget
from evals.journal import Journal, Lookups
from evals.store import answer_from, answer_row
from fixtures.cases import Case
from fixtures.identity import digest
from fixtures.passages import Passage
from models.chat import Answer, ChatModel, Message, Model

T = TypeVar("T")


@dataclass
class Calls:
    """Asks models on behalf of an exam and of its judges.

    The same question is asked once, however many want to know. A call that the budget declines, or
    that failed, is an answer with an error and is not kept.
    """

    journal: Journal
    known: Lookups
    budget: Budget
    tokens_in: int = 0
    _made: dict[str, asyncio.Future[Answer]] = field(default_factory=dict)
    _ready: dict[str, asyncio.Future[None]] = field(default_factory=dict)

    def is_made(self, key: str) -> bool:
        """Whether this call was made, or is under way."""
        return key in self._made

    async def answer(self, model: Model, case: Case, passages: Sequence[Passage]) -> Answer:
        """The model's answer to a case, which the store was not found to hold."""
        return await _once(
            self._made,
            answer_key(model, case, passages),
            lambda key: self._answer(model, case, passages, key),
        )

    async def chat(self, chat: ChatModel, messages: Sequence[Message], draw: int = 0) -> Answer:
        """A chat model's reply, from the store or at the price of a call.

        `draw` counts how often the same is asked on purpose (is a judge of one mind?).

        Raises:
            UserError: no later call of this model can succeed either.
        """
        turns = [[message.role, message.content] for message in messages]
        key = digest("reply", chat.identity, turns, draw)
        return await _once(self._made, key, lambda key: self._reply(chat, messages, key))

    async def _reply(self, chat: ChatModel, messages: Sequence[Message], key: str) -> Answer:
        row = await self.known.row(key)
        if row is not None:
            return answer_from(row)
        size = sum(len(message.content) for message in messages) // 2 + chat.longest_answer
        return await self._paid(chat, size, key, lambda: chat.chat(messages))

    async def _answer(
        self, model: Model, case: Case, passages: Sequence[Passage], key: str
    ) -> Answer:
        size = model.most_tokens(case, passages)
        return await self._paid(model, size, key, lambda: model.answer(case, passages))

    async def _paid(
        self,
        model: Model | ChatModel,
        size: int,
        key: str,
        call: Callable[[], Awaitable[Answer]],
    ) -> Answer:
        """Make a call of at most `size` tokens within the budget, and journal what came."""
        declined = await self.budget.reserve(size)
        if declined:
            return Answer("", error=declined)
        await _once(self._ready, model.name, lambda name: model.preflight())
        answer = await call()
        self.tokens_in += answer.tokens_in
        await self.budget.settle(size, answer.tokens_in + answer.tokens_out)
        if answer.error is None:
            self.journal.add(answer_row(key, model.name, answer))
        return answer


def answer_key(model: Model, case: Case, passages: Sequence[Passage]) -> str:
    """What produced an answer: the model, the question, and the passages of this contract."""
    seen = [case.contract.digest, [[p.start, p.end] for p in passages]] if passages else []
    return digest("answer", model.identity, case.question, seen)


async def _once(
    done: dict[str, asyncio.Future[T]], key: str, make: Callable[[str], Awaitable[T]]
) -> T:
    """What `make` returns; whoever asks for the same key meanwhile or later shares it."""
    if key in done:
        return await asyncio.shield(done[key])
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    done[key] = future
    try:
        future.set_result(await make(key))
    except asyncio.CancelledError:
        future.cancel()
        raise
    except Exception as error:
        future.set_exception(error)
        future.exception()  # it is raised here; nobody else need wait for it
        raise
    return await future
