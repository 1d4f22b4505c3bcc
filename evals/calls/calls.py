"""Every call of an exam: made once, kept by the store, within a budget."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from common.errors import UserError
from common.identity import digest
from evals.calls.columns import storable_answer
from evals.calls.journal import Journal, Lookups
from evals.calls.store import answer_from, answer_row
from evals.isolation import isolated
from evals.results import Call
from fixtures.cases import Case
from fixtures.retrieval.passages import Passage
from models.chat import Answer, ChatModel, Composed, Message, Model
from models.remote.limiter import holding

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


T = TypeVar("T")


@dataclass
class Calls:
    """Asks models on behalf of an exam and of its judges.

    The same question is asked once, however many want to know. A call that the budget declines, or
    that failed, is an answer with an error and is not kept; but a reply that was cut off before an
    answer began was paid for, and would be again: it is kept beside the answers, and asked for
    again where `again` says so. Every answer is made storable here.
    `first` are the models that must be able to answer before anything is paid for; `exceptions`
    counts, by line, those that were no user's mistake; `failed` are the keys of calls that brought
    nothing and that may bring it if they are made again; `arrived` are the answers that this run
    paid for, by their keys, as soon as they are there; `timed` are the calls of each model.
    """

    journal: Journal
    known: Lookups
    budget: Budget
    tokens_in: int = 0
    first: Sequence[Model | ChatModel] = ()
    again: bool = False
    exceptions: Counter[str] = field(default_factory=Counter)
    failed: set[str] = field(default_factory=set)
    arrived: dict[str, Answer] = field(default_factory=dict)
    timed: dict[str, list[Call]] = field(default_factory=dict)
    _made: dict[str, asyncio.Future[Answer]] = field(default_factory=dict)
    _ready: dict[str, asyncio.Future[None]] = field(default_factory=dict)
    _prepared: set[str] = field(default_factory=set)

    def is_made(self, key: str) -> bool:
        """Whether this call was made, or is under way."""
        return key in self._made

    async def answer(self, model: Model, case: Case, passages: Sequence[Passage]) -> Answer:
        """The model's answer to a case, which the store was not found to hold."""
        if model.free:
            return await self._asked(lambda: model.answer(case, passages))
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

    def forget_failed(self) -> set[str]:
        """Let calls that failed be made again; returns their keys."""
        failed, self.failed = self.failed, set()
        for key in failed:
            self._made.pop(key, None)
        return failed

    def replies(self, keys: Iterable[str]) -> list[Answer]:
        """What calls came to that were made, declined ones left out."""
        made = [self._made[key] for key in keys if key in self._made]
        done = [each.result() for each in made if each.done() and not _failed(each)]
        return [each for each in done if not (each.error or "").startswith(DECLINED)]

    def excepted(self, line: str) -> str:
        """Count an exception; returns its line."""
        self.exceptions[line] += 1
        return line

    async def _reply(self, chat: ChatModel, messages: Sequence[Message], key: str) -> Answer:
        row = await self.known.row(key)
        if row is None and not self.again:
            row = await self.known.row(cut_off_key(key))
        if row is not None:
            return answer_from(row)
        size = sum(len(message.content) for message in messages) // 2 + chat.longest_answer
        return await self._paid(chat, size, key, lambda: chat.chat(messages))

    async def _answer(
        self, model: Model, case: Case, passages: Sequence[Passage], key: str
    ) -> Answer:
        if isinstance(model, Composed):
            return await self._composed(model, case, passages, key)
        size = model.most_tokens(case, passages)
        return await self._paid(model, size, key, lambda: model.answer(case, passages))

    async def _composed(
        self, model: Composed, case: Case, passages: Sequence[Passage], key: str
    ) -> Answer:
        """An answer that is made of calls: each is reserved, counted and kept as a reply is."""
        await self._preflight(model)
        answer = await self._asked(lambda: model.answer_through(case, passages, self.chat))
        if not (answer.error or "").startswith(DECLINED):
            await self._keep(model, key, answer)
        return answer

    async def _paid(
        self,
        model: Model | ChatModel,
        size: int,
        key: str,
        call: Callable[[], Awaitable[Answer]],
    ) -> Answer:
        """Make a call of at most `size` tokens within the budget, and keep what came.

        The next call takes this one's place at the server when the answer is on disk.
        """
        async with self.budget.reserved(size) as reservation:
            if reservation.declined:
                return Answer("", error=reservation.declined)
            await self._prepare(model)
            with holding() as hold:
                try:
                    answer = await self._asked(call)
                    hold.sent = True
                    reservation.spent = answer.tokens_in + answer.tokens_out
                finally:
                    reservation.sent = hold.sent
                ended = time.perf_counter()
                call_made = Call(ended - answer.latency, ended, answer.tokens_out)
                self.timed.setdefault(model.name, []).append(call_made)
                self.tokens_in += answer.tokens_in
                await self._keep(model, key, answer)
        return answer

    async def _keep(self, model: Model | ChatModel, key: str, answer: Answer) -> None:
        """Have what came on disk, or know that it did not come."""
        if answer.error is None:
            self.arrived[key] = answer
        elif answer.finish_reason == "length":
            key = cut_off_key(key)
        else:
            if not answer.lasting:
                self.failed.add(key)
            return
        kept = self.journal.add(answer_row(key, model.name, answer))
        if kept is not None:
            await kept

    async def _asked(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """What the call brings, as the store can hold it; an exception is an answer's error."""

        async def asked() -> Answer:
            return storable_answer(await call())

        return await isolated(asked(), lambda line: Answer("", error=self.excepted(line)))

    async def _prepare(self, model: Model | ChatModel) -> None:
        """Have `first` and the model preflighted, once."""
        for each in (*self.first, model):
            if each.name not in self._prepared:
                await self._preflight(each)

    async def _preflight(self, model: Model | ChatModel) -> None:
        def failed(line: str) -> None:
            raise UserError(f"model {model.name} cannot be asked: {line}")

        await _once(self._ready, model.name, lambda name: isolated(model.preflight(), failed))
        self._prepared.add(model.name)


def _failed(call: asyncio.Future[Answer]) -> bool:
    return call.cancelled() or call.exception() is not None


def answer_key(model: Model, case: Case, passages: Sequence[Passage]) -> str:
    """What produced an answer: the model, the question, and the passages of this contract."""
    seen = [case.contract.digest, [[p.start, p.end] for p in passages]] if passages else []
    return digest("answer", model.identity, case.question, seen)


def cut_off_key(key: str) -> str:
    """Where a reply is kept that was cut off before the answer began that `key` is of."""
    return digest("cut off", key)


async def _once(
    done: dict[str, asyncio.Future[T]], key: str, make: Callable[[str], Awaitable[T]]
) -> T:
    """What `make` returns; whoever asks for the same key meanwhile or later shares it.

    If who makes it is cancelled, the next who wants it makes it.
    """
    while key in done:
        try:
            return await asyncio.shield(done[key])
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling() or not done[key].cancelled():
                raise
            del done[key]
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
