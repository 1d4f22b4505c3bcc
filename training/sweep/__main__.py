"""`python -m training.sweep`: which settings are worth it, on validation contracts.

Validation contracts are of the train split: no test contract is looked at, and no sealed one.
Retrieval is measured without a model. With `--model` its answers under the best retrieval are
examined, through the exam's own calls and store. `python -m training.sweep METHOD RECIPE` tries
hyperparameters by the trainer itself. After an interruption, type the same line.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from common.command import run
from common.errors import UserError
from common.files import write_whole
from common.identity import digest
from common.paths import ROOT, cache_dir
from fixtures.cases import Case
from fixtures.datasets import load_dataset
from models.egress import Egress, Sent
from reports.statistics.clusters import summed
from reports.statistics.intervals import interval
from reports.statistics.paired import compare_means
from training.data.material import training_material
from training.sweep import answers, hyperparameters, retrieval
from training.sweep.options import OUTPUT, read_options
from training.sweep.page import Sweep, alternative, conclusion, draw, table
from training.sweep.tried import Interval, Row, Tried, recommended
from training.sweep.varied import check_varied, combinations, find_method
from training.trainer.recipe import read_recipe


def rows_of(tried: Sequence[Tried], contracts: Sequence[str]) -> list[Row]:
    """Every setting beside the best one, the best first."""
    ordered = sorted(tried, key=lambda each: (-sum(each.scores), each.cost))
    rows = []
    for each in ordered:
        score = interval(summed(each.scores, contracts), "share", 0.05)
        less = compare_means(each.scores, ordered[0].scores, contracts).difference
        told = less.high is not None and less.high < 0
        rows.append(
            Row(
                each,
                Interval(score.mean, score.low, score.high),
                Interval(less.mean, less.low, less.high),
                told,
            )
        )
    return rows


def validation_cases(train: Sequence[Case], contracts: int) -> list[Case]:
    """The answered cases of so many contracts of the train split, drawn by their digests."""
    titles = sorted({case.contract.id for case in train}, key=lambda title: digest("sweep", title))
    held = set(titles[:contracts])
    located = [case for case in train if any(span.start is not None for span in case.spans)]
    found = [case for case in located if case.contract.id in held]
    if not found:
        raise UserError("no validation contract has a gold answer with a place in it")
    return found


def _sweep_retrieval(options: argparse.Namespace) -> Sweep:
    data = load_dataset(options.dataset, options.cuad_dir)
    train = training_material([data]).cases
    held = validation_cases(train, options.contracts)
    sent = (Sent(options.dataset, data.identity, options.cuad_dir),)
    most = max(options.k)
    grid = retrieval.grid(
        options.retriever, options.chunk_size, options.chunk_overlap, most, options.embedder
    )
    if not grid:
        raise UserError("every --chunk-overlap is more than half of every --chunk-size")
    tried = retrieval.try_retrieval(
        held, grid, sorted(options.k), data.name, cache_dir() / "passages",
        Egress(options.registry, sent), retrieval.priors_without(train, held), _say,
    )  # fmt: skip
    contracts = [case.contract.id for case in held]
    rows = rows_of(list(tried), contracts)
    return Sweep("Retrieval", "hit@k", retrieval.UNIT, len(held), len(set(contracts)), rows)


def _sweep_answers(options: argparse.Namespace, found: Sequence[str]) -> Sweep:
    changes = answers.variants(options.model, options.most_passages, options.temperature)
    folder = options.output / "answers"
    registry = answers.write_variants(options.model, changes, options.registry, folder)
    words = answers.exam_options(list(changes), registry.resolve(), folder.resolve(), found)
    words += ["--dataset", options.dataset, "--limit", str(options.limit), "--store", options.store]
    if options.cuad_dir:
        words += ["--cuad-dir", str(options.cuad_dir)]
    if options.max_calls is not None:
        words += ["--max-calls", str(options.max_calls)]
    before = set((folder / "runs").glob("*/report.json"))
    _examine(words)
    reports = set((folder / "runs").glob("*/report.json")) - before
    if not reports:
        raise UserError("the exam left no report; what it said stands above")
    tried, contracts, lost = answers.read_answers(max(reports), changes)
    title = f"Answers of {options.model}"
    if lost:
        title += f" ({lost} cases are left: type the same line again)"
    rows = rows_of(tried, contracts)
    return Sweep(title, "balanced score", answers.UNIT, len(contracts), len(set(contracts)), rows)


def _examine(words: Sequence[str]) -> None:
    """One exam, as it is typed.

    Raises:
        UserError: it could not be held.
    """
    _say(f"now: pytest evals {' '.join(words)}")
    line = [sys.executable, "-m", "pytest", "evals", "-q", "-p", "no:cacheprovider", *words]
    code = subprocess.run(line, cwd=ROOT, env=os.environ, check=False).returncode
    if code in (2, -2):
        raise KeyboardInterrupt
    if code not in (0, 1):
        raise UserError(f"the exam ended with exit code {code}; mend what it says, and go on")


def _say(line: str) -> None:
    print(line, flush=True)


def _sweep_recipe(options: argparse.Namespace) -> None:
    chosen = combinations(options.vary)
    method = find_method(options.method)
    check_varied([each.partition("=")[0] for each in chosen[0]], method)
    recipe = read_recipe(options.recipe, options.settings)
    held = hyperparameters.validation_rows(recipe, options.limit)
    recipes = [
        (each, hyperparameters.combined(options.recipe, options.settings, each, options.steps))
        for each in chosen
    ]
    output = options.output or OUTPUT / recipe.name
    tried = hyperparameters.try_recipes(
        method, recipes, held, options.registry, output / "runs", _say
    )
    contracts = [row.contract for row in held]
    title = f"{recipe.name} after {options.steps} steps"
    rows = rows_of(tried, contracts)
    unit, many = hyperparameters.UNIT, len(set(contracts))
    _show([Sweep(title, "balanced score", unit, len(held), many, rows)], output)


def _sweep(options: argparse.Namespace) -> None:
    if options.method:
        _sweep_recipe(options)
        return
    found = [_sweep_retrieval(options)]
    _show(found, options.output)
    if options.model:
        typed = recommended(found[0].rows).tried.typed.split()
        found.append(_sweep_answers(options, [*typed, "--embedder", options.embedder]))
        _show(found, options.output)


def _show(found: Sequence[Sweep], output: Path) -> None:
    """Write page and pictures, and say the last conclusion."""
    output.mkdir(parents=True, exist_ok=True)
    parts = ["# Sweep\n"]
    for each in found:
        picture = f"{each.unit.replace(' ', '-')}.svg"
        write_whole(output / picture, draw(each).decode(), mend="give another --output")
        parts.append(f"{table(each)}\n![{alternative(each)}]({picture})\n")
    write_whole(output / "sweep.md", "\n".join(parts), mend="give another --output")
    print(table(found[-1]))
    print(f"{output / 'sweep.md'}: {conclusion(found[-1])}")


def main(argv: list[str] | None = None) -> int:
    """Try settings on validation contracts, and recommend the cheapest that is not told worse."""
    return run(read_options, _sweep, argv, stopped="interrupted; the same line goes on from here")


if __name__ == "__main__":
    sys.exit(main())
