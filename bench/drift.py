"""Drift that was planted against drift that was found: simulated services, and the deciding code.

`python -m bench drift --months N --services N`. A service has an exam of 100 contracts, and each
day new ones. Their features are drawn: embeddings of eight types of agreement and 41 questions in
384 dimensions, lengths, categories, answers. `reports.drift.detector.decide` looks at them every
day, as it does at a log.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from statistics import median
from typing import TYPE_CHECKING

from bench.results import Finding, Row
from reports.drift.detector import DIRECT, YEAR, Decision, blocks_of, decide
from reports.drift.means import with_means
from reports.drift.signals import Features
from reports.drift.units import DRAWN

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

EXAM = 100
BEFORE, WITHIN, MONTH = 3, 7, 30
"""Days of service before a change; by which it is to be found; of a month."""

TYPES, QUESTIONS, DIMENSIONS = 8, 41, 384
SHARED = 0.5**0.5
ALIKE = 1 / 0.2 - 1
"""Sum of the parameters of a beta distribution whose draws correlate by 0.2."""

TARGET = 0.8


@dataclass(frozen=True, slots=True)
class Shift:
    """What changes.

    Attributes:
        name: in words.
        new_type: share of new contracts that are of a ninth type.
        style: how far embeddings of passages move, in units of the noise of one coordinate.
        longer: by what power of e passages grow.
        declines: by how much fewer answers say not found.
    """

    name: str
    new_type: float = 0.0
    style: float = 0.0
    longer: float = 0.0
    declines: float = 0.0


NONE = Shift("nothing")
SHIFTS = (
    Shift("new agreement type: 50 % of new contracts", new_type=0.5),
    Shift("new drafting style: passages' embeddings move by 0.25 of their noise", style=0.25),
    Shift("longer contracts: 1.5 times the text shown", longer=0.4),
    Shift("silent model change: not found in 40 % of answers, 70 % before", declines=0.3),
)
"""Planted in the first try, and not changed after it."""

LARGER = (Shift("silent model change: not found in 25 % of answers, 70 % before", declines=0.45),)
"""Added after it, since the last of `SHIFTS` was missed: which size is found."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """How many new contracts a service has a day, and how many requests about each on average."""

    name: str
    contracts: int
    requests: float


STATED = Traffic("100 requests a day about 40 new contracts", 40, 2.5)
TRAFFIC = (
    STATED,
    Traffic("100 a day about 100 new contracts", 100, 1.0),
    Traffic("100 a day about 10 new contracts", 10, 10.0),
    Traffic("10 a day about 4 new contracts", 4, 2.5),
)


def simulate(seed: int, traffic: Traffic, days: tuple[int, int], shift: Shift) -> Decision:
    """One service: so many days as the exam, then so many with a shift, up to the first alarm."""
    import numpy as np

    random = np.random.default_rng(seed)
    same, changed = (traffic.contracts * each for each in days)
    units = EXAM + same + changed
    asked = 1 + random.poisson(traffic.requests - 1, units)
    asked[:EXAM] = DRAWN
    by_question = _features(random, EXAM + same, changed, shift)
    places = [np.flatnonzero(asked > number) for number in range(DRAWN)]
    features = with_means(
        [(each.of(where), where.tolist()) for each, where in zip(by_question, places, strict=True)]
    )
    names = [f"{day:03}" for day in range(sum(days)) for _ in range(traffic.contracts)]
    return decide(features, blocks_of(names, EXAM), EXAM, seed)


def _features(
    random: "np.random.Generator", same: int, changed: int, shift: Shift
) -> list[Features]:
    """Of each of four questions about `same` units, and then about `changed` ones.

    What requests about one contract share is half of the noise of passages and of their lengths,
    and a rate of "not found" of its own (a beta distribution, intraclass correlation 0.2).
    """
    import numpy as np

    units = same + changed
    after = np.arange(units) >= same
    world = np.random.default_rng(1)
    types = world.normal(size=(TYPES + 1, DIMENSIONS))
    asked = world.normal(size=(QUESTIONS, DIMENSIONS))
    style = world.normal(size=DIMENSIONS)
    kind = random.integers(0, TYPES, units)
    kind = np.where(after & (random.random(units) < shift.new_type), TYPES, kind)
    moved = np.where(after, 1.5 * shift.style, 0.0)[:, np.newaxis] * style
    own = types[kind] + moved + 1.5 * SHARED * random.normal(size=(units, DIMENSIONS))
    length = 8 + 0.4 * SHARED * random.normal(size=units) + shift.longer * after
    declined = 0.7 - shift.declines * after
    rate = random.beta(declined * ALIKE, (1 - declined) * ALIKE)
    contracts = _Contracts(own, length, rate)
    return [_asked(random, contracts, asked) for _ in range(DRAWN)]


@dataclass(frozen=True, slots=True)
class _Contracts:
    """What requests about each of n contracts share: embedding, log of length, rate of declines."""

    own: "npt.NDArray[np.float64]"
    length: "npt.NDArray[np.float64]"
    rate: "npt.NDArray[np.float64]"


def _asked(
    random: "np.random.Generator", contracts: _Contracts, asked: "npt.NDArray[np.float64]"
) -> Features:
    """One request about each contract."""
    import numpy as np

    units = len(contracts.rate)
    category = random.integers(0, QUESTIONS, units)
    questions = _unit(asked[category] + random.normal(size=(units, DIMENSIONS)))
    noise = 1.5 * SHARED * random.normal(size=(units, DIMENSIONS))
    passages = _unit(contracts.own + 0.7 * asked[category] + noise)
    length = contracts.length + 0.4 * SHARED * random.normal(size=units)
    found = random.random(units) >= contracts.rate
    return Features(
        {"question": questions, "passages": passages},
        {
            "question_length": np.exp(random.normal(4, 0.3, units)) + category,
            "passage_length": np.exp(length),
            "answerability": (questions * passages).sum(axis=1).astype(np.float64),
            "abstention": (~found).astype(np.float64),
            "grounding": np.where(found, (random.random(units) < 0.85).astype(np.float64), np.nan),
            "answer_length": np.where(found, np.exp(random.normal(5, 1, units)), 10.0),
            "errors": (random.random(units) < 0.01).astype(np.float64),
        },
        {"category": [str(each) for each in category]},
    )


def _unit(vectors: "npt.NDArray[np.float64]") -> "npt.NDArray[np.float32]":
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: npt.NDArray[np.float32] = (vectors / lengths).astype(np.float32)
    return unit


@dataclass(frozen=True, slots=True)
class Planted:
    """What came of services with one shift.

    `delays` are days from the change to the alarm of those that found it; `early` alarmed before.
    """

    shift: Shift
    traffic: Traffic
    services: int
    delays: tuple[int, ...]
    early: int
    named: str

    @property
    def share(self) -> float:
        """Of services that found it within seven days."""
        return len(self.delays) / self.services


def plant(shift: Shift, traffic: Traffic, services: int) -> Planted:
    """Services that change after three days."""
    delays, early, names = [], 0, list[str]()
    for decision in _services(range(1000, 1000 + services), traffic, (BEFORE, WITHIN), shift):
        if decision.alarms:
            delay = int(decision.blocks[-1].last) - BEFORE + 1
            early += delay < 1
            if delay >= 1:
                delays.append(delay)
                names.append(decision.alarms[0].signal.name)
    named = max(sorted({*names}), key=names.count, default="-")
    return Planted(shift, traffic, services, tuple(delays), early, named)


def false_alarms(months: int) -> int:
    """Months of services without a shift that had an alarm."""
    return sum(bool(each.alarms) for each in _services(range(months), STATED, (MONTH, 0), NONE))


def _services(
    seeds: Sequence[int], traffic: Traffic, days: tuple[int, int], shift: Shift
) -> Iterator[Decision]:
    """One for each seed, a process for each core."""
    with ProcessPoolExecutor() as pool:
        yield from pool.map(simulate, seeds, repeat(traffic), repeat(days), repeat(shift))


def _quiet(alarms: int, months: int) -> Row:
    """What is said of so many months without a shift."""
    most = (DIRECT + MONTH * (1 - DIRECT) ** 2 / (2 * YEAR)) * months
    return Row(
        f"nothing planted, {STATED.name}: {months} months of {MONTH} days",
        f"{alarms} with a false alarm, {alarms * 12 / months:.2f} a year",
        f"at most {most:.1f} expected; one a year",
        alarms * 12 <= months,
    )


def measure(months: int, services: int) -> Finding:
    """The table of docs/drift.md."""
    rows = [_quiet(false_alarms(months), months), *_rows(services)]
    setting = (
        f"`python -m bench drift --months {months} --services {services}`: an exam of {EXAM} "
        f"contracts; {BEFORE} days as the exam, then the shift. Features are drawn, not texts."
    )
    return Finding("drift that was planted, and found", setting, rows)


def _rows(services: int) -> Iterator[Row]:
    for traffic in TRAFFIC:
        for shift in (*SHIFTS, *(LARGER if traffic is STATED else ())):
            found = plant(shift, traffic, services)
            when = f"median day {median(found.delays):.0f}" if found.delays else "never"
            stated = traffic is STATED
            yield Row(
                f"{shift.name}; {traffic.name}",
                f"found in {found.share:.0%} of {services} services within {WITHIN} days, {when}, "
                f"most often by {found.named}; {found.early} alarmed before",
                f"at least {TARGET:.0%}" if stated else "no promise",
                found.share >= TARGET if stated else None,
            )
