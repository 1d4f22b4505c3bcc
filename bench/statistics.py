"""Does the gate keep its promises on clustered answers? Simulations, written to docs.

`python -m bench statistics` replaces the tables of docs/statistics.md.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bench.grid import ATTRITION, MANY_AND_EVEN, Cell, Rates, cells, measured, most_by_chance
from bench.results import Finding, Row
from bench.rivals import wild_bootstrap
from bench.simulation import ALPHA, World, exams, passes, stopped
from common.command import Parser, run
from common.errors import UserError
from reports.statistics.bounds import mean_bounds
from reports.statistics.power import (
    fewest_contracts,
    minimum_detectable_effect,
    planned_error,
    power_of,
)

PAGE = Path(__file__).parents[1] / "docs" / "statistics.md"
BEGIN, END = "<!-- simulations: begin -->", "<!-- simulations: end -->"
MARGIN, POWER = 0.03, 0.8
EXAMS, OF_TABLES = 2_000, 20_000


@dataclass(frozen=True, slots=True)
class Found:
    """What is promised of: every cell's rates, and those beside the bootstrap by world."""

    grid: Mapping[Cell, Rates]
    beside: Mapping[World, tuple[float, ...]]
    repeats: int

    @property
    def most(self) -> float:
        """Above which a cell errs more than chance explains."""
        return most_by_chance(self.repeats, len(self.grid))

    @property
    def over(self) -> list[str]:
        """Cells that do."""
        return [cell.name for cell, rates in self.grid.items() if rates.false[0] > self.most]


def simulate(repeats: int, of_tables: int) -> Found:
    """`repeats` exams a cell of the grid, `of_tables` a world beside the bootstrap."""
    return Found(
        {cell: measured(cell, repeats, 10 * seed) for seed, cell in enumerate(cells())},
        {world: beside_bootstrap(world, of_tables, seed)
         for seed, world in enumerate(MANY_AND_EVEN, 1000)},
        repeats,
    )  # fmt: skip


def tables(found: Found, of_tables: int) -> Iterator[str]:
    """The page's tables, those that are not in `found` with `of_tables` exams a row."""
    yield from _grid_table(found)
    yield from _rival_table(found, of_tables)
    yield from _superiority_table(of_tables)
    yield from _power_table(of_tables)
    yield from _stopping_table(of_tables)


def _grid_table(found: Found) -> Iterator[str]:
    grid, repeats = found.grid, found.repeats
    yield (
        f"{len(grid)} cells, {repeats:,} exams each. Each number stands for the gate / z over "
        "questions / inspect_ai / promptfoo. If every cell of the gate erred in 5 % of exams, one "
        f"above {found.most:.2%} would turn up in 5 % of runs. Above it: "
        f"{'; '.join(found.over) or 'none'}."
    )
    yield ""
    yield "| exam | false PROMOTE at the line | power when good | 90 % interval holds |"
    yield "|---|---|---|---|"
    for cell, rates in grid.items():
        shown = (rates.false, rates.power, rates.held)
        yield _row(cell.name, *(" / ".join(f"{each:.1%}" for each in of) for of in shown))
    yield ""


def _rival_table(found: Found, repeats: int) -> Iterator[str]:
    yield (
        "Beside the wild cluster bootstrap-t (null imposed, Rademacher, 999 draws), where "
        f"contracts are many and even ({repeats:,} exams a row)."
    )
    yield ""
    yield "| exam | false PROMOTE, gate | bootstrap-t | power when equal, gate | bootstrap-t |"
    yield "|---|---|---|---|---|"
    for world, rates in found.beside.items():
        yield _row(Cell(world).name, *(_share(rate, repeats) for rate in rates))
    yield ""


def beside_bootstrap(world: World, repeats: int, seed: int) -> tuple[float, ...]:
    """False PROMOTE of the gate and of the wild bootstrap, then the power of both."""
    found = []
    for difference in (-MARGIN, 0.0):
        drawn = exams(replace(world, difference=difference), repeats, seed)
        found.append(float(passes(drawn, MARGIN, ATTRITION).mean()))
        found.append(float(wild_bootstrap(drawn.whole, MARGIN, seed).mean()))
    return tuple(found)


def _superiority_table(repeats: int) -> Iterator[str]:
    yield (
        f"Superiority: 20 % discordant ({repeats:,} exams a row). With fewer contracts than the "
        "last column says no answers whatever show it."
    )
    yield ""
    yield "| exam | shown when equal | 10 points better | all that differs better | possible with |"
    yield "|---|---|---|---|---|"
    worlds = [World(contracts, 24) for contracts in (4, 6, 12, 34)]
    worlds += [World(4, 24, correlation=0.2), World(12, 24, "Zipf"), World(34, 24, correlation=0.2)]
    for seed, world in enumerate(worlds, 1100):
        there = replace(world, discordance=0.2)
        shown = []
        for difference in (0.0, 0.1, 0.2):
            drawn = exams(replace(there, difference=difference), repeats, seed).whole
            shown.append(float((mean_bounds(drawn, "difference", ALPHA)[0] > 0).mean()))
        shares = (_share(rate, repeats) for rate in shown)
        yield _row(Cell(there).name, *shares, f"{fewest_contracts(24, ALPHA)} contracts")
    yield ""


