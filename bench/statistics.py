"""Does the gate keep its promises on clustered answers? Simulations, written to docs.

`python -m bench.statistics` replaces the tables of docs/statistics.md.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from reports.bootstrap import cluster_bootstrap, ratio_difference, shown_mean
from reports.paired import judge
from reports.power import detectable, planned_error, power_of
from reports.sequential import plan_looks
from reports.statistics import cluster_error

if TYPE_CHECKING:
    from reports.statistics import Floats

PAGE = Path(__file__).parents[1] / "docs" / "statistics.md"
BEGIN, END = "<!-- simulations: begin -->", "<!-- simulations: end -->"
ALPHA, MARGIN, POWER = 0.05, 0.02, 0.8


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
    cells: Sequence[float], correlation: float, sizes: "Floats", repeats: int, seed: int
) -> "Floats":
    """Counts of cells by contract, shape (repeats, contracts, cells).

    Each contract has its own cell probabilities, from a Dirichlet distribution of mean `cells`
    and precision 1 / correlation - 1. Any score of the cells then has exactly that correlation
    within contracts: covariances are the multinomial's, times correlation (Mosimann 1962).
    """
    import numpy as np

    draw = np.random.default_rng(seed)
    precision = 1 / correlation - 1
    chances = draw.dirichlet(np.array(cells) * precision, size=(repeats, len(sizes)))
    return draw.multinomial(sizes.astype(int), chances).astype(float)


def paired_sums(world: World, repeats: int, seed: int) -> tuple["Floats", "Floats"]:
    """Sums of d and of d ** 2 by contract, each of shape (repeats, contracts)."""
    counts = dirichlet_counts(world.cells, world.correlation, world.sizes, repeats, seed)
    gained, lost = counts[..., 1], counts[..., 2]
    return gained - lost, gained + lost


def cluster_bounds(sums: "Floats", sizes: "Floats", alpha: float) -> tuple["Floats", "Floats"]:
    """Bounds of `reports.statistics.cluster_mean` on many exams at once, each shape (repeats,)."""
    from scipy import stats

    mean, error = cluster_error(sums, sizes)
    reach = stats.t.isf(alpha, sums.shape[-1] - 1) * error
    return mean - reach, mean + reach


def passes(world: World, margin: float, repeats: int, seed: int) -> tuple[float, float]:
    """Share of exams that pass: by the gate, and by a z-test that takes cases for independent."""
    import numpy as np
    from scipy import stats

    sums, squares = paired_sums(world, repeats, seed)
    low, _ = cluster_bounds(sums, world.sizes, ALPHA)
    cases = world.sizes.sum()
    mean = sums.sum(axis=-1) / cases
    naive = np.sqrt((squares.sum(axis=-1) / cases - mean**2) / cases)
    simple = mean - stats.norm.isf(ALPHA) * naive
    return float((low > -margin).mean()), float((simple > -margin).mean())


def coverage(world: World, repeats: int, seed: int) -> float:
    """Share of two-sided 95 % intervals that hold the true difference."""
    sums, _ = paired_sums(world, repeats, seed)
    low, high = cluster_bounds(sums, world.sizes, 0.025)
    return float(((low <= world.difference) & (world.difference <= high)).mean())


def small_exams(world: World, margin: float, repeats: int, seed: int) -> tuple[float, float]:
    """Share of exams under the small-exam rule that pass, and of 95 % intervals that hold."""
    sums, squares = paired_sums(world, repeats, seed)
    passed = held = 0
    for exam in zip(sums, squares, strict=True):
        values, clusters = expanded(*exam, world.sizes)
        passed += judge(shown_mean(values, clusters, ALPHA), margin) == "PASS"
        shown = shown_mean(values, clusters, 0.025)
        assert shown.low is not None and shown.high is not None
        held += shown.low <= world.difference <= shown.high
    return passed / repeats, held / repeats


def expanded(sums: "Floats", squares: "Floats", sizes: "Floats") -> tuple[list[float], list[str]]:
    """One exam's d and contract of each case, from its sums by contract."""
    values: list[float] = []
    clusters: list[str] = []
    for name, (total, differing, size) in enumerate(zip(sums, squares, sizes, strict=True)):
        gained, lost = int(differing + total) // 2, int(differing - total) // 2
        values += [1.0] * gained + [-1.0] * lost + [0.0] * (int(size) - gained - lost)
        clusters += [f"contract {name}"] * int(size)
    return values, clusters


