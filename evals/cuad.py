"""CUAD's own score of a predictions file: `python -m evals.cuad PREDICTIONS --cuad test.json`.

PREDICTIONS is `nbest_predictions_.json` as CUAD's training script writes it (question id -> list of
{"text", "probability"}), or question id -> text, which gives the operating point alone.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from common.command import Parser, choice, run
from common.errors import UserError
from evals.metrics.cuad import (
    Mode,
    Point,
    Prediction,
    aupr,
    curve,
    of_category,
    one_best,
    operating_point,
    precision_at_recall,
)

MODES: tuple[Mode, ...] = get_args(Mode)
Gold = tuple[str, ...]


def read_golds(path: Path) -> dict[str, Gold]:
    """The gold texts of every question of a file in CUAD's layout, as they stand there.

    `fixtures.datasets` merges and repairs; a comparison with the official script must not.

    Raises:
        UserError: no such file, another layout, an empty gold text, or a repeated id.
    """
    golds: dict[str, Gold] = {}
    for number, question in enumerate(_questions(path), start=1):
        try:
            name, texts = question["id"], tuple(each["text"] for each in question["answers"])
        except (KeyError, TypeError) as error:
            raise UserError(
                f"{path}: question {number} lacks id or answers[].text ({error}); give CUAD's "
                "test.json"
            ) from error
        if name in golds:
            raise UserError(f"{path}: the id {name!r} stands twice; give test.json, not a merger")
        if not all(isinstance(text, str) and text for text in texts):
            raise UserError(f"{path}: {name!r} has an empty gold answer; remove it")
        golds[name] = texts
    if not golds:
        raise UserError(f"{path} holds no questions; give CUAD's test.json")
    return golds


def read_predictions(path: Path, golds: Mapping[str, Gold]) -> tuple[tuple[Prediction, ...], bool]:
    """What was predicted for every question of `golds`, and whether with confidence.

    Raises:
        UserError: no such file, another shape, ids that differ from the questions', or a
            probability outside 0..1.
    """
    given = _json(path)
    if not isinstance(given, dict):
        raise UserError(f"{path} must be a JSON object of question id -> n-best list, or -> text")
    for names, what in (
        ([name for name in golds if name not in given], "lacks"),
        ([name for name in given if name not in golds], "exceeds by"),
    ):
        if names:
            raise UserError(
                f"{path} {what} {len(names):,} ids, first {names[0]!r}; give one entry for each of "
                f"the {len(golds):,} questions of the file named with --cuad, [] where there is "
                "no answer"
            )
    texts = {isinstance(value, str) for value in given.values()}
    if len(texts) > 1:
        raise UserError(f"{path} mixes texts and n-best lists; give one or the other throughout")
    predictions = (
        Prediction(name, name.rpartition("__")[2], gold, _nbest(path, name, given[name]))
        for name, gold in golds.items()
    )
    return tuple(predictions), texts == {False}


def _nbest(path: Path, name: str, value: Any) -> tuple[tuple[str, float], ...]:
    if isinstance(value, str):
        return one_best(value)
    try:
        nbest = tuple((entry["text"], entry["probability"]) for entry in value)
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{path}: {name!r} is neither a text nor a list of {{text, probability}} "
            f"({type(error).__name__}: {error}); give nbest_predictions_.json"
        ) from error
    for text, probability in nbest:
        if not isinstance(text, str):
            raise UserError(f"{path}: {name!r} has a text that is no string: {text!r}; mend it")
        number = isinstance(probability, int | float) and not isinstance(probability, bool)
        if not (number and 0 <= probability <= 1):
            raise UserError(
                f"{path}: {name!r} has the probability {probability!r}; give numbers in 0..1"
            )
    return nbest


def _questions(path: Path) -> Iterator[Any]:
    try:
        for document in _json(path)["data"]:
            for paragraph in document["paragraphs"]:
                yield from paragraph["qas"]
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{path} is not in CUAD's layout ({type(error).__name__}: {error}); expected "
            "data[].paragraphs[].qas[]"
        ) from error


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        why = " ".join(str(error).split())
        raise UserError(f"{path} cannot be read as JSON ({why}); give an existing file") from error


def _lines(
    predictions: Sequence[Prediction], modes: Sequence[Mode], *, points: bool, by_category: bool
) -> Iterator[str]:
    """One line per mode and group: `points` says that there is a curve to speak of."""
    heads = ("AUPR", "P@80R", "P@90R", "max R") if points else ("P", "R", "F1")
    categories = sorted({each.category for each in predictions}) if by_category else []
    width = max(len("all"), *map(len, categories)) if categories else len("all")
    yield "  ".join(["mode".ljust(9), "of".ljust(width), f"{'n':>6}", *(f"{h:>5}" for h in heads)])
    for mode in modes:
        for name in ("all", *categories):
            group = predictions if name == "all" else of_category(predictions, name, mode)
            values = _curve_values(group, mode) if points else _point_values(group, mode)
            cells = ("-" if value is None else f"{value:.3f}" for value in values)
            yield "  ".join(
                [mode.ljust(9), name.ljust(width), f"{len(group):>6,}", *(f"{c:>5}" for c in cells)]
            )


def _curve_values(group: Sequence[Prediction], mode: Mode) -> list[float | None]:
    points = curve(group, mode)
    return [
        aupr(points, mode),
        precision_at_recall(points, 0.8, mode),
        precision_at_recall(points, 0.9, mode),
        points[-1].recall,
    ]


def _point_values(group: Sequence[Prediction], mode: Mode) -> list[float | None]:
    point = operating_point(group, mode)
    return [point.precision, point.recall, _f1(point)]


def _f1(point: Point) -> float | None:
    if point.precision is None or point.recall is None:
        return None
    both = point.precision + point.recall
    return 2 * point.precision * point.recall / both if both else 0.0


def _parser() -> Parser:
    parser = Parser(prog="python -m evals.cuad", description=main.__doc__)
    parser.add_argument("predictions", type=Path, help="nbest_predictions_.json, or id -> text")
    parser.add_argument("--cuad", type=Path, required=True, metavar="PATH", help="CUAD's test.json")
    parser.add_argument(
        "--mode",
        type=choice(*MODES, "both"),
        default="both",
        metavar="MODE",
        help=f"{', '.join(MODES)} or both (both)",
    )
    parser.add_argument("--by-category", action="store_true", help="also one line per category")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Print CUAD's area under precision and recall, and precision at 80 % and 90 % recall."""
    return run(_parser().parse_args, _print, argv)


def _print(given: argparse.Namespace) -> None:
    modes = MODES if given.mode == "both" else (given.mode,)
    predictions, points = read_predictions(given.predictions, read_golds(given.cuad))
    for line in _lines(predictions, modes, points=points, by_category=given.by_category):
        print(line)


if __name__ == "__main__":
    sys.exit(main())