def _power_table(repeats: int) -> Iterator[str]:
    yield f"Power: how often a candidate passes, by distance from the margin ({repeats:,} exams)."
    yield ""
    yield "| exam | detectable at 80 % | distance | predicted | observed |"
    yield "|---|---|---|---|---|"
    for seed, world in enumerate((World(correlation=0.02), World(), World(34)), 1200):
        error = planned_error(world.contracts, world.cases, 0.1, world.correlation)
        smallest = minimum_detectable_effect(error, world.contracts, ALPHA, POWER) or 0.0
        for part in (0.5, 1.0, 1.25):
            distance = part * smallest
            drawn = exams(replace(world, difference=distance - MARGIN), repeats, seed)
            observed = float(passes(drawn, MARGIN, ATTRITION).mean())
            predicted = power_of(distance, error, world.contracts, ALPHA)
            yield _row(
                Cell(world).name, f"{100 * smallest:.2f} points", f"{100 * distance:.2f} points",
                f"{predicted:.1%}", _share(observed, repeats),
            )  # fmt: skip
    yield ""


def _stopping_table(repeats: int) -> Iterator[str]:
    yield (
        "Early stopping: looks at 25, 50, 75, 100 % of the contracts "
        f"({repeats:,} exams a row, margin {MARGIN:.0%})."
    )
    yield ""
    yield "| exam | true difference | passes | fails | mean share of calls saved |"
    yield "|---|---|---|---|---|"
    worlds = (World(correlation=0.02), World(), World(sizes="Zipf"), World(12))
    for seed, world in enumerate(worlds, 1300):
        for difference in (-MARGIN, 0.0, 0.01, -0.06):
            found = stopped(replace(world, difference=difference), MARGIN, repeats, seed)
            what = "at the margin" if difference == -MARGIN else f"{100 * difference:+.0f} points"
            yield _row(
                Cell(world).name, what, _share(found.passed, repeats),
                _share(found.failed, repeats), f"{found.saved:.1%}",
            )  # fmt: skip
    yield ""


def _share(rate: float, repeats: int) -> str:
    """A rate with twice its simulation error."""
    return f"{rate:.1%} ± {2 * (rate * (1 - rate) / repeats) ** 0.5:.1%}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def measure(page: Path = PAGE, repeats: int = EXAMS, of_tables: int = OF_TABLES) -> Finding:
    """Simulate, write the page, and hold its two promises: the level, and the power."""
    found = simulate(repeats, of_tables)
    _write(page, tables(found, of_tables))
    gaps = {Cell(world).name: 100 * (rates[3] - rates[2]) for world, rates in found.beside.items()}
    over = f"{len(found.over)} of {len(found.grid)}{': ' if found.over else ''}"
    rows = [
        Row(
            f"cells in which the gate passes more than {found.most:.2%} that it should not",
            over + "; ".join(found.over), "0", not found.over,
        ),
        *(
            Row(
                f"power below the wild bootstrap's, {name}", f"{gap:.1f} points",
                "at most 3 points", gap <= 3,
            )
            for name, gap in gaps.items()
        ),
    ]  # fmt: skip
    return Finding(
        "the gate's risk and power in simulated exams",
        f"`python -m bench.statistics`: {repeats:,} exams a cell, {of_tables:,} beside the "
        "bootstrap; the tables are in docs/statistics.md.",
        rows,
    )


def main(argv: list[str] | None = None) -> int:
    """Simulate, print, and write the page."""
    parser = Parser(prog="python -m bench.statistics", description=__doc__)
    parser.add_argument("--repeats", type=int, default=EXAMS, help="exams a cell of the grid")
    parser.add_argument("--of-tables", type=int, default=OF_TABLES, help="a row of the others")
    parser.add_argument("--page", type=Path, default=PAGE, help="whose tables are replaced")
    return run(parser.parse_args, _simulate, argv)


def _simulate(options: argparse.Namespace) -> None:
    _parts(options.page)
    for row in measure(options.page, options.repeats, options.of_tables).rows:
        print(f"{row.what}: {row.measured} (target: {row.target})")


def _parts(page: Path) -> tuple[str, str]:
    """The text before the tables and after.

    Raises:
        UserError: the page has no marks for them.
    """
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"{page} has no lines {BEGIN} and {END}; restore it")
    return before, after


def _write(page: Path, lines: Iterator[str]) -> None:
    body = "\n".join([BEGIN, "", *lines, END])
    # Read last: the text around the tables may have been edited in the minutes between.
    before, after = _parts(page)
    page.write_text(before + body + after, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
