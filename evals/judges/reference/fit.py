"""Fit the reference judge on the labelled pairs, and write what it is worth into the docs.

python -m evals.judges.reference.fit --cuad-dir DIR            # writes reference.json and figures
python -m evals.judges.reference.fit --cuad-dir DIR --check    # exit 1 when a fit gives others

CUAD's train contracts add pairs made by rule; where they are absent the fit says so, and differs.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from common.command import Parser, run
from common.errors import UserError
from common.files import write_whole
from common.paths import ROOT
from evals.judges.pairs import SHIPPED, Pair, read_pairs
from evals.judges.reference.ablation import figures, insert
from evals.judges.reference.constructed import borrowed, from_clauses
from evals.judges.reference.examples import Examples, answered, fitted, silent
from evals.judges.reference.weights import PARAMETERS, Parameters, Weights, read_parameters
from fixtures.datasets import load_dataset

DOCS = ROOT / "docs" / "reference-judge.md"
TOLERANCE = 0.01


def furthest(rows: Examples, one: Weights, two: Weights) -> float:
    """The largest difference between the scores that two fits give."""
    return max(abs(one.value(row) - two.value(row)) for row in rows.features.tolist())


def main(argv: list[str] | None = None) -> int:
    """Fit, or check; 0 when all is well, 1 when the check fails, 4 for a user's mistake."""
    parser = Parser(prog="python -m evals.judges.reference.fit", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    parser.add_argument("--pairs", type=Path, default=SHIPPED, help="folder of *.jsonl")
    parser.add_argument("--cuad-dir", type=Path, help="folder of CUAD, for pairs made by rule")
    return run(parser.parse_args, _fit, argv)


def _fit(options: argparse.Namespace) -> int:
    pairs = read_pairs(options.pairs)
    made = [*borrowed(pairs), *_of_cuad(options.cuad_dir)]
    rows, silences = answered([*pairs, *made]), silent([*pairs, *made])
    found = Parameters(fitted(rows, ~rows.held_out), fitted(silences, ~silences.held_out))
    if options.check:
        shipped = read_parameters(PARAMETERS)
        gap = max(
            furthest(rows, found.answered, shipped.answered),
            furthest(silences, found.unanswered, shipped.unanswered),
        )
        print(f"largest difference to the shipped parameters: {gap:.4f}")
        return int(gap > TOLERANCE)
    write_whole(PARAMETERS, found.json())
    shown = figures(pairs, rows, silences)
    insert(DOCS, shown)
    print(shown)
    return 0


def _of_cuad(folder: Path | None) -> Sequence[Pair]:
    try:
        return from_clauses(load_dataset("cuad", folder))
    except UserError as error:
        if folder:
            raise
        print(f"no pairs made by rule, so the fit is another than the shipped one: {error}")
        return ()


if __name__ == "__main__":
    sys.exit(main())
