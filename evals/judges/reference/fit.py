"""Fit the reference judge on the labelled pairs, and write what it is worth into the docs.

python -m evals.judges.reference.fit            # writes data/reference.json, figures of the docs
python -m evals.judges.reference.fit --check    # exit 1 when a fit gives others
"""

import argparse
import json
import sys
from pathlib import Path

from common.command import Parser, run
from common.files import write_whole
from common.paths import ROOT
from evals.judges.pairs import SHIPPED, read_pairs
from evals.judges.reference.ablation import figures, insert
from evals.judges.reference.examples import Examples, examples, fitted
from evals.judges.reference.features import DIRECTIONS
from evals.judges.reference.judge import PARAMETERS, read_trees
from evals.judges.reference.trees import Trees, trees_of

DOCS = ROOT / "docs" / "reference-judge.md"
TOLERANCE = 0.01


def write(path: Path, trees: Trees) -> None:
    """Keep the parameters."""
    stored = {"features": list(DIRECTIONS), "base": trees.base, "trees": trees.trees}
    write_whole(path, json.dumps(stored, separators=(",", ":")) + "\n")


def furthest(rows: Examples, one: Trees, two: Trees) -> float:
    """The largest difference between the scores that two fits give."""
    return max(
        abs(min(max(one.value(row), 0), 1) - min(max(two.value(row), 0), 1))
        for row in rows.features.tolist()
    )


def main(argv: list[str] | None = None) -> int:
    """Fit, or check; 0 when all is well, 1 when the check fails, 4 for a user's mistake."""
    parser = Parser(prog="python -m evals.judges.reference.fit", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    parser.add_argument("--pairs", type=Path, default=SHIPPED, help="folder of *.jsonl")
    return run(parser.parse_args, _fit, argv)


def _fit(options: argparse.Namespace) -> int:
    pairs = read_pairs(options.pairs)
    rows = examples(pairs)
    trees = trees_of(fitted(rows, ~rows.held_out))
    if options.check:
        gap = furthest(rows, trees, read_trees(PARAMETERS))
        print(f"largest difference to the shipped parameters: {gap:.4f}")
        return int(gap > TOLERANCE)
    write(PARAMETERS, trees)
    shown = figures(pairs, rows)
    insert(DOCS, shown)
    print(shown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
