"""Does the gate keep its promises on clustered answers? Simulations, written to docs.

`python -m bench.statistics` replaces the tables of docs/statistics.md.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bench.simulation import (
    ALPHA,
    World,
    coverage,
    floor_exams,
    passes,
    small_exams,
    stopped,
)
from common.command import Parser, run
from common.errors import UserError
from reports.statistics.power import (
    minimum_detectable_effect,
    planned_error,
    power_of,
)

PAGE = Path(__file__).parents[1] / "docs" / "statistics.md"
BEGIN, END = "<!-- simulations: begin -->", "<!-- simulations: end -->"
MARGIN, POWER = 0.02, 0.8


def tables(repeats: int, small: int) -> Iterator[str]:
    """The page's tables; `small` repeats where each exam is bootstrapped."""
    worlds = [World(correlation=correlation) for correlation in (0.02, 0.05)]
    uneven = replace(worlds[1], uneven=True)
    yield from _gate_table([*worlds, uneven], repeats)
    yield from _power_table(worlds, repeats)
    yield from _stopping_table([*worlds, uneven], repeats)
    yield from _small_table(small)
    yield from _rare_table(small)
    yield from _floor_table(small)


def _gate_table(worlds: Sequence[World], repeats: int) -> Iterator[str]:
    yield f"At the margin: a candidate worse by just {MARGIN:.0%} ({repeats:,} exams a row)."
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
    yield f"Power: how often a candidate passes, by distance from the margin ({repeats:,} exams)."
    yield ""
    yield "| exam | detectable at 80 % | distance | predicted | observed |"
    yield "|---|---|---|---|---|"
    for seed, world in enumerate(worlds, 10):
        error = planned_error(world.contracts, world.cases, 0.1, world.correlation)
        smallest = minimum_detectable_effect(error, world.contracts, ALPHA, POWER) or 0.0
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
    yield f"Small exams, where contracts are resampled ({repeats:,} exams a row)."
    yield ""
    yield "| exam | false pass at the margin | 95 % interval holds |"
    yield "|---|---|---|"
    for seed, (contracts, cases) in enumerate([(6, 20), (12, 10), (12, 41), (50, 5)], 30):
        world = World(contracts=contracts, cases=cases, difference=-MARGIN)
        passed, held = small_exams(world, MARGIN, repeats, seed)
        yield _row(_exam(world), _share(passed, repeats), _share(held, repeats))
    yield ""


def _rare_table(repeats: int) -> Iterator[str]:
    yield (
        "Rare differences, every one a loss: worse by just 2 % with 2 % of the pairs discordant, "
        f"and as good as the baseline ({repeats:,} exams a row)."
    )
    yield ""
    yield "| exam | false pass at the margin | passes when equal |"
    yield "|---|---|---|"
    rare = [(4, 5), (20, 1), (4, 24), (10, 10), (34, 41), (102, 41)]
    for seed, (contracts, cases) in enumerate(rare, 50):
        world = World(contracts, cases, discordance=MARGIN, difference=-MARGIN)
        passed, _ = small_exams(world, MARGIN, repeats, seed)
        equal, _ = small_exams(replace(world, difference=0.0), MARGIN, repeats, seed)
        yield _row(_exam(world), _share(passed, repeats), _share(equal, repeats))
    yield ""


def _floor_table(repeats: int) -> Iterator[str]:
    yield f"Floors: a model that is truly at its floor ({repeats:,} exams a row)."
    yield ""
    yield "| exam | floor | false pass |"
    yield "|---|---|---|"
    floors = [(20, 20, 0.5), (20, 20, 0.95), (40, 10, 0.95), (102, 4, 0.99), (102, 41, 0.99)]
    for seed, (contracts, cases, floor) in enumerate(floors, 60):
        world = World(contracts, cases)
        passed = floor_exams(world, floor, repeats, seed)
        yield _row(_exam(world), f"{floor:g}", _share(passed, repeats))
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
    parser = Parser(prog="python -m bench.statistics", description=__doc__)
    parser.add_argument("--repeats", type=int, default=50_000, help="exams a row")
    parser.add_argument("--small", type=int, default=5_000, help="exams a row that are resampled")
    parser.add_argument("--page", type=Path, default=PAGE, help="whose tables are replaced")
    return run(parser.parse_args, _simulate, argv)


def _simulate(options: argparse.Namespace) -> None:
    text = options.page.read_text(encoding="utf-8") if options.page.is_file() else ""
    if BEGIN not in text or END not in text:
        raise UserError(f"{options.page} has no lines {BEGIN} and {END}; restore it")
    lines = []
    for line in tables(options.repeats, options.small):
        print(line, flush=True)
        lines.append(line)
    # Read again: the text around the tables may have been edited in the minutes between.
    before, _, rest = options.page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    body = "\n".join([BEGIN, "", *lines, END])
    options.page.write_text(before + body + after, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
