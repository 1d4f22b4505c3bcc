"""What decides: a look at each block of new contracts, and now and then one at the exam alone.

The units are contracts, the exam's first and then those of service by the day on which each was
first asked about. A block is the new contracts of a day, or of as many days as it takes to have
`LEAST`. Each look compares its block with the contracts before it, and a detector a signal counts
what the looks say. That finds a change. Where service was never like the exam, its own blocks soon
are most of what a block is compared with, so that after the 1st, 2nd, 4th, 8th ... block what came
since the last such time is compared with the exam and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.drift.signals import SIGNALS, Compared, Features, Signal, compare
from reports.statistics.edetector import Look, detect, threshold
from reports.statistics.exchange import drawn_blocks

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Units = npt.NDArray[np.intp]

YEAR = 365.0
"""Looks, of which there is one a day at most, before the first false alarm, on average."""

LEAST = 10
"""New contracts of a block."""

EXAM = 30
"""Contracts of an exam that anything can be compared with."""

MOST = 200
"""Contracts before the block that it is compared with: of more as many are drawn."""

PERMUTATIONS = 999

DIRECT = 0.02
"""Chance that a comparison with the exam alone, of any signal, ever alarms falsely."""

ROUNDS = 100
"""Of `PERMUTATIONS` drawn blocks each: what a comparison with the exam alone takes at most."""

EXAMINED = 500
"""Contracts of the exam in such a comparison: of more as many are drawn."""


@dataclass(frozen=True, slots=True)
class Block:
    """The units `start` to `end` (not itself), of the days `first` to `last`."""

    first: str
    last: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Direct:
    """A comparison with the exam alone of what came since the last.

    Attributes:
        first, last: its days.
        contracts: how many.
        bar: the p-value at which a signal alarms.
        p_values: by signal; 1 of one that was given up when it could no longer alarm.
    """

    first: str
    last: str
    contracts: int
    bar: float
    p_values: Mapping[str, float]

    @property
    def alarms(self) -> frozenset[str]:
        """Names of the signals that tell it from the exam."""
        return frozenset(name for name, p in self.p_values.items() if p <= self.bar)


@dataclass(frozen=True, slots=True)
class Detected:
    """One signal.

    Attributes:
        signal: which.
        looks: after each block that was looked at.
        since: the first day of the change, where it alarmed; empty where it did not.
        compared: what was compared since then, or of all of service, with the exam alone.
    """

    signal: Signal
    looks: tuple[Look, ...]
    since: str
    compared: Compared


@dataclass(frozen=True, slots=True)
class Decision:
    """What the looks say.

    Attributes:
        blocks: what was looked at, in order; the last is that of the alarm, where there was one.
        threshold: of the evidence, for as many signals as anything was known of at the last look.
        signals: the clearest first.
        direct: comparisons with the exam alone, in order.
    """

    blocks: tuple[Block, ...]
    threshold: float
    signals: tuple[Detected, ...]
    direct: tuple[Direct, ...]

    @property
    def alarms(self) -> tuple[Detected, ...]:
        """The signals that found drift."""
        return tuple(each for each in self.signals if each.since)


def blocks_of(days: Sequence[str], exam: int) -> tuple[Block, ...]:
    """Blocks of whole days; what is left at the end waits for days to come.

    Args:
        days: of each unit of service, in order.
        exam: units before them.

    >>> [(each.first, each.last, each.end) for each in blocks_of(["1"] * 4 + ["2"] * 9, 50)]
    [('1', '2', 63)]
    """
    blocks: list[Block] = []
    start = 0
    for end, day in enumerate(days, 1):
        whole = end == len(days) or days[end] != day
        if whole and end - start >= LEAST:
            blocks.append(Block(days[start], day, exam + start, exam + end))
            start = end
    return tuple(blocks)


def decide(features: Features, blocks: Sequence[Block], exam: int, seed: int) -> Decision:
    """Look at every block up to the first alarm, and say how far service is from the exam.

    Args:
        features: of the exam's units and then those of service.
        blocks: of the latter, one or more.
        exam: how many are the exam's.
        seed: of the drawn blocks; the same log has the same decision.
    """
    import numpy as np

    has = {each.name: features.has(each.feature)[exam:] for each in SIGNALS}
    known = [each for each in SIGNALS if has[each.name][: blocks[-1].end - exam].any()]
    p_values: dict[str, list[float]] = {each.name: [] for each in known}
    looks: dict[str, tuple[Look, ...]] = {}
    direct: list[Direct] = []
    since: dict[str, int] = {}
    for number, block in enumerate(blocks):
        for name, p in look(features, block, known, np.random.default_rng([seed, number])).items():
            p_values[name].append(p)
        looks = {name: detect(each) for name, each in p_values.items()}
        # Of what no unit up to here has nothing is counted, so that no later one moves a look.
        counted = [each for each in known if has[each.name][: block.end - exam].any()]
        bar = threshold(YEAR, len(counted), DIRECT)
        since = {name: each[-1].since for name, each in looks.items() if each[-1].evidence >= bar}
        if (number + 1).bit_count() == 1:
            start = (number + 1) // 2
            window = Block(blocks[start].first, block.last, blocks[start].start, block.end)
            direct.append(_direct(features, exam, window, counted, len(direct) + 1, seed))
            since |= {name: start for name in direct[-1].alarms if name not in since}
        if since:
            break
    seen = tuple(blocks[: number + 1])
    start = seen[min(since.values(), default=0)].start
    compared = against_exam(features, exam, start, seen[-1].end, known, seed)
    signals = [
        Detected(
            each,
            looks[each.name],
            seen[since[each.name]].first if each.name in since else "",
            compared[each.name],
        )
        for each in known
    ]
    signals.sort(key=lambda each: (not each.since, -each.looks[-1].evidence))
    return Decision(seen, bar, tuple(signals), tuple(direct))


def _direct(
    features: Features,
    exam: int,
    window: Block,
    signals: Sequence[Signal],
    number: int,
    seed: int,
) -> Direct:
    """The `number`-th comparison with the exam alone, from 1.

    The bars of all numbers and signals add up to `DIRECT`, since 1 / (j * (j + 1)) adds up to 1
    over all j: the union bound, which asks nothing of how they depend on each other. Blocks are
    drawn in rounds, and a signal is given up once it cannot get below its bar any more.
    """
    import numpy as np

    bar = DIRECT / (number * (number + 1)) / len(signals)
    random = np.random.default_rng([seed, number, exam])
    before = np.arange(exam)
    if exam > EXAMINED:
        before = np.sort(random.choice(before, EXAMINED, replace=False))
    within = np.arange(max(window.start, window.end - MOST), window.end)
    drawn = ROUNDS * PERMUTATIONS
    reached = {each.name: 0 for each in signals}
    left = list(signals)
    for _ in range(ROUNDS):
        found = _compared(features, before, within, left, random, most=exam)
        for name, each in found.items():
            reached[name] += round(float(each.p_values[0]) * (PERMUTATIONS + 1)) - 1
        left = [each for each in left if (reached[each.name] + 1) / (drawn + 1) <= bar]
        if not left:
            break
    p_values = {each.name: 1.0 for each in signals}
    p_values |= {each.name: (reached[each.name] + 1) / (drawn + 1) for each in left}
    contracts = window.end - window.start
    return Direct(window.first, window.last, contracts, bar, p_values)


def look(
    features: Features, block: Block, signals: Sequence[Signal], random: "np.random.Generator"
) -> dict[str, float]:
    """The p-values of one block against the units before it, by signal."""
    import numpy as np

    before, within = np.arange(block.start), np.arange(block.start, block.end)
    found = _compared(features, before, within, signals, random)
    return {name: float(each.p_values[0]) for name, each in found.items()}


def against_exam(
    features: Features, exam: int, start: int, end: int, signals: Sequence[Signal], seed: int
) -> dict[str, Compared]:
    """The units `start` to `end`, the last `MOST` of them, against the exam's, by signal."""
    import numpy as np

    random = np.random.default_rng([seed, end])
    within = np.arange(max(start, end - MOST), end)
    return _compared(features, np.arange(exam), within, signals, random, most=exam)


