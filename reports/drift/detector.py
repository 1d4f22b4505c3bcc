"""What decides: a look at each block of new contracts, and a detector a signal over all looks.

The units are contracts, the exam's first and then those of service by the day on which each was
first asked about. A block is the new contracts of a day, or of as many days as it takes to have
`LEAST`. Each look compares its block with the contracts before it.
"""

from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True)
class Block:
    """The units `start` to `end` (not itself), of the days `first` to `last`."""

    first: str
    last: str
    start: int
    end: int


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
    """

    blocks: tuple[Block, ...]
    threshold: float
    signals: tuple[Detected, ...]

    @property
    def alarms(self) -> tuple[Detected, ...]:
        """The signals that found drift."""
        return tuple(each for each in self.signals if each.since)

    @property
    def could_alarm(self) -> bool:
        """Whether so many looks can reach the threshold, had each seen all that it can see."""
        clearest = [1 / (PERMUTATIONS + 1)] * len(self.blocks)
        return detect(clearest)[-1].evidence >= self.threshold


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
    for number, block in enumerate(blocks):
        for name, p in look(features, block, known, np.random.default_rng([seed, number])).items():
            p_values[name].append(p)
        looks = {name: detect(each) for name, each in p_values.items()}
        # Of what no unit up to here has nothing is counted, so that no later one moves a look.
        counted = sum(bool(has[each.name][: block.end - exam].any()) for each in known)
        bar = threshold(YEAR, counted)
        if any(each[-1].evidence >= bar for each in looks.values()):
            break
    seen = tuple(blocks[: number + 1])
    clear = {name: each[-1] for name, each in looks.items() if each[-1].evidence >= bar}
    since = min((each.since for each in clear.values()), default=0)
    compared = against_exam(features, exam, seen[since].start, seen[-1].end, known, seed)
    signals = [
        Detected(
            each,
            looks[each.name],
            seen[clear[each.name].since].first if each.name in clear else "",
            compared[each.name],
        )
        for each in known
    ]
    signals.sort(key=lambda each: -each.looks[-1].evidence)
    return Decision(seen, bar, tuple(signals))


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
