"""How people in service scored answers, over time: means with intervals, from period to period.

People who score are no random sample of those who ask, so that a level says little; what changes
from one period to the next, on the same service, says more. Nothing here gates.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Literal

from reports.statistics.estimates import Estimate
from reports.statistics.intervals import cluster_mean

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
    """Means by period and model, in memory of one period.

    Args:
        scored: in order of time.
        by: which periods.
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
    found: dict[str, list[Scored]] = {}
    for row in rows:
        found.setdefault(row.model, []).append(row)
    for model in sorted(found):
        yield model, estimated(found[model])


def estimated(rows: Sequence[Scored]) -> Estimate:
    """The mean with the wider of two intervals: by contract, and by the person who scored.

    Scores of one person hang together, and so do those on one contract. A score of which one of
    the two is unknown is a cluster by itself there, for want of better.

    >>> likes = [Scored(0.0, "m", float(n < 30), contract=f"c{n}", user="u") for n in range(40)]
    >>> print(estimated(likes))
    0.750
    """
    values = [row.score for row in rows]
    ends = [
        cluster_mean(values, [name or f"\0{place}" for place, name in enumerate(names)])
        for names in ([row.contract for row in rows], [row.user for row in rows])
    ]
    return max(ends, key=_width)


def _width(estimate: Estimate) -> float:
    """None is wider than any: with one cluster nothing is known of the spread."""
    if estimate.low is None or estimate.high is None:
        return float("inf")
    return estimate.high - estimate.low
