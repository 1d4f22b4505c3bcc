"""The command line that all trainers share."""

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from fixtures.errors import UserError
from models.registry import SHIPPED
from training.method import Method
from training.outcome import check_free, deliver
from training.recipe import read_recipe
from training.run import ADAPTERS, RUNS, Places, train


class Parser(argparse.ArgumentParser):
    """Reports a wrong command line as every other mistake of the user: one line, exit code 4.

    For the `main` of any command that catches UserError.
    """

    def error(self, message: str) -> NoReturn:
        """Raise UserError with argparse's own words."""
        raise UserError(f"{message}; see {self.prog} --help")


def output_file(text: str) -> Path:
    """The path of a file, for argparse; an empty variable is none."""
    if not Path(text).name:
        raise argparse.ArgumentTypeError(f"{text!r} names no file")
    return Path(text)


def parse(method: Method, argv: list[str] | None) -> argparse.Namespace:
    """The options of a trainer.

    Raises:
        UserError: they cannot be understood.
    """
    parser = Parser(prog=f"python -m training.{method.name}", description=method.about)
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="a YAML file")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="override a key of the recipe, such as training.max_steps=2; may be repeated",
    )
    parser.add_argument("--registry", type=Path, default=SHIPPED, metavar="DIR")
    parser.add_argument("--adapters", type=Path, default=ADAPTERS, metavar="DIR")
    parser.add_argument("--runs", type=Path, default=RUNS, metavar="DIR", help="checkpoints, logs")
    parser.add_argument("--force", action="store_true", help="replace an adapter of this name")
    return parser.parse_args(argv)


def run_command(method: Method, argv: list[str] | None) -> int:
    """Train by a recipe and deliver the adapter. Returns the exit code: 0, 2 or 4."""
    try:
        options = parse(method, argv)
        recipe = read_recipe(options.recipe, options.settings)
        places = Places(options.registry, options.adapters, options.runs)
        check_free(recipe, places, force=options.force)
        trained = train(method, recipe, places)
        if trained:
            deliver(trained, places, force=options.force)
    except UserError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 4
    except KeyboardInterrupt:
        print("stopped; the same command continues from the last checkpoint", file=sys.stderr)
        return 2
    return 0
