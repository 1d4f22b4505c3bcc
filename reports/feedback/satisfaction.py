"""How people in service scored answers, over time: means with intervals, from period to period.

People who score are no random sample of those who ask, so that a level says little; what changes
from one period to the next, on the same service, says more. Nothing here gates.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Literal

from reports.statistics.clusters import Sums
from reports.statistics.estimates import Estimate
from reports.statistics.intervals import interval

ALPHA = 0.05
"""Risk of each end of an interval, as an exam's is by default."""

By = Literal["day", "week", "month"]


@dataclass(frozen=True, slots=True)
class Scored:
    """One score in 0..1, given at `time` (seconds since 1970) to an answer of `model`.

    `contract` and `user` are empty where nobody knows; so is `model`.
    """

    time: float
    model: str
    score: float
    contract: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """The scores of one model in one period, which begins on the day `since` (UTC, ISO)."""

    since: str
    model: str
    estimate: Estimate


def satisfaction(scored: Iterable[Scored], by: By = "month") -> tuple[Satisfaction, ...]:
    """Means by period and model, in memory of the clusters of one period.

    The interval is the wider of two: by contract, and by the person who scored. Scores of one
    person hang together, and so do those on one contract. A score of which one of the two is
    unknown is a cluster by itself there, for want of better.

    Args:
        scored: in order of time.
        by: which periods.

    >>> likes = [Scored(0.0, "m", float(n < 30), contract=f"c{n}") for n in range(40)]
    >>> print(satisfaction(likes)[0].estimate)
    0.750 [0.607, 0.867]
    >>> from dataclasses import replace
    >>> print(satisfaction([replace(each, user="one") for each in likes])[0].estimate)
    0.750
    """
    return tuple(
        Satisfaction(since, model, estimate)
        for since, rows in groupby(scored, lambda each: since_of(each.time, by))
        for model, estimate in _by_model(rows)
    )


def since_of(time: float, by: By) -> str:
    """The first day of the period that a time lies in, as ISO writes it, UTC.

    >>> [since_of(1_769_860_800, by) for by in ("day", "week", "month")]
    ['2026-01-31', '2026-01-26', '2026-01-01']
    """
    day = datetime.fromtimestamp(time, UTC).date()
    first = {"day": day, "week": day - timedelta(day.weekday()), "month": day.replace(day=1)}
    return first[by].isoformat()


def _by_model(rows: Iterable[Scored]) -> Iterator[tuple[str, Estimate]]:
    found: dict[str, tuple[_Tally, _Tally]] = {}
    for row in rows:
        by_contract, by_user = found.setdefault(row.model, (_Tally(), _Tally()))
        by_contract.add(row.contract, row.score)
        by_user.add(row.user, row.score)
    for model in sorted(found):
        yield model, max((tally.estimate() for tally in found[model]), key=_width)


@dataclass(frozen=True, slots=True)
class _Tally:
    """What scores of clusters add up to: 24 bytes a cluster, so that a million are no burden."""

    places: dict[str, int] = field(default_factory=dict)
    sizes: "array[float]" = field(default_factory=lambda: array("d"))
    totals: "array[float]" = field(default_factory=lambda: array("d"))
    squares: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, cluster: str, score: float) -> None:
        """Count a score; one without a name is a cluster by itself."""
        place = self.places.get(cluster) if cluster else None
        if place is None:
            place = len(self.sizes)
            if cluster:
                self.places[cluster] = place
            for sums in (self.sizes, self.totals, self.squares):
                sums.append(0.0)
        self.sizes[place] += 1
        self.totals[place] += score
        self.squares[place] += score * score

    def estimate(self) -> Estimate:
        """The mean with its interval."""
        import numpy as np

        sizes, totals, squares = map(np.array, (self.sizes, self.totals, self.squares))
        none = np.zeros_like(sizes)
        return interval(Sums(sizes, totals, squares, none, none), "share", ALPHA)


def _width(estimate: Estimate) -> float:
    """None is wider than any: with one cluster nothing is known of the spread."""
    if estimate.low is None or estimate.high is None:
        return float("inf")
    return estimate.high - estimate.low
