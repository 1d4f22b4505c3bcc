"""`python -m training.optimize RECIPE`: a dspy program, or a judge's prompt, optimised.

Exit codes: 0 written, 1 a judge's prompt that is not shown to be better and so not written, 4 a
mistake of the user's, or a budget that is spent.
"""

import asyncio
import shlex
import sys
from decimal import Decimal
from pathlib import Path

from common.command import run
from common.errors import UserError
from common.files import write_whole
from models.manifest import Manifest
from models.price import dollars
from models.registry import SHIPPED
from reports.statistics.estimates import Estimate
from reports.statistics.intervals import cluster_mean
from training.optimize.calls import AGAIN
from training.optimize.delivery import check_free, deliver
from training.optimize.judging import Trial, read_labels, tried
from training.optimize.opening import compiled
from training.optimize.options import OptimizeOptions, read_options
from training.optimize.recipe import JudgeRecipe, Recipe, read_recipe

ALPHA = 0.05
LEAST_GAIN = 0.01
"""Of mean absolute error, as an alignment of the reference judge must show."""


def main(argv: list[str] | None = None) -> int:
    """Optimise by a recipe. Returns the exit code."""
    return run(read_options, _optimize, argv, stopped=f"stopped; {AGAIN}")


def _optimize(options: OptimizeOptions) -> int:
    return _prompt(options) if options.judge else _program(options)


def _program(options: OptimizeOptions) -> int:
    recipe = read_recipe(options.recipe, Recipe)
    check_free(recipe, options.places)
    made = asyncio.run(compiled(recipe, options))
    folder = deliver(made, recipe, options.places)
    print(_found(recipe, made.manifest))
    print(f"{folder}: program, manifest and card")
    registry = options.places.registry
    where = f" --registry {shlex.quote(str(registry))}" if registry != SHIPPED else ""
    print(f"Next: pytest evals --model {recipe.name} --baseline {recipe.program}{where}")
    return 0


def _found(recipe: Recipe, manifest: Manifest) -> str:
    facts = manifest.model_dump()
    scores, cost, data = facts["scores"], facts["cost"], facts["data"]
    return (
        f"{scores['metric']} on {scores['cases']} validation cases: {scores['before']:.3f} as it "
        f"was, {scores['after']:.3f} optimised by {recipe.optimizer.kind} over {data['train']} "
        f"others\n{cost['calls']:,} replies, {cost['tokens_in']:,} tokens in, "
        f"{cost['tokens_out']:,} out, {_dollars(cost['usd'])}"
    )


def _dollars(usd: str | None) -> str:
    return "at what price is not known" if usd is None else dollars(Decimal(usd))


def _prompt(options: OptimizeOptions) -> int:
    recipe = read_recipe(options.recipe, JudgeRecipe)
    path = options.output or Path("judges") / f"{recipe.name}.md"
    if path.exists():
        raise UserError(f"{path} is there already; give another --output, or remove it")
    assert options.labels is not None
    labels = read_labels(options.labels, options.rubric, recipe)
    found = asyncio.run(tried(labels, recipe, options))
    change = _change(found)
    print(_table(found, change))
    if not _better(found, change):
        print(
            f"not written: on labels of contracts that it was not optimised by, the prompt's mean "
            f"absolute error changes by {change:+.3f} and {found.lost[1]} of {len(found.pairs)} "
            f"replies cannot be read ({found.lost[0]} before): that is not shown to be a gain of "
            f"{LEAST_GAIN:g} or more; keep the judge's own prompt",
            file=sys.stderr,
        )
        return 1
    write_whole(path, found.wording.prompt + "\n")
    print(f'written: {path}; name it in the gate file: [judge] prompt = "{path}"')
    return 0


def _change(found: Trial) -> Estimate:
    """Of the mean absolute error on held-out labels, after less before, over contracts."""
    gains = [abs(after - p.score) - abs(before - p.score) for p, before, after in found.both]
    if not gains:
        raise UserError("no held-out label was scored by both prompts; name a larger judge")
    contracts = [pair.contract for pair, _, _ in found.both]
    return cluster_mean(gains, contracts, ALPHA, "difference")


def _better(found: Trial, change: Estimate) -> bool:
    """Whether the error falls, by the worse end of its interval, and nothing is lost for it."""
    before, after = found.lost
    shown = change.high is not None and change.high < 0 and change.mean <= -LEAST_GAIN
    return shown and after <= before


def _table(found: Trial, change: Estimate) -> str:
    contracts = [pair.contract for pair, *_ in found.both]
    errors = [
        cluster_mean(distances, contracts, ALPHA, "amount")
        for distances in (
            [abs(before - pair.score) for pair, before, _ in found.both],
            [abs(after - pair.score) for pair, _, after in found.both],
        )
    ]
    rows = {
        "mean absolute error": [f"{error}" for error in errors],
        "replies that cannot be read": [str(each) for each in found.lost],
        "closeness on validation": [f"{each:.3f}" for each in found.validation],
    }
    held_out = len({pair.contract for pair in found.pairs})
    return "\n".join(
        [
            f"{len(found.pairs)} labels of {held_out} contracts that nothing was optimised by",
            f"{'':30}{'as it is':24}optimised",
            *(f"{what:30}{before:24}{after}" for what, (before, after) in rows.items()),
            f"change of the error: {change:+.3f}; {found.calls:,} replies",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
