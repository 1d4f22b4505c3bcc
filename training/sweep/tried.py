"""What a sweep tries: a setting, what it scored on each case, and what it costs."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tried:
    """One setting.

    Attributes:
        typed: the options of `pytest evals`, or the keys of an entry, that make it.
        series: what it has in common with others, as a picture joins them.
        scores: by case, 0 to 1; shape (cases,), the cases of all settings being the same.
        cost: what it costs, in the unit of its sweep.
    """

    typed: str
    series: str
    scores: tuple[float, ...]
    cost: float


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with the ends of its 90 % interval over contracts; None where nothing is known."""

    mean: float
    low: float | None
    high: float | None

    def __format__(self, spec: str) -> str:
        """`mean [low, high]`.

        >>> f"{Interval(0.5, 0.4, 0.62):.2f}", f"{Interval(0.5, None, None):+.1f}"
        ('0.50 [0.40, 0.62]', '+0.5')
        """
        if self.low is None or self.high is None:
            return format(self.mean, spec)
        return f"{self.mean:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


@dataclass(frozen=True, slots=True)
class Row:
    """A setting beside the best one: `less` is what it has less than that, paired by case.

    `told` says whether the whole interval of the difference is below nothing.
    """

    tried: Tried
    score: Interval
    less: Interval
    told: bool


def recommended(rows: Sequence[Row]) -> Row:
    """The cheapest of those that cannot be told from the best; of these the better one."""
    within = [row for row in rows if not row.told]
    return min(within, key=lambda row: (row.tried.cost, -row.score.mean))
