"""Every call of an exam: made once, kept by the store, within a budget."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import TypeVar

from common.errors import UserError
from common.identity import digest
from evals.calls.about import about
from evals.calls.budget import DECLINED, Budget, Reservation
from evals.calls.columns import storable_answer
from evals.calls.journal import Journal, Lookups
from evals.calls.payments import Bill, Payments
from evals.calls.rows import answer_from, answer_row
from evals.calls.tally import is_judgement, tally
from evals.conversations import Exchange
from evals.isolation import isolated
from evals.results import Call
from fixtures.cases import Case
from fixtures.retrieval.passages import Passage
from models.chat import Answer, ChatModel, Composed, Message, Model, most_prompt_tokens
from models.metering import Usage, metering
from models.price import NOTHING, Price
from models.remote.limiter import holding

GREETING = 64
"""Tokens that it costs at most to see whether a model answers at all."""

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
    `prices` says by a model's name what its tokens cost, and `payments` notes what was paid;
    `judging` is what was paid for judgements.
    """

    journal: Journal
    known: Lookups
    budget: Budget
    prices: Callable[[str], Price | None] = lambda name: None
    payments: Payments | None = None
    judging: Decimal = NOTHING
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
        with about(case.contract.id):
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
        reply = await _once(self._made, key, lambda key: self._reply(chat, messages, key))
        if not (reply.error or "").startswith(DECLINED):
            tally(Exchange(chat.name, tuple(messages), reply))
        return reply

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
        size = most_prompt_tokens(messages) + chat.longest_answer
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
        price = self._price(model)
        most = price.most(size, getattr(model, "longest_answer", None)) if price else NOTHING
        async with self.budget.reserved(size, most + self._greetings(model)) as reservation:
            if reservation.declined:
                return Answer("", error=reservation.declined)
            with metering(partial(self.budget.extend, reservation, most)) as meter:
                bill = Bill(price, reservation, meter, self.payments)
                before = bill.intend if self.budget.max_cost is not None else None
                with bill.unanswered(), holding(before):
                    bill.greeted = await self._prepare(model, reservation)
                with holding(before) as hold:
                    with bill.unanswered():
                        try:
                            answer = await self._asked(call)
                            hold.sent = True
                        finally:
                            reservation.sent = hold.sent
                    answer = bill.settled(answer)
                    self.judging += reservation.paid if is_judgement() else NOTHING
                    used = Usage(answer.tokens_in, answer.tokens_out) + meter.usage
                    reservation.spent = used.tokens
                    self.tokens_in += used.tokens_in
                    ended = time.perf_counter()
                    call_made = Call(ended - answer.latency, ended, answer.tokens_out)
                    self.timed.setdefault(model.name, []).append(call_made)
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

    def _price(self, model: Model | ChatModel) -> Price | None:
        """What the model's tokens cost.

        Raises:
            UserError: nobody knows, and there is a limit.
        """
        price = self.prices(model.name)
        if price is None and self.budget.max_cost is not None:
            raise UserError(f"--max-cost: model {model.name} has no price")
        return price

    def _greetings(self, model: Model | ChatModel) -> Decimal:
        """What it may cost to see whether those can answer who were not asked yet."""
        new = {each.name for each in (*self.first, model)} - self._prepared
        prices = [price for name in new if (price := self.prices(name))]
        return sum((price.most(GREETING, 1) for price in prices), NOTHING)

    async def _asked(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """What the call brings, as the store can hold it; an exception is an answer's error."""

        async def asked() -> Answer:
            return storable_answer(await call())

        return await isolated(asked(), lambda line: Answer("", error=self.excepted(line)))

    async def _prepare(self, model: Model | ChatModel, reservation: Reservation) -> Decimal:
        """Have `first` and the model preflighted, once; what that cost whoever came first."""
        new = [each for each in (*self.first, model) if each.name not in self._prepared]
        return sum([await self._preflight(each, reservation) for each in new], NOTHING)

    async def _preflight(
        self, model: Model | ChatModel, reservation: Reservation | None = None
    ) -> Decimal:
        """What it cost; a greeting as long as an answer is reserved where one is needed."""

        def failed(line: str) -> None:
            raise UserError(f"model {model.name} cannot be asked: {line}")

        def longer() -> bool:
            price, longest = self.prices(model.name), getattr(model, "longest_answer", 0)
            most = price.most(GREETING + longest, longest) if price else NOTHING
            return reservation is None or self.budget.extend(reservation, most)

        with metering(longer) as meter:
            await _once(self._ready, model.name, lambda name: isolated(model.preflight(), failed))
        self._prepared.add(model.name)
        return meter.usage.at(self.prices(model.name))


def _failed(call: asyncio.Future[Answer]) -> bool:
    return call.cancelled() or call.exception() is not None


def answer_key(model: Model, case: Case, passages: Sequence[Passage]) -> str:
    """What produced an answer: the model, the question, and what it reads of this contract."""
    reads = passages or (isinstance(model, Composed) and model.reads_contract)
    seen = [case.contract.digest, [[p.start, p.end] for p in passages]] if reads else []
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
