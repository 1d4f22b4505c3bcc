"""Simulated exams whose answers are correlated within contracts, and how the gate fares on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.statistics.estimates import Estimate, cluster_error
from reports.statistics.paired import compare_means
from reports.statistics.rare import difference_bounds
from reports.statistics.sequential import plan_looks, settled
from reports.verdict.means import metric_mean

if TYPE_CHECKING:
    from reports.statistics.estimates import Floats

ALPHA = 0.05
CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class World:
    """Where simulated exams come from.

    `difference` is the true mean of d = candidate - baseline, `discordance` the share of cases
    that only one of the two gets right, `correlation` that of d within a contract. Contracts have
    `cases` each, or, if `uneven`, between an eighth and fifteen eighths of that.
    """

    contracts: int = 102
    cases: int = 41
    discordance: float = 0.1
    correlation: float = 0.05
    difference: float = 0.0
    uneven: bool = False

    @property
    def sizes(self) -> "Floats":
        """Cases of each contract, shape (contracts,)."""
        import numpy as np

        if not self.uneven:
            return np.full(self.contracts, float(self.cases))
        spread = np.random.default_rng(0).permutation(np.linspace(1 / 8, 15 / 8, self.contracts))
        return np.maximum(np.round(self.cases * spread), 1.0)

    @property
    def cells(self) -> tuple[float, float, float, float]:
        """Probability that both are right, the candidate only, the baseline only, neither."""
        gained = (self.discordance + self.difference) / 2
        same = 1 - self.discordance
        return 0.7 * same, gained, self.discordance - gained, 0.3 * same


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
    precision = 1 / correlation - 1
    mean = np.maximum(np.array(cells) * precision, 1e-9)  # a cell may be empty
    chances = draw.dirichlet(mean, size=(repeats, len(sizes)))
    return draw.multinomial(sizes.astype(int), chances).astype(float)


def paired_sums(world: World, repeats: int, seed: int) -> tuple["Floats", "Floats"]:
    """Sums of d and of d ** 2 by contract, each of shape (repeats, contracts)."""
    import numpy as np

    sums, squares = np.empty((2, repeats, world.contracts))
    for begin in range(0, repeats, CHUNK):
        part = slice(begin, min(begin + CHUNK, repeats))
        number = part.stop - begin
        counts = dirichlet_counts(
            world.cells, world.correlation, world.sizes, number, (seed, begin)
        )
        sums[part] = counts[..., 1] - counts[..., 2]
        squares[part] = counts[..., 1] + counts[..., 2]
    return sums, squares


def cluster_bounds(
    sums: "Floats", squares: "Floats", sizes: "Floats", alpha: float
) -> tuple["Floats", "Floats"]:
    """Bounds of `compare_means` on many large exams, each of shape (repeats,)."""
    import numpy as np
    from scipy import stats

    mean, error = cluster_error(sums, sizes)
    reach = stats.t.isf(alpha, sums.shape[-1] - 1) * error
    gained, lost = (squares + sums) / 2, (squares - sums) / 2
    low, high = difference_bounds((gained, gained), (lost, lost), sizes, alpha)
    return np.minimum(mean - reach, low), np.maximum(mean + reach, high)


def passes(world: World, margin: float, repeats: int, seed: int) -> tuple[float, float]:
    """Share of exams that pass: by the gate, and by a z-test that takes cases for independent."""
    import numpy as np
    from scipy import stats

    sums, squares = paired_sums(world, repeats, seed)
    low, _ = cluster_bounds(sums, squares, world.sizes, ALPHA)
    cases = world.sizes.sum()
    mean = sums.sum(axis=-1) / cases
    naive = np.sqrt((squares.sum(axis=-1) / cases - mean**2) / cases)
    simple = mean - stats.norm.isf(ALPHA) * naive
    return float((low >= -margin).mean()), float((simple >= -margin).mean())


def coverage(world: World, repeats: int, seed: int) -> float:
    """Share of two-sided 95 % intervals that hold the true difference."""
    low, high = cluster_bounds(*paired_sums(world, repeats, seed), world.sizes, 0.025)
    return float(((low <= world.difference) & (world.difference <= high)).mean())


def small_exams(world: World, margin: float, repeats: int, seed: int) -> tuple[float, float]:
    """Share of exams under the small-exam rule that pass, and of 95 % intervals that hold."""
    sums, squares = paired_sums(world, repeats, seed)
    passed = held = 0
    for exam in zip(sums, squares, strict=True):
        values, clusters = expanded(*exam, world.sizes)
        level = [0.0] * len(values)
        passed += compare_means(values, level, clusters, margin, ALPHA).outcome == "PASS"
        shown = compare_means(values, level, clusters, margin, 0.025).difference
        assert shown.low is not None and shown.high is not None
        held += shown.low <= world.difference <= shown.high
    return passed / repeats, held / repeats


def floor_exams(world: World, share: float, repeats: int, seed: int) -> float:
    """Share of exams that pass a floor at which the model truly is."""
    cells = (share, 1 - share)
    exams = dirichlet_counts(cells, world.correlation, world.sizes, repeats, seed)
    passed = 0
    for right in exams[..., 0]:
        values, clusters = expanded(right, right, world.sizes)
        passed += metric_mean("abstention", values, clusters, ALPHA).against(share) == "PASS"
    return passed / repeats


def expanded(sums: "Floats", squares: "Floats", sizes: "Floats") -> tuple[list[float], list[str]]:
    """One exam's d and contract of each case, from its sums by contract."""
    values: list[float] = []
    clusters: list[str] = []
    for name, (total, differing, size) in enumerate(zip(sums, squares, sizes, strict=True)):
        gained, lost = int(differing + total) // 2, int(differing - total) // 2
        values += [1.0] * gained + [-1.0] * lost + [0.0] * (int(size) - gained - lost)
        clusters += [f"contract {name}"] * int(size)
    return values, clusters


@dataclass(frozen=True, slots=True)
class Stopped:
    """Shares of exams that passed and failed, and of cases that were never asked."""

    passed: float
    failed: float
    saved: float


def stopped(world: World, margin: float, repeats: int, seed: int) -> Stopped:
    """Examine with looks at 25, 50, 75 and 100 % of the contracts, and stop as an exam does."""
    import numpy as np

    sums, squares = paired_sums(world, repeats, seed)
    plan = plan_looks([str(number) for number in range(world.contracts)], ALPHA)
    verdicts, saved = np.full(repeats, "INCONCLUSIVE"), np.zeros(repeats)
    asking = np.arange(repeats)
    known = 0
    for added, level in zip(plan.contracts, plan.levels, strict=True):
        known += len(added)
        sizes = world.sizes[:known]
        cases = int(sizes.sum())
        own, squared = sums[asking, :known], squares[asking, :known]
        bounds = cluster_bounds(own, squared, sizes, level)
        found = [
            Estimate(mean, low, high, cases, known)
            for mean, low, high in zip(own.sum(axis=-1) / cases, *bounds, strict=True)
        ]
        outcomes = [each.against(-margin) for each in found]
        ends = [settled([outcome], [each]) for outcome, each in zip(outcomes, found, strict=True)]
        verdicts[asking], done = outcomes, np.array(ends, dtype=bool)
        saved[asking[done]] = 1 - cases / world.sizes.sum()
        asking = asking[~done]
    passed, failed = (float((verdicts == each).mean()) for each in ("PASS", "FAIL"))
    return Stopped(passed, failed, float(saved.mean()))
