"""The options of `python -m training.sweep`, of settings and of hyperparameters."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from common.command import Parser, choice
from common.errors import UserError
from common.paths import STORE
from fixtures.retrieval.embedder import MINILM
from fixtures.retrieval.retrieval import retriever_kinds
from models.registry import SHIPPED
from training.trainer.method import METHODS

Value = TypeVar("Value")
OUTPUT = Path(".exam/sweep")
ABOUT = "Which settings of retrieval and answers are worth it, on validation contracts."
RECIPES = "Hyperparameters of a recipe: python -m training.sweep METHOD --help"


def read_options(typed: Sequence[str]) -> argparse.Namespace:
    """The options of a command line; its `method` is None where settings are swept.

    Raises:
        UserError: it cannot be understood.
    """
    if typed and not typed[0].startswith("-"):
        return _read_recipe(typed)
    return _read_settings(typed)


def _read_recipe(typed: Sequence[str]) -> argparse.Namespace:
    options = _recipe_parser().parse_args(typed)
    if options.limit < 2:
        raise UserError("--limit takes 2 or more: half of the cases are answerable")
    return options


def _recipe_parser() -> Parser:
    parser = Parser(
        prog="python -m training.sweep METHOD",
        description="Hyperparameters of a recipe: each combination trained for a few steps.",
    )
    add = parser.add_argument
    add("method", type=choice(*METHODS), metavar="METHOD", help=", ".join(METHODS))
    add("recipe", type=Path, metavar="RECIPE", help="a YAML file")
    add("--vary", action="append", default=[], metavar="KEY=V,V", help="lora.r=8,16; repeated")
    add("--steps", type=_whole, required=True, metavar="N", help="that each combination makes")
    add("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings", help="for all")
    add("--limit", type=int, default=100, metavar="N", help="cases, half of them answerable (100)")
    add("--registry", type=Path, default=SHIPPED, metavar="DIR", help="of adapters to start from")
    add("--output", type=Path, metavar="DIR", help="(.exam/sweep/NAME of the recipe)")
    return parser


def _whole(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text[:12]) <= 10**6:
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number of 1 or more")
    return int(text)


def _listed(kind: Callable[[str], Value], least: float) -> Callable[[str], list[Value]]:
    """Values with commas between them, for argparse's `type`; each once, in their order."""

    def read(text: str) -> list[Value]:
        try:
            found = [kind(each.strip()) for each in text.split(",") if each.strip()]
        except ValueError:
            found = []
        if not found or any(isinstance(v, int | float) and not least <= v <= 10**6 for v in found):
            raise argparse.ArgumentTypeError(f"{text!r}: give values of {least:g} or more, with ,")
        return list(dict.fromkeys(found))

    return read


def _settings_parser() -> Parser:
    parser = Parser(prog="python -m training.sweep", description=ABOUT, epilog=RECIPES)
    add = parser.add_argument
    whole, words = _listed(int, 1), _listed(str, 0)
    add("--dataset", default="cuad", metavar="NAME", help="with a train and a test split (cuad)")
    add("--cuad-dir", type=Path, metavar="DIR", help="where CUAD lies (else $CUAD_DIR)")
    add("--contracts", type=int, default=80, metavar="N", help="that validate retrieval (80)")
    add("--retriever", type=words, default=["hybrid", "graph"], metavar="KINDS", help="with commas")
    add("--chunk-size", type=whole, default=[500, 1000, 1500], metavar="N,N", help="characters")
    add("--chunk-overlap", type=_listed(int, 0), default=[100], metavar="N,N", help="characters")
    add("--k", type=whole, default=[3, 5, 8], metavar="N,N", help="passages shown")
    add("--embedder", default=MINILM, metavar="NAME", help="as in `pytest evals`")
    add("--model", metavar="NAME", help="whose answers are swept too")
    add("--most-passages", type=whole, default=[], metavar="N,N", help="of those retrieved")
    add("--temperature", type=_listed(float, 0), default=[], metavar="T,T", help="decoding")
    add("--limit", type=int, default=100, metavar="N", help="cases, half of them answerable (100)")
    add("--max-calls", type=int, metavar="N", help="stop the answers there; type the line again")
    add("--store", default=str(Path(STORE).resolve()), metavar="URL")
    add("--registry", type=Path, default=SHIPPED, metavar="DIR")
    add("--output", type=Path, default=OUTPUT, metavar="DIR", help="(.exam/sweep)")
    parser.set_defaults(method=None)
    return parser


def _read_settings(argv: Sequence[str]) -> argparse.Namespace:
    options = _settings_parser().parse_args(argv)
    unknown = [kind for kind in options.retriever if kind not in retriever_kinds()]
    if unknown or "none" in options.retriever:
        known = ", ".join(kind for kind in retriever_kinds() if kind != "none")
        raise UserError(f"--retriever {', '.join(unknown) or 'none'}: sweep {known}")
    if min(options.contracts, options.limit) < 2:
        raise UserError("--contracts and --limit take 2 or more: one contract tells no difference")
    if (options.most_passages or options.temperature) and not options.model:
        raise UserError("--most-passages and --temperature need answers: give --model NAME")
    if options.model and not (options.most_passages or options.temperature):
        raise UserError("--model is swept by --most-passages 1,2 or --temperature 0,0.7: give one")
    return options
