"""`python -m evals.leakage`: test contracts of a data set that nearly stand in its train split."""

import argparse
import sys
from pathlib import Path

from common.command import Parser, run
from common.errors import UserError
from evals.leakage.leaks import near_duplicates
from fixtures.datasets import load_dataset


def main(argv: list[str] | None = None) -> int:
    """Print the contracts of a data set's test split that nearly stand in its train split."""
    parser = Parser(prog="python -m evals.leakage", description=main.__doc__)
    parser.add_argument("--dataset", default="cuad", help="cuad, sample, or a path (cuad)")
    parser.add_argument("--cuad-dir", type=Path, help="folder that holds CUAD_v1.json")
    parser.add_argument("--threshold", type=float, default=0.5, help="containment above it (0.5)")
    return run(parser.parse_args, _print, argv)


def _print(options: argparse.Namespace) -> None:
    if not 0 <= options.threshold < 1:
        raise UserError(f"--threshold {options.threshold}: give a share from 0 to below 1")
    dataset = load_dataset(options.dataset, options.cuad_dir)
    leaks = near_duplicates(dataset, options.threshold)
    for leak in leaks:
        print(f"{leak.containment:.2f}  {leak.exam_contract}")
        print(f"      {leak.kind} of {leak.trained_contract}")
    print(
        f"{len(leaks)} of {len(dataset.test_contracts)} test contracts have more than "
        f"{options.threshold:g} of their wording in one train contract"
    )


if __name__ == "__main__":
    sys.exit(main())
