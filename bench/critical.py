"""What drawing a critical category toward all others does: `python -m bench.critical`.

Writes the table of docs/statistics.md, by the functions that decide in an exam.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.marked import marked
from common.command import Parser, run
from evals.gate import Gate, read_gate
from reports.statistics.shrinkage import moved, shifts
from reports.verdict.critical import difference
from reports.verdict.pairs import Pairs

if TYPE_CHECKING:
    import numpy as np

PAGE = Path(__file__).parents[1] / "docs" / "statistics.md"
METRIC, TARGET = "token_f1", "critical"
CATEGORIES = 41
SIZES = (18, 36, 77)
"""Answers of uncapped liability, termination for convenience and assignment in 102 of CUAD's."""

DISCORDANCE = 0.1


@dataclass(frozen=True, slots=True)
class World:
    """Where exams come from: true differences of the critical category, and of the others.

    `target` None draws it as the others are drawn, from a normal distribution of mean `others` and
    deviation `spread`, and counts exams in which it is worse by the margin or more.
    """

    words: str
    target: float | None
    others: float
    spread: float = 0.0


def worlds(margin: float) -> list[World]:
    """From the one that the method is made for to the one that it is worst at."""
    return [
        World("categories differ, and this one is worse by the margin or more", None, -margin, 0.1),
        World("every category is worse by just the margin", -margin, -margin),
        World("this one alone is worse by just the margin", -margin, 0.0),
        World("this one alone is worse by twice the margin", -2 * margin, 0.0),
        World("every category is equal", 0.0, 0.0),
    ]


def drawn(world: World, cases: int, gate: Gate, random: "np.random.Generator") -> dict[str, float]:
    """True differences by category; those of an exam that counts."""
    margin = gate.critical.metrics[METRIC].margin or 0.0
    while True:
        true = random.normal(world.others, world.spread, CATEGORIES).clip(-0.6, 0.6)
        if world.target is not None:
            true[0] = world.target
        if world.target is not None or true[0] <= -margin:
            names = [TARGET, *(f"category {number}" for number in range(1, CATEGORIES))]
            return {name: float(value) for name, value in zip(names, true, strict=True)}


def exam(
    true: Mapping[str, float], cases: int, random: "np.random.Generator"
) -> dict[str, list[float]]:
    """Differences of one exam by category: `cases` of the critical one, 10 to 90 of each other.

    Each is of a contract of its own; a tenth of the cases differ beside those that are lost.
    """
    found = {}
    for name, difference_ in true.items():
        size = cases if name == TARGET else int(random.integers(10, 91))
        discordance = DISCORDANCE + abs(difference_)
        gained = (discordance + difference_) / 2
        chances = [gained, discordance - gained, 1 - discordance]
        found[name] = random.choice([1.0, -1.0, 0.0], size, p=chances).tolist()
    return found


def passes(world: World, cases: int, repeats: int, seed: int, gate: Gate) -> tuple[float, float]:
    """Shares of exams in which the category passes: by itself, and drawn toward the others."""
    import numpy as np

    random = np.random.default_rng(seed)
    margin = gate.critical.metrics[METRIC].margin or 0.0
    alone = together = 0
    for _ in range(repeats):
        groups = exam(drawn(world, cases, gate, random), cases, random)
        pairs = pairs_of(groups[TARGET])
        shift = shifts(groups)[TARGET]
        own = difference(METRIC, pairs, 0.0, gate.alpha)
        assert own is not None
        alone += own.against(-margin) == "PASS"
        together += moved(own, shift).against(-margin) == "PASS"
    return alone / repeats, together / repeats


def pairs_of(differences: list[float]) -> Pairs:
    """Scores with these differences, each of a contract of its own."""
    return Pairs(
        tuple(max(value, 0.0) for value in differences),
        tuple(max(-value, 0.0) for value in differences),
        tuple(f"contract {number}" for number in range(len(differences))),
    )


def table(repeats: int) -> Iterator[str]:
    """How often a critical category passes its margin, by what is true."""
    gate = read_gate()
    margin = gate.critical.metrics[METRIC].margin or 0.0
    yield (
        f"A critical category passes its margin of {margin:g}, among {CATEGORIES} ({repeats:,} "
        "exams a row)."
    )
    yield ""
    yield "| true | cases | by itself | drawn toward the others |"
    yield "|---|---|---|---|"
    for seed, world in enumerate(worlds(margin)):
        for cases in SIZES:
            rates = passes(world, cases, repeats, seed, gate)
            alone, together = (
                f"{rate:.1%} ± {2 * (rate * (1 - rate) / repeats) ** 0.5:.1%}" for rate in rates
            )
            yield f"| {world.words} | {cases} | {alone} | {together} |"


def main(argv: list[str] | None = None) -> int:
    """Simulate, and write the page."""
    parser = Parser(prog="python -m bench.critical", description=__doc__)
    parser.add_argument("--repeats", type=int, default=2_000, help="exams a row")
    parser.add_argument("--page", type=Path, default=PAGE, help="whose table is replaced")
    return run(parser.parse_args, _write, argv)


def _write(options: argparse.Namespace) -> None:
    lines = list(table(options.repeats))
    options.page.write_text(marked(options.page, "critical", lines), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