def f1_coverage(contracts: int, correlation: float, repeats: int, seed: int, draws: int) -> float:
    """Share of 95 % BCa intervals that hold the true difference of two models' F1."""
    import numpy as np

    # 3 in 10 cases have something to find. Cells: positive or not x said by each model or not.
    positive = 0.3 * np.array([0.6, 0.1, 0.15, 0.15])
    negative = 0.7 * np.array([0.03, 0.04, 0.05, 0.88])
    cells = np.concatenate([positive, negative])
    sizes = np.full(contracts, 41.0)
    exams = f1_sums(dirichlet_counts(list(cells), correlation, sizes, repeats, seed))
    true = float(ratio_difference(f1_sums(cells)))
    held = 0
    for sums in exams:
        found = cluster_bootstrap(sums, ratio_difference, 41 * contracts, 0.025, draws=draws)
        assert found.low is not None and found.high is not None
        held += found.low <= true <= found.high
    return held / repeats


def f1_sums(counts: "Floats") -> "Floats":
    """2 * tp and 2 * tp + fp + fn of candidate and baseline: shape (..., 8) to (..., 4)."""
    import numpy as np

    both, one, other, neither, wrong, one_wrong, other_wrong, _ = np.moveaxis(counts, -1, 0)
    present = both + one + other + neither
    hits, base_hits = both + one, both + other
    said, base_said = hits + wrong + one_wrong, base_hits + wrong + other_wrong
    return np.stack([2 * hits, said + present, 2 * base_hits, base_said + present], axis=-1)


@dataclass(frozen=True, slots=True)
class Stopped:
    """Shares of exams that passed and failed, and of cases that were never asked."""

    passed: float
    failed: float
    saved: float


def stopped(world: World, margin: float, repeats: int, seed: int) -> Stopped:
    """Examine with looks at 25, 50, 75 and 100 % of the contracts."""
    import numpy as np

    sums, _ = paired_sums(world, repeats, seed)
    plan = plan_looks([str(number) for number in range(world.contracts)], ALPHA)
    open_, passed, failed = np.ones(repeats, bool), np.zeros(repeats), np.zeros(repeats)
    saved = np.zeros(repeats)
    known = 0
    for added, level in zip(plan.contracts, plan.levels, strict=True):
        known += len(added)
        sizes = world.sizes[:known]
        low, high = cluster_bounds(sums[:, :known], sizes, level)
        settled = low < high if known < world.contracts else np.ones(repeats, bool)
        good, bad = settled & (low > -margin), settled & (high < -margin)
        passed[open_ & good] = 1
        failed[open_ & bad] = 1
        saved[open_ & (good | bad)] = 1 - sizes.sum() / world.sizes.sum()
        open_ &= ~(good | bad)
    return Stopped(float(passed.mean()), float(failed.mean()), float(saved.mean()))


def tables(repeats: int, small: int) -> Iterator[str]:
    """The page's tables; `small` repeats where each exam is bootstrapped."""
    worlds = [World(correlation=correlation) for correlation in (0.02, 0.05)]
    uneven = replace(worlds[1], uneven=True)
    yield from _gate_table([*worlds, uneven], repeats)
    yield from _power_table(worlds, repeats)
    yield from _stopping_table([*worlds, uneven], repeats)
    yield from _small_table(small)


def _gate_table(worlds: Sequence[World], repeats: int) -> Iterator[str]:
    yield f"At the margin: a candidate that is worse by just {MARGIN:.0%} ({repeats:,} exams a row)."
    yield ""
    yield "| exam | false pass, gate | false pass, z over questions | 95 % interval holds |"
    yield "|---|---|---|---|"
    for seed, world in enumerate(worlds):
        at_margin = replace(world, difference=-MARGIN)
        gate, naive = passes(at_margin, MARGIN, repeats, seed)
        held = coverage(at_margin, repeats, seed)
        yield _row(_exam(world), *(_share(rate, repeats) for rate in (gate, naive, held)))
    yield ""


