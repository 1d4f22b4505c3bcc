"""What decides: a look at each block of new contracts, and now and then one at the exam alone.

The units are contracts, the exam's first and then those of service by the day on which each was
first asked about. A block is the new contracts of a day, or of as many days as it takes to have
`LEAST`. Each look compares its block with the contracts before it, and a detector a signal counts
what the looks say. That finds a change. Where service was never like the exam, its own blocks soon
are most of what a block is compared with, so that after the 1st, 2nd, 4th, 8th ... block what came
since the last such time is compared with the exam and nothing else.
"""

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.drift.signals import SIGNALS, Compared, Features, Signal, compare
from reports.statistics.edetector import Look, step, threshold
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
"""Contracts of a block, and before it, that are compared: of more as many are drawn."""

PERMUTATIONS = 999

DIRECT = 0.02
"""Chance that a comparison with the exam alone, of any signal, ever alarms falsely."""

ROUNDS = 100
"""Of `PERMUTATIONS` drawn blocks each: what a comparison with the exam alone takes, or more where
its bar asks for more."""

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
    """A comparison with the exam alone of what came since the last, or of the last `MOST` of it.

    Attributes:
        first, last: its days.
        contracts: how many were compared.
        start: the block, from 0, in which they begin.
        bar: the p-value at which a signal alarms.
        p_values: by signal; 1 of one that was given up when it could no longer alarm.
    """

    first: str
    last: str
    contracts: int
    start: int
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
        within: units since then, or of all of service, the last `MOST` of them.
        compared: these with the exam's.
    """

    signal: Signal
    looks: tuple[Look, ...]
    since: str
    within: range
    compared: Compared


@dataclass(frozen=True, slots=True)
class Decision:
    """What the looks say.

    Attributes:
        blocks: what was looked at, in order; the last is that of the alarm, where there was one.
        threshold: of the evidence, for as many signals as anything was known of at the last look.
        signals: the clearest first.
        direct: comparisons with the exam alone, in order.
        examined: units of the exam that these are with.
    """

    blocks: tuple[Block, ...]
    threshold: float
    signals: tuple[Detected, ...]
    direct: tuple[Direct, ...]
    examined: tuple[int, ...]

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
    begins = _begins(features, exam)
    known = [each for each in SIGNALS if begins.get(each.name, math.inf) < blocks[-1].end]
    examined = _examined(exam, seed)
    looks: dict[str, list[Look]] = {each.name: [] for each in known}
    direct: list[Direct] = []
    since: dict[str, int] = {}
    for number, block in enumerate(blocks):
        for name, p in look(features, block, known, (seed, number)).items():
            looks[name].append(step(looks[name][-1] if number else None, p))
        # Of what no unit up to here has nothing is counted, so that no later one moves a look.
        counted = [each for each in known if begins[each.name] < block.end]
        bar = threshold(YEAR, len(counted), DIRECT)
        since = {
            each.name: looks[each.name][-1].since
            for each in known
            if looks[each.name][-1].evidence >= bar
        }
        if (number + 1).bit_count() == 1:
            seen = blocks[: number + 1]
            direct.append(_direct(features, examined, seen, counted, seed))
            since |= {name: direct[-1].start for name in direct[-1].alarms if name not in since}
        if since:
            break
    seen = tuple(blocks[: number + 1])
    signals = []
    for each in known:
        start = since.get(each.name, 0)
        within = range(max(seen[start].start, seen[-1].end - MOST), seen[-1].end)
        named = seen[start].first if each.name in since else ""
        compared = _compared(features, examined, within, [each], (seed, within.start, within.stop))
        signals.append(Detected(each, tuple(looks[each.name]), named, within, compared[each.name]))
    signals.sort(key=lambda each: (not each.since, -each.looks[-1].evidence))
    return Decision(seen, bar, tuple(signals), tuple(direct), examined)


def _begins(features: Features, exam: int) -> dict[str, int]:
    """The first unit of service of which each signal knows anything, of those that do."""
    import numpy as np

    has = {each.name: features.has(each.feature)[exam:] for each in SIGNALS}
    return {name: exam + int(np.argmax(each)) for name, each in has.items() if each.any()}


def _examined(exam: int, seed: int) -> tuple[int, ...]:
    """Units of the exam that service is compared with: `EXAMINED` drawn ones of more."""
    import numpy as np

    if exam <= EXAMINED:
        return tuple(range(exam))
    drawn = np.random.default_rng([seed, exam]).choice(exam, EXAMINED, replace=False)
    return tuple(sorted(drawn.tolist()))


def _direct(
    features: Features,
    examined: Sequence[int],
    seen: Sequence[Block],
    signals: Sequence[Signal],
    seed: int,
) -> Direct:
    """The comparison with the exam alone after 1, 2, 4, 8 ... blocks, of the later half of them.

    The bars of all such comparisons and signals add up to `DIRECT`, since 1 / (j * (j + 1)) adds up
    to 1 over all j: the union bound, which asks nothing of how they depend on each other. Blocks
    are drawn in rounds, and a signal is given up once it cannot get below its bar any more.
    """
    number = len(seen).bit_length()
    bar = DIRECT / (number * (number + 1)) / len(signals)
    within = range(max(seen[len(seen) // 2].start, seen[-1].end - MOST), seen[-1].end)
    rounds = max(ROUNDS, math.ceil(2 / bar / PERMUTATIONS))
    drawn = rounds * PERMUTATIONS
    reached = {each.name: 0 for each in signals}
    left = list(signals)
    for turn in range(rounds):
        found = _compared(features, examined, within, left, (seed, number, turn))
        for name, each in found.items():
            reached[name] += round(float(each.p_values[0]) * (PERMUTATIONS + 1)) - 1
        left = [each for each in left if (reached[each.name] + 1) / (drawn + 1) <= bar]
        if not left:
            break
    p_values = {each.name: 1.0 for each in signals}
    p_values |= {each.name: (reached[each.name] + 1) / (drawn + 1) for each in left}
    start = next(place for place, each in enumerate(seen) if within.start < each.end)
    return Direct(seen[start].first, seen[-1].last, len(within), start, bar, p_values)


def look(
    features: Features, block: Block, signals: Sequence[Signal], seeds: tuple[int, ...]
) -> dict[str, float]:
    """The p-values of one block against the units before it, by signal."""
    within = range(block.start, block.end)
    found = _compared(features, range(block.start), within, signals, seeds, MOST)
    return {name: float(each.p_values[0]) for name, each in found.items()}


def _compared(
    features: Features,
    before: Sequence[int],
    within: Sequence[int],
    signals: Sequence[Signal],
    seeds: tuple[int, ...],
    most: int | None = None,
) -> dict[str, Compared]:
    """Units `within` against those `before`, of both at most `most` drawn ones.

    A signal is compared among the units that have it, by blocks of their own: these come in no
    order either, but among all units the block could have fewer values than drawn ones. Signals of
    the same units share the drawn blocks, and nothing that others have moves these.
    """
    import numpy as np

    every, first = np.r_[before, within], len(before)
    groups: dict[bytes, list[Signal]] = {}
    for each in signals:
        groups.setdefault(features.has(each.feature)[every].tobytes(), []).append(each)
    found: dict[str, Compared] = {}
    for pattern, group in groups.items():
        has = np.frombuffer(pattern, dtype=np.bool_)
        random = np.random.default_rng([*seeds, zlib.crc32(pattern)])
        sides = (every[:first][has[:first]], every[first:][has[first:]])
        found |= _drawn(features, *sides, group, random, most)
    return found


def _drawn(
    features: Features,
    before: "Units",
    within: "Units",
    signals: Sequence[Signal],
    random: "np.random.Generator",
    most: int | None,
) -> dict[str, Compared]:
    import numpy as np

    if min(len(before), len(within)) < 2:  # of one there is no spread
        return {each.name: Compared(0.0, 0.0, np.ones(1)) for each in signals}
    before, within = (
        random.choice(each, most, replace=False) if most and len(each) > most else each
        for each in (before, within)
    )
    units = np.concatenate([before, within])
    blocks = drawn_blocks(len(units), len(within), PERMUTATIONS, random)
    return compare(features.of(units), blocks, signals)
