"""The command line that all trainers share."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from common.command import Parser, run
from models.registry import SHIPPED
from training.outcome.cost import Rates, add_rates, read_rates
from training.outcome.delivery import ADAPTERS, RUNS, Places, check_free, deliver
from training.trainer.loading import load
from training.trainer.method import Method
from training.trainer.recipe import Recipe, read_recipe
from training.trainer.run import train

TRIED = 2
"""Steps of `--try`."""


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """What a trainer is asked for.

    Attributes:
        recipe: a YAML file; `settings` are KEY=VALUE on top of it.
        tried: whether a few steps are made only, to see whether all goes together.
        places: where things are found and left.
        force: whether an adapter of this name is replaced.
        again: the command line without `--try`.
        rates: what machine and storage cost.
    """

    recipe: Path
    settings: tuple[str, ...]
    tried: bool
    places: Places
    force: bool
    again: str
    rates: Rates


def read_options(method: Method, typed: Sequence[str]) -> TrainOptions:
    """The options of a command line.

    Raises:
        UserError: it cannot be understood.
    """
    given = parser_of(method).parse_args(typed)
    words = [word for word in typed if not ("--try".startswith(word) and len(word) > 2)]
    return TrainOptions(
        recipe=given.recipe,
        settings=tuple(given.settings),
        tried=given.tried,
        places=Places(given.registry, given.adapters, given.runs),
        force=given.force,
        again=shlex.join(["python", "-m", f"training.{method.name}", *words]),
        rates=read_rates(given.hourly_price, given.storage_price),
    )


def parser_of(method: Method) -> Parser:
    """The options of a trainer."""
    parser = Parser(prog=f"python -m training.{method.name}", description=method.about)
    add = parser.add_argument
    add("recipe", type=Path, metavar="RECIPE", help="a YAML file")
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="override a key of the recipe, such as training.max_steps=2; may be repeated",
    )
    add(
        "--try",
        action="store_true",
        dest="tried",
        help=f"make {TRIED} steps, hold no exam and write no registry entry: do recipe, data, base "
        "and machine go together?",
    )
    add("--registry", type=Path, default=SHIPPED, metavar="DIR", help="(models/registry)")
    add("--adapters", type=Path, default=ADAPTERS, metavar="DIR", help="(models/adapters)")
    add("--runs", type=Path, default=RUNS, metavar="DIR", help=f"checkpoints, logs ({RUNS})")
    add("--force", action="store_true", help="replace an adapter of this name")
    add_rates(parser)
    return parser


def run_command(method: Method, argv: list[str] | None) -> int:
    """Train by a recipe and deliver the adapter. Returns the exit code: 0, 2 or 4."""
    again = "stopped; the same command continues from the last checkpoint"
    return run(partial(read_options, method), partial(_train, method), argv, stopped=again)


def _train(method: Method, options: TrainOptions) -> None:
    recipe, places = read_recipe(options.recipe, options.settings), options.places
    if options.tried:
        recipe = tried(method, recipe)
        places = replace(places, adapters=places.runs.parent / "tries")
    else:
        check_free(recipe, places, force=options.force)
    trained = train(load(method, recipe, places.registry, places.runs / recipe.name))
    if trained is None:
        return
    if not options.tried:
        deliver(trained, places, force=options.force, rates=options.rates)
        return
    folder = deliver(trained, places, force=True, registered=False)
    print(
        f"a try of {TRIED} steps: it works from data to adapter ({folder}), which is in no "
        "registry, to be neither examined nor promoted"
    )
    print(f"Next: {options.again}")


def tried(method: Method, recipe: Recipe) -> Recipe:
    """The recipe with two steps of a batch and without an exam, under a name of its own."""
    training = recipe.training | {"max_steps": TRIED, "save_steps": TRIED, "logging_steps": 1}
    if method.reward is None:  # else groups are made of what is accumulated
        training["gradient_accumulation_steps"] = 1
    changed = {
        "name": f"{recipe.name}-try",
        "validation": None,
        "validation_exam": None,
        "training": training,
    }
    return recipe.model_copy(update=changed)
