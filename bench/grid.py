"""The named cells in which the gate's promises are measured, and what comes of each."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.rivals import inspect_ai, over_questions, promptfoo
from bench.simulation import ALPHA, World, exams, floor_sums, passes
from reports.statistics.bounds import mean_bounds

if TYPE_CHECKING:
    from reports.statistics.clusters import Floats

ATTRITION = 0.0075
"""As shipped: a quarter of the smallest margin, so that the worst case can still pass."""

MANY_AND_EVEN = (
    World(102, 41), World(68, 41), World(34, 41), World(102, 12),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """A world, and the line that its models are held against: a margin, or a floor."""

    world: World
    margin: float = 0.03
    floor: float | None = None

    @property
    def name(self) -> str:
        """Contracts x cases, sizes, differences or floor, correlation."""
        world = self.world
        words = [f"{world.contracts} x {world.cases}"]
        if world.sizes != "even":
            words.append(world.sizes)
        if self.floor is not None:
            words.append(f"floor {self.floor:g}")
        else:
            only = " lost" if self.margin >= world.discordance else ""
            words.append(f"{world.discordance:.0%}{only}")
        words.append(f"icc {world.correlation:g}")
        if world.missing:
            where = "where it loses" if world.chosen else "at random"
            words.append(f"{world.missing:.1%} missing {where}")
        return ", ".join(words)


@dataclass(frozen=True, slots=True)
class Rates:
    """What came of a cell, by method: the gate, z over questions, inspect_ai, promptfoo.

    `false` are the shares that passed a candidate which is just too bad, `power` those that passed
    one that is good, and `held` the shares of 90 % intervals that hold the truth (promptfoo has
    none).
    """

    false: tuple[float, ...]
    power: tuple[float, ...]
    held: tuple[float, ...]


def cells() -> Iterator[Cell]:
    """All of them: by contracts and cases, then by what is seldom, uneven, missing, and floors."""
    for contracts, cases in (
        (4, 1), (4, 12), (4, 41), (6, 20), (12, 1), (12, 12), (12, 41), (20, 20),
        (34, 1), (34, 12), (34, 41), (68, 41), (102, 1), (102, 12), (102, 41),
    ):  # fmt: skip
        yield Cell(World(contracts, cases))
    for contracts, cases in ((12, 41), (34, 41), (102, 12), (102, 41)):
        for correlation in (0.0, 0.2):
            yield Cell(World(contracts, cases, correlation=correlation))
    lost = [(4, 24, 0.05), (12, 41, 0.05), (34, 12, 0.05), (34, 41, 0.05), (102, 12, 0.05),
            (102, 41, 0.05), (20, 41, 0.2), (34, 41, 0.2), (102, 41, 0.2), (34, 41, 0.0),
            (102, 41, 0.0), (102, 1, 0.0)]  # fmt: skip
    for contracts, cases, correlation in lost:
        yield Cell(World(contracts, cases, discordance=0.02, correlation=correlation), 0.02)
    for contracts, cases, correlation in ((34, 41, 0.05), (102, 41, 0.05), (102, 41, 0.2)):
        yield Cell(World(contracts, cases, discordance=0.02, correlation=correlation), 0.01)
    for contracts, cases, correlation in ((12, 41, 0.05), (12, 41, 0.2), (102, 12, 0.2)):
        yield Cell(World(contracts, cases, correlation=correlation), 0.1)
    yield from _uneven()
    for missing in (0.005, 0.02):
        for chosen in (False, True):
            yield Cell(World(102, 41, missing=missing, chosen=chosen))
    yield Cell(World(34, 41, missing=0.005, chosen=True))
    yield from _floors()


def _uneven() -> Iterator[Cell]:
    for contracts, correlation in ((12, 0.05), (34, 0.05), (34, 0.2), (102, 0.05), (102, 0.2)):
        yield Cell(World(contracts, 41, "Zipf", correlation=correlation))
    for contracts, correlation in ((20, 0.05), (102, 0.0), (102, 0.05), (102, 0.2)):
        yield Cell(World(contracts, 41, "one holds half", correlation=correlation))
    for sizes in ("Zipf", "one holds half"):
        yield Cell(World(102, 41, sizes, 0.02), 0.02)


def _floors() -> Iterator[Cell]:
    for contracts, cases, floor, correlation in (
        (4, 24, 0.5, 0.05), (20, 20, 0.5, 0.05), (12, 41, 0.8, 0.2), (34, 41, 0.9, 0.05),
        (34, 41, 0.9, 0.2), (20, 20, 0.95, 0.05), (40, 10, 0.95, 0.05), (102, 41, 0.95, 0.2),
        (102, 4, 0.99, 0.05), (102, 41, 0.99, 0.05), (102, 41, 0.99, 0.2),
    ):  # fmt: skip
        yield Cell(World(contracts, cases, correlation=correlation), floor=floor)
    yield Cell(World(34, 41, "Zipf"), floor=0.9)
    yield Cell(World(34, 41, "one holds half"), floor=0.9)


def measured(cell: Cell, repeats: int, seed: int) -> Rates:
    """Simulate a cell twice: where the truth lies on its line, and where the candidate is good.

    Good is as good as the baseline; of a floor, five points above it or half the way to 1.
    """
    if cell.floor is not None:
        return _of_floor(cell.world, cell.floor, repeats, seed)
    at_line = exams(replace(cell.world, difference=-cell.margin), repeats, seed)
    equal = exams(cell.world, repeats, seed + 1)
    bounds = [
        mean_bounds(at_line.whole, "difference", ALPHA),
        over_questions(at_line.whole),
        inspect_ai(at_line.whole),
    ]
    return Rates(
        false=(
            float(passes(at_line, cell.margin, ATTRITION).mean()),
            *(_reach(low, -cell.margin) for low, _ in bounds[1:]),
            _reach(promptfoo(at_line.whole), -cell.margin),
        ),
        power=(
            float(passes(equal, cell.margin, ATTRITION).mean()),
            *(_reach(rule(equal.whole)[0], -cell.margin) for rule in (over_questions, inspect_ai)),
            _reach(promptfoo(equal.whole), -cell.margin),
        ),
        held=tuple(_holds(*each, -cell.margin) for each in bounds),
    )


def _of_floor(world: World, floor: float, repeats: int, seed: int) -> Rates:
    at_line = floor_sums(world, floor, repeats, seed)
    good = floor_sums(world, min(floor + 0.05, (1 + floor) / 2), repeats, seed + 1)
    rules = (lambda sums: mean_bounds(sums, "share", ALPHA), over_questions, inspect_ai)
    bounds = [rule(at_line) for rule in rules]
    return Rates(
        false=(*(_reach(low, floor) for low, _ in bounds), _reach(promptfoo(at_line), floor)),
        power=(*(_reach(rule(good)[0], floor) for rule in rules), _reach(promptfoo(good), floor)),
        held=tuple(_holds(*each, floor) for each in bounds),
    )


def _reach(values: "Floats", line: float) -> float:
    return float((values >= line).mean())


def _holds(low: "Floats", high: "Floats", truth: float) -> float:
    return float(((low <= truth) & (truth <= high)).mean())


def most_by_chance(repeats: int, cells: int, risk: float = ALPHA) -> float:
    """Share of passes above which a cell errs more than chance explains, over all cells at once.

    If every cell erred in `risk` of its exams, any of them would lie above in `risk` of all runs
    (Bonferroni on the binomial).

    >>> round(most_by_chance(2000, 60), 4)
    0.066
    """
    from scipy import stats

    return float(stats.binom.isf(risk / cells, repeats, risk)) / repeats
