"""What the calls of one command may be at most, where no exam plans them."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from common.errors import UserError
from evals.calls.budget import Budget
from evals.calls.calls import Calls
from evals.calls.journal import Journal, Lookups
from evals.calls.payments import Payments, paid_before
from evals.calls.store import Store
from models.price import read_dollars
from models.prices import Prices


@dataclass(frozen=True, slots=True)
class Limits:
    """How many calls, and for how many US dollars in all; None sets no limit.

    What was paid for the same purpose before counts towards the money, and not towards the calls.
    """

    calls: int | None = None
    cost: Decimal | None = None

    def opened(
        self, store: Store, journal: Journal, prices: Prices, asked: Iterable[str], purpose: str
    ) -> Calls:
        """The calls of a command, within these limits.

        Args:
            store: what was asked before.
            journal: writes to it.
            prices: of the registry's models.
            asked: names of the models that are asked.
            purpose: a digest of what is asked for.

        Raises:
            UserError: money is limited, and a model has no price.
        """
        if self.cost is not None:
            prices.check(asked)
        return Calls(
            journal,
            Lookups(store, "answers"),
            Budget(self.calls, max_cost=self.cost, before=paid_before(store, purpose)),
            prices=prices.of,
            payments=Payments(purpose, journal),
        )


def read_limits(calls: int | None, cost: str | None) -> Limits:
    """The limits that `--max-calls` and `--max-cost` type.

    Raises:
        UserError: they are no limits.
    """
    if calls is not None and calls < 1:
        raise UserError(f"--max-calls {calls}: give 1 or more, or leave it out")
    return Limits(calls, read_dollars("--max-cost", cost))
