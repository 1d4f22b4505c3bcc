"""Simulated exams, correlated within contracts, as the sums that the gate reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from reports.statistics.bounds import mean_bounds
from reports.statistics.clusters import Sums
from reports.statistics.estimates import Estimate
from reports.statistics.sequential import plan_looks, settled

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from reports.statistics.clusters import Floats

    Bools = npt.NDArray[np.bool_]

ALPHA = 0.05
CHUNK = 10_000
RIGHT = 0.7
"""Share of the cases on which two models agree that both get right."""

Sizes = Literal["even", "Zipf", "one holds half"]


@dataclass(frozen=True, slots=True)
class World:
    """Where simulated exams come from.

    `difference` is the true mean of d = candidate - baseline, `discordance` the share of cases
    that only one of the two gets right, `correlation` that of d within a contract. Contracts have
    `cases` on average: as many each, in proportion to 1 / rank, or half of all in the first.
    `missing` is the share of the candidate's answers that are lost, at random or, if `chosen`,
    where the candidate is wrong and the baseline right.
    """

    contracts: int = 102
    cases: int = 41
    sizes: Sizes = "even"
    discordance: float = 0.1
    correlation: float = 0.05
    difference: float = 0.0
    missing: float = 0.0
    chosen: bool = False

    @property
    def counts(self) -> "Floats":
        """Cases of each contract, shape (contracts,)."""
        import numpy as np

        whole = self.contracts * self.cases
        if self.sizes == "even":
            return np.full(self.contracts, float(self.cases))
        if self.sizes == "Zipf":
            parts = 1 / np.arange(1, self.contracts + 1)
            found: Floats = np.maximum(np.round(whole * parts / parts.sum()), 1.0)
            return found
        rest = max(round(whole / 2 / (self.contracts - 1)), 1)
        return np.array([float(whole // 2)] + [float(rest)] * (self.contracts - 1))

    @property
    def cells(self) -> tuple[float, float, float, float]:
        """Probability that both are right, the candidate only, the baseline only, neither."""
        gained = (self.discordance + self.difference) / 2
        same = 1 - self.discordance
        return RIGHT * same, gained, self.discordance - gained, (1 - RIGHT) * same


@dataclass(frozen=True, slots=True)
class Exams:
    """Sums of d of many exams, each array of shape (repeats, contracts).

    `whole` are of the cases that both answered, `worst` and `best` with what was lost at its worst
    and its best; `lost` is each exam's share of it, shape (repeats,).
    """

    whole: Sums
    worst: Sums
    best: Sums
    lost: "Floats"


def dirichlet_counts(
    cells: Sequence[float],
    correlation: float,
    sizes: "Floats",
    repeats: int,
    seed: int | Sequence[int],
) -> "Floats":
    """Counts of cells by contract, shape (repeats, contracts, cells).

    Each contract has its own cell probabilities, from a Dirichlet distribution of mean `cells`
    and precision 1 / correlation - 1. Any score of the cells then has exactly that correlation
    within contracts: covariances are the multinomial's, times correlation (Mosimann 1962).
    """
    import numpy as np

    draw = np.random.default_rng(seed)
    shape = (repeats, len(sizes))
    if not correlation:
        return draw.multinomial(sizes.astype(int), cells, size=shape).astype(float)
    mean = np.maximum(np.array(cells) * (1 / correlation - 1), 1e-9)  # a cell may be empty
    return draw.multinomial(sizes.astype(int), draw.dirichlet(mean, size=shape)).astype(float)


def cell_counts(world: World, repeats: int, seed: int) -> tuple["Floats", "Floats"]:
    """Counts of `World.cells`, and those of them that were lost: (repeats, contracts, 4) each."""
    import numpy as np

    counts = np.concatenate([
        dirichlet_counts(
            world.cells, world.correlation, world.counts, min(CHUNK, repeats - begin), (seed, begin)
        )
        for begin in range(0, repeats, CHUNK)
    ])  # fmt: skip
    if not world.missing:
        return counts, np.zeros_like(counts)
    chance = np.full(4, world.missing)
    if world.chosen:
        chance = np.array([0.0, 0.0, world.missing / world.cells[2], 0.0])
    draw = np.random.default_rng((seed, 1))
    return counts, draw.binomial(counts.astype(int), chance).astype(np.float64)


def exams(world: World, repeats: int, seed: int) -> Exams:
    """Draw exams of a world."""
    counts, lost = cell_counts(world, repeats, seed)
    both, gained, less, neither = cells_first(counts - lost)
    sizes = both + gained + less + neither
    lost_both, lost_gained, lost_less, lost_neither = cells_first(lost)
    every = cells_first(counts).sum(axis=0)
    return Exams(
        whole=_right_or_wrong(sizes, gained, less),
        # The candidate is taken for wrong where its answer is lost, or for right.
        worst=_right_or_wrong(every, gained, less + lost_both + lost_less),
        best=_right_or_wrong(every, gained + lost_gained + lost_neither, less),
        lost=lost.sum(axis=(1, 2)) / every.sum(axis=-1),
    )


def cells_first(counts: "Floats") -> "Floats":
    """Cells first: (4, repeats, contracts)."""
    import numpy as np

    return np.moveaxis(counts, -1, 0)


def _right_or_wrong(sizes: "Floats", gained: "Floats", lost: "Floats") -> Sums:
    return Sums(sizes, gained, gained, lost, lost)


def passes(drawn: Exams, margin: float, attrition: float, alpha: float = ALPHA) -> "Bools":
    """Which exams keep to the margin by the gate, of shape (repeats,)."""
    low, _ = mean_bounds(drawn.whole, "difference", alpha)
    worst, _ = mean_bounds(drawn.worst, "difference", alpha)
    held: Bools = (low >= -margin) & (worst >= -margin) & (drawn.lost <= attrition)
    return held


def floor_sums(world: World, share: float, repeats: int, seed: int) -> Sums:
    """Sums of right or wrong answers of exams of one model that is right on that share."""
    cells = (share, 1 - share)
    right = dirichlet_counts(cells, world.correlation, world.counts, repeats, seed)[..., 0]
    return _right_or_wrong(right * 0 + world.counts, right, right * 0)


@dataclass(frozen=True, slots=True)
class Stopped:
    """Shares of exams that passed and failed, and of cases that were never asked."""

    passed: float
    failed: float
    saved: float


def stopped(world: World, margin: float, repeats: int, seed: int) -> Stopped:
    """Examine with looks at 25, 50, 75 and 100 % of the contracts, and stop as an exam does.

    Contracts come in random order; here they are asked in that of a permutation drawn once, so
    that large ones are not asked first.
    """
    import numpy as np

    order = np.random.default_rng(0).permutation(world.contracts)
    counts = world.counts[order]
    drawn = exams(world, repeats, seed).whole
    gained, lost = drawn.gained[:, order], drawn.lost[:, order]
    plan = plan_looks([str(number) for number in range(world.contracts)], ALPHA)
    verdicts, saved = np.full(repeats, "INCONCLUSIVE"), np.zeros(repeats)
    asking = np.arange(repeats)
    known = 0
    for added, level in zip(plan.contracts, plan.levels, strict=True):
        known += len(added)
        part = _right_or_wrong(counts[:known] + 0 * gained[asking, :known],
                               gained[asking, :known], lost[asking, :known])  # fmt: skip
        cases = int(counts[:known].sum())
        means = part.values.sum(axis=-1) / cases
        found = [
            Estimate(float(mean), float(low), float(high), cases, known)
            for mean, low, high in zip(means, *mean_bounds(part, "difference", level), strict=True)
        ]
        outcomes = [each.against(-margin) for each in found]
        ends = [settled([outcome], [each]) for outcome, each in zip(outcomes, found, strict=True)]
        verdicts[asking], done = outcomes, np.array(ends, dtype=bool)
        saved[asking[done]] = 1 - cases / world.counts.sum()
        asking = asking[~done]
    passed, failed = (float((verdicts == each).mean()) for each in ("PASS", "FAIL"))
    return Stopped(passed, failed, float(saved.mean()))
