"""What was paid for one exam, however often it is begun, killed and typed again."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from common.errors import UserError
from evals.calls.budget import Budget, Reservation
from evals.calls.journal import Journal
from evals.calls.rows import Row
from evals.calls.store import Store
from models.chat import Answer
from models.metering import Meter, Usage, metering
from models.price import FREE, NOTHING, Price


@dataclass(frozen=True, slots=True)
class Payments:
    """Notes in the store what calls for one exam may cost, and did; `exam` digests what it asks."""

    exam: str
    journal: Journal

    def note(self, call: str, state: str, cost: Decimal) -> "asyncio.Future[None]":
        """Note the `most` that a call may cost, or what was `paid`, in US dollars."""
        columns = {"exam": self.exam, "call": call, "state": state, "cost": f"{cost:f}"}
        return self.journal.add(Row("payments", uuid.uuid4().hex, columns))


@dataclass
class Bill:
    """What one call may cost by its reservation, and what it comes to by its price.

    Without a price nobody knows, and nothing is noted. `greeted` was paid to see whether models can
    answer at all, which is no part of an answer's own cost.
    """

    price: Price | None
    reservation: Reservation
    meter: Meter
    payments: Payments | None
    call: str = field(default_factory=lambda: uuid.uuid4().hex)
    intended: Decimal = NOTHING
    greeted: Decimal = NOTHING

    async def intend(self) -> None:
        """Have on disk what the call may cost, before it is sent, and again if it may cost more.

        Of a process that is killed meanwhile nobody knows what its last calls cost: they count as
        the most that they could.

        Raises:
            UserError: it cannot be written; so nothing may be sent.
        """
        if self.payments and self.reservation.cost > self.intended:
            await self.payments.note(self.call, "most", self.reservation.cost)
            self.payments.journal.check()
            self.intended = self.reservation.cost

    @contextmanager
    def unanswered(self) -> Iterator[None]:
        """Settle the bill of a call that ends in an exception inside the block.

        One that was sent and then given up may be billed in full: it counts as the most.
        """
        try:
            yield
        except BaseException as error:
            given_up = isinstance(error, asyncio.CancelledError)
            self.settle_metered(most=self.reservation.sent and given_up)
            raise

    def settled(self, answer: Answer) -> Answer:
        """The answer with what was paid for it, tries that came to nothing included.

        Of a reply that does not say what it used nobody knows the cost: it counts as the most.
        """
        own = Usage(answer.tokens_in, answer.tokens_out, answer.tokens_cached)
        cost = (own + self.meter.usage).at(self.price)
        if self.price in (None, FREE):
            self._settle(cost + self.greeted)
            return answer if self.price is None else replace(answer, cost=cost)
        if answer.error is None and not (own.tokens_in and (own.tokens_out or not answer.text)):
            self._settle(max(self.reservation.cost, cost + self.greeted))
            return replace(answer, cost=None)
        self._settle(cost + self.greeted)
        return replace(answer, cost=cost)

    def settle_metered(self, *, most: bool = False) -> None:
        """Settle what was billed, whatever came of it; the `most` of which nobody knows that."""
        known = self.meter.usage.at(self.price) + self.greeted
        unknown = most or self.meter.unsaid
        self._settle(max(self.reservation.cost, known) if unknown else known)

    def _settle(self, paid: Decimal) -> None:
        self.reservation.paid = paid
        if self.payments and (self.intended or paid):
            self.payments.note(self.call, "paid", paid)


@dataclass
class Purse:
    """Pays for what is no call of a model, such as embedding, at one price."""

    price: Price
    budget: Budget
    payments: Payments
    paid: Decimal = NOTHING

    @asynccontextmanager
    async def paying(self, tokens: int) -> AsyncIterator[str | None]:
        """Pay for what is billed inside the block, `tokens` at most; yields why it may not be.

        Under a limit what was billed in vain is not asked for again. What is given up may be
        billed in full: it counts as the most.
        """
        limited = self.budget.max_cost is not None
        with (
            self.budget.beside(self.price.most(tokens)) as reservation,
            metering(lambda: not limited) as meter,
        ):
            bill = Bill(self.price, reservation, meter, self.payments)
            if reservation.declined is not None:
                yield reservation.declined
                return
            if limited:
                await bill.intend()
            try:
                yield None
            except asyncio.CancelledError:
                bill.settle_metered(most=True)
                raise
            except BaseException:
                bill.settle_metered()
                raise
            else:
                bill.settle_metered()
            finally:
                self.paid += reservation.paid


@contextmanager
def paying(store: Store, budget: Budget, exam: str) -> Iterator[None]:
    """Know what was paid for an exam before, and be the only one that pays under its limit.

    Raises:
        UserError: another process does.
    """
    release = None
    if budget.max_cost is not None:
        release = store.try_lock(f"exam-{exam[:32]}")
        if release is None:
            raise UserError(
                "--max-cost: another process is paying for this exam; wait until it has ended"
            )
    try:
        budget.before = paid_before(store, exam)
        yield
    finally:
        if release:
            release()


def paid_before(store: Store, exam: str) -> Decimal:
    """US dollars that the store knows to have been spent on an exam."""
    return total(store.payments(exam))


def total(rows: Iterable[Any]) -> Decimal:
    """What calls cost: what was paid, and where nobody noted that, the most it can have been."""
    most: dict[str, Decimal] = {}
    known: dict[str, Decimal] = {}
    for row in rows:
        cost = Decimal(row.cost)
        if row.state == "paid":
            known[row.call] = cost
        else:
            most[row.call] = max(cost, most.get(row.call, NOTHING))
    return sum((most | known).values(), NOTHING)
