"""The log of service, as units: each contract once, on the day on which it was first asked about.

Rows are read one by one; what is kept is four requests a contract at most, and a digest a row.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from common.identity import digest
from fixtures.repeated import Repeated, content_of
from fixtures.served import Served
from reports.drift.reference import Reference
from reports.drift.units import Draw, Unit, titled

BACK = 3600.0
"""Seconds by which a row may be earlier than the one before: requests end in any order."""


@dataclass(frozen=True, slots=True)
class Day:
    """The rows of one day that count: how many, and a digest that their order does not move."""

    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class Log:
    """What was read.

    Attributes:
        units: of new contracts, in order of day; those of one day in an order that digests draw,
            since titles say what a contract is, and some looks are at the last units alone.
        days: rows that count, by day.
        rows: how many were read.
        left_out: rows that are not compared, by why.
        known: requests about contracts that were there before, of the exam or of an earlier day.
        back: how often the clock went back by more than an hour, from row to row of one source.
        furthest: by how many seconds at most.
    """

    units: tuple[Unit, ...]
    days: Mapping[str, Day]
    rows: int
    left_out: Mapping[str, int]
    known: int
    back: int
    furthest: float


@dataclass(frozen=True, slots=True)
class Period:
    """Days that count, as ISO writes them: from `since` to `until`, both among them; empty is open.

    `today` is not over, and counts tomorrow.
    """

    since: str
    until: str
    today: str

    def excludes(self, day: str) -> str:
        """Why a day does not count; empty where it does."""
        if day > self.today:
            return "of days to come: a clock is wrong"
        if day == self.today:
            return "of today, which is not over"
        if (self.since and day < self.since) or (self.until and day > self.until):
            return "of other days"
        return ""


@dataclass
class _Tally:
    """What is known so far."""

    drawn: dict[str, tuple[str, Draw]] = field(default_factory=dict)
    """By contract: its first day, and what is drawn of that."""

    repeated: Repeated = field(default_factory=Repeated)
    sums: dict[str, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    known: int = 0
    back: int = 0
    furthest: float = 0.0


def read_log(by_source: Iterable[Iterable[Served]], reference: Reference, period: Period) -> Log:
    """The log, whatever the order of its rows; of rows with one id the first counts.

    Args:
        by_source: the rows of each source.
        reference: whose model counts, and whose contracts are known.
        period: which days count.
    """
    tally = _Tally()
    for rows in by_source:
        last = 0.0
        for row in rows:
            tally.rows += 1
            if row.time < last - BACK:
                tally.back += 1
                tally.furthest = max(tally.furthest, last - row.time)
            last = row.time
            _take(tally, row, reference, period)
    drawn = sorted(
        (day, digest("order", reference.exam, name), of.unit)
        for name, (day, of) in tally.drawn.items()
    )
    return Log(
        units=tuple(unit for _, _, unit in drawn),
        days={day: Day(tally.counts[day], f"{tally.sums[day]:064x}") for day in sorted(tally.sums)},
        rows=tally.rows,
        left_out=dict(tally.left_out),
        known=sum(tally.counts.values()) - len(drawn),
        back=tally.back,
        furthest=tally.furthest,
    )


def _take(tally: _Tally, row: Served, reference: Reference, period: Period) -> None:
    day = datetime.fromtimestamp(row.time, UTC).date().isoformat()
    why = _not_of(row, reference) or period.excludes(day) or tally.repeated.again(row)
    if why:
        tally.left_out[why] += 1
        return
    tally.counts[day] += 1
    tally.sums[day] = (tally.sums.get(day, 0) + int(content_of(row), 16)) % 2**256
    contract = titled(row.contract)
    if contract in reference.contracts:
        return
    first = tally.drawn.get(contract, ("", None))[0]
    if not first or day < first:
        tally.drawn[contract] = (day, Draw(reference.exam))
    if not first or day <= first:
        tally.drawn[contract][1].add(_unit(row, day))


def _not_of(row: Served, reference: Reference) -> str:
    if row.model != reference.model:
        return "of other models"
    known = (reference.identity, reference.recorded)
    if row.identity and reference.identity and row.identity not in known:
        return "of the model before it was changed (another identity)"
    if row.shadow:
        return "that nobody saw (shadow)"
    if not row.contract.strip():
        return "that name no contract"
    return ""


def _unit(row: Served, day: str) -> Unit:
    return Unit(
        contract=row.contract,
        day=day,
        id=row.id,
        question=row.question,
        category=row.category,
        passages=row.passages,
        answer=row.answer,
        error=row.error,
    )