def _power_table(worlds: Sequence[World], repeats: int) -> Iterator[str]:
    yield f"Power: how often a candidate passes, by its distance from the margin ({repeats:,} exams)."
    yield ""
    yield "| exam | detectable at 80 % | distance | predicted | observed |"
    yield "|---|---|---|---|---|"
    for seed, world in enumerate(worlds, 10):
        error = planned_error(world.contracts, world.cases, 0.1, world.correlation)
        smallest = detectable(error, world.contracts, ALPHA, POWER) or 0.0
        for part in (0.5, 1.0, 1.25):
            distance = part * smallest
            there = replace(world, difference=distance - MARGIN)
            observed, _ = passes(there, MARGIN, repeats, seed)
            predicted = power_of(distance, error, world.contracts, ALPHA)
            yield _row(
                _exam(world), f"{100 * smallest:.2f} points", f"{100 * distance:.2f} points",
                f"{predicted:.1%}", _share(observed, repeats),
            )  # fmt: skip
    yield ""


def _stopping_table(worlds: Sequence[World], repeats: int) -> Iterator[str]:
    yield f"Early stopping: looks at 25, 50, 75, 100 % of the contracts ({repeats:,} exams a row)."
    yield ""
    yield "| exam | true difference | passes | fails | mean share of calls saved |"
    yield "|---|---|---|---|---|"
    for seed, world in enumerate(worlds, 20):
        for difference in (-MARGIN, 0.0, 0.01, -0.05):
            found = stopped(replace(world, difference=difference), MARGIN, repeats, seed)
            what = "at the margin" if difference == -MARGIN else f"{100 * difference:+.0f} points"
            yield _row(
                _exam(world), what, _share(found.passed, repeats), _share(found.failed, repeats),
                f"{found.saved:.1%}",
            )  # fmt: skip
    yield ""


def _small_table(repeats: int) -> Iterator[str]:
    yield f"Small exams and ratios, where contracts are resampled ({repeats:,} exams a row)."
    yield ""
    yield "| exam | false pass at the margin | 95 % interval holds |"
    yield "|---|---|---|"
    for seed, (contracts, cases) in enumerate([(6, 20), (12, 10), (12, 41), (50, 5)], 30):
        world = World(contracts=contracts, cases=cases, difference=-MARGIN)
        passed, held = small_exams(world, MARGIN, repeats, seed)
        yield _row(_exam(world), _share(passed, repeats), _share(held, repeats))
    for contracts in (30, 102):
        held = f1_coverage(contracts, 0.05, repeats, 40, 2000)
        yield _row(f"F1, {contracts} x 41, 0.05", "", _share(held, repeats))
    yield ""


def _exam(world: World) -> str:
    uneven = " (5 to 77)" if world.uneven else ""
    return f"{world.contracts} x {world.cases}{uneven}, {world.correlation:g}"


def _share(rate: float, repeats: int) -> str:
    """A rate with twice its simulation error."""
    return f"{rate:.1%} ± {2 * (rate * (1 - rate) / repeats) ** 0.5:.1%}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def main(argv: list[str] | None = None) -> int:
    """Simulate, print, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.statistics", description=__doc__)
    parser.add_argument("--repeats", type=int, default=20_000, help="exams a row")
    parser.add_argument("--small", type=int, default=2_000, help="exams a row that are resampled")
    parser.add_argument("--page", type=Path, default=PAGE, help="whose tables are replaced")
    options = parser.parse_args(argv)
    text = options.page.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        print(f"ERROR: {options.page} has no lines {BEGIN} and {END}; restore it", file=sys.stderr)
        return 4
    lines = []
    for line in tables(options.repeats, options.small):
        print(line, flush=True)
        lines.append(line)
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    body = "\n".join([BEGIN, "", *lines]) + END
    options.page.write_text(before + body + after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
