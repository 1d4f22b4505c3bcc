"""What a round has spent, and what it may still spend."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.paths import STORE
from training.loop.journal import Round
from training.loop.policy import Budget


@dataclass(frozen=True, slots=True)
class Left:
    """What a budget has left; None is no bound."""

    seconds: float | None
    calls: int | None
    dollars: float | None

    @property
    def used_up(self) -> str:
        """Which bound is reached, in words; "" where none is."""
        if self.seconds is not None and self.seconds <= 0:
            return "its hours are used up"
        if self.calls is not None and self.calls <= 0:
            return "its calls are used up"
        if self.dollars is not None and self.dollars <= 0:
            return "its money is used up"
        return ""

    def words(
        self, options: tuple[str, ...], typed: Sequence[str] = (), paid: float = 0.0
    ) -> tuple[str, ...]:
        """The options of a command that keep it within what is left.

        Args:
            options: those of `--max-calls`, `--max-cost` and `--hours` that it takes.
            typed: its arguments: a bound among them that is lower stays.
            paid: dollars that it paid when it was cut off: it counts them itself.
        """
        values = {
            "--max-calls": None if self.calls is None else str(self.calls),
            "--hours": None if self.seconds is None else f"{_hours(self.seconds):.4f}",
            "--max-cost": None if self.dollars is None else f"{self.dollars + paid:.6f}",
        }
        given = ((name, value) for name in options if (value := values[name]) is not None)
        lower = (pair for pair in given if not _is_lower(typed, *pair))
        return tuple(word for pair in lower for word in pair)


def _is_lower(typed: Sequence[str], option: str, value: str) -> bool:
    """Whether a command is bounded by less already, by the last that its arguments say."""
    words = [word for each in typed for word in each.split("=", 1)]
    said = [words[at + 1] for at, word in enumerate(words[:-1]) if word == option]
    try:
        return bool(said) and float(said[-1]) <= float(value)
    except ValueError:
        return False  # the command itself says what is wrong with it


def _hours(seconds: float) -> float:
    """Within what a job may be given."""
    return min(max(seconds / 3600, 0.001), 672.0)


def left_of(budget: Budget, round_: Round) -> Left:
    """What a round may still spend."""
    hours, calls, dollars = round_.spent
    return Left(
        None if budget.hours is None else (budget.hours - hours) * 3600,
        None if budget.calls is None else budget.calls - calls,
        None if budget.dollars is None else budget.dollars - dollars,
    )


def paid(url: str = STORE) -> tuple[int, float]:
    """Replies that the store keeps, and dollars that it knows to have been paid, in vain too.

    A judge's score is counted by the replies that it was read from. Nothing where there is no
    store.

    Raises:
        UserError: it cannot be read.
    """
    from evals.calls.payments import total
    from evals.calls.store import Store

    if "://" not in url and not Path(url).is_file():
        return 0, 0.0
    store = Store(url)
    try:
        return store.replies(), float(total(store.payments()))
    finally:
        store.close()