def _compared(
    features: Features,
    before: "Units",
    within: "Units",
    signals: Sequence[Signal],
    random: "np.random.Generator",
    most: int = MOST,
) -> dict[str, Compared]:
    """Units `within` against those `before`, or `most` drawn of these.

    A signal that is sampled is compared among the units that have it, by blocks of their own: those
    of the sample come in no order either, but among all units the block would have fewer values
    than drawn ones. Signals of the same units share the drawn blocks.
    """
    found = _drawn(features, before, within, [s for s in signals if not s.sampled], random, most)
    groups: dict[bytes, list[Signal]] = {}
    for each in (signal for signal in signals if signal.sampled):
        has = features.has(each.feature)
        groups.setdefault(has[before].tobytes() + has[within].tobytes(), []).append(each)
    for group in groups.values():
        has = features.has(group[0].feature)
        found |= _drawn(features, before[has[before]], within[has[within]], group, random, most)
    return found


def _drawn(
    features: Features,
    before: "Units",
    within: "Units",
    signals: Sequence[Signal],
    random: "np.random.Generator",
    most: int,
) -> dict[str, Compared]:
    import numpy as np

    if min(len(before), len(within)) < 2:  # of one there is no spread
        return {each.name: Compared(0.0, 0.0, np.ones(1)) for each in signals}
    if len(before) > most:
        before = np.sort(random.choice(before, most, replace=False))
    units = np.concatenate([before, within])
    blocks = drawn_blocks(len(units), len(within), PERMUTATIONS, random)
    return compare(features.of(units), blocks, signals)
