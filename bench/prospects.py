"""What a number of contracts can prove under the shipped gate: `python -m bench.prospects`.

Writes the table of the README, of contracts with 12 answerable questions of 41, as CUAD's have.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.marked import marked
from common.command import Parser, run
from evals.gate import Gate, read_gate
from evals.metrics.table import METRICS
from fixtures.cases import Case, Contract, Span
from reports.verdict.prospects import demands, prospect

PAGE = Path(__file__).parents[1] / "README.md"
CONTRACTS = (34, 68, 102, 200)
ANSWERABLE, QUESTIONS = 12, 41


def table(gate: Gate) -> Iterator[str]:
    """One line for a number of contracts, one column for a margin, and one for a floor."""
    margins = [name for name, entry in gate.gating.items() if entry.margin is not None]
    floors = [name for name, entry in gate.gating.items() if entry.floor is not None]
    heads = [f"{name}, margin {gate.metrics[name].margin:g}" for name in margins]
    heads += [f"{name} {_bound(name)} {gate.metrics[name].floor:g}" for name in floors]
    yield f"| contracts | {' | '.join(heads)} |"
    yield "|---" * (len(heads) + 1) + "|"
    for contracts in CONTRACTS:
        found = {each.metric: prospect(each, gate) for each in demands(gate, exam(contracts))}
        cells = [f"{found[name].tells or 1:.3f}" for name in margins]
        cells += [_shown(found[name].shown_at) for name in floors]
        yield f"| {contracts} | {' | '.join(cells)} |"


def exam(contracts: int) -> list[Case]:
    """Cases of so many contracts, without words."""
    answered = (Span("text", 0),)
    return [
        Case(f"{n}/{q}", f"{n}-{q}", Contract(f"{n}", f"text {n}"), f"category {q}", "which?",
             answered if q < ANSWERABLE else ())
        for n in range(contracts)
        for q in range(QUESTIONS)
    ]  # fmt: skip


def _bound(metric: str) -> str:
    return "≤" if METRICS[metric].direction == "lower" else "≥"


def _shown(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f}"


def write(page: Path, gate: Gate) -> str:
    """The page's text with the table of this gate between the marks."""
    return marked(page, "prospects", table(gate))


def main(argv: list[str] | None = None) -> int:
    """Plan, and write the page."""
    parser = Parser(prog="python -m bench.prospects", description=__doc__)
    parser.add_argument("--page", type=Path, default=PAGE, help="whose table is replaced")
    return run(parser.parse_args, _write, argv)


def _write(options: argparse.Namespace) -> None:
    options.page.write_text(write(options.page, read_gate()), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
