"""What a command opens before it optimises: data set, program, judge, store."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from common.errors import UserError
from common.identity import digest
from evals.calls.budget import Budget
from evals.calls.journal import Journal, Lookups
from evals.calls.payments import Payments, paid_before
from evals.calls.store import Store
from evals.judges.factory import open_judges
from evals.judges.judge import Judge, Panel
from evals.metrics.dspy_metric import optimisable
from evals.metrics.table import METRICS
from evals.options import asks_nobody
from fixtures.datasets import load_dataset
from models.egress import Egress, Sent, check_store
from models.factory import Chats, open_models
from models.prices import Prices
from models.program.model import ProgramModel
from training.optimize.calls import FinalCalls
from training.optimize.material import draw_material
from training.optimize.options import OptimizeOptions
from training.optimize.program import Compiled, Optimization
from training.optimize.recipe import Recipe, Settings


async def compiled(recipe: Recipe, options: OptimizeOptions) -> Compiled:
    """The recipe's program, optimised.

    Raises:
        UserError: what the recipe names cannot be opened, a call failed or was declined, or the
            optimiser cannot go on.
    """
    dataset = load_dataset(recipe.dataset, options.cuad_dir)
    sent = (Sent(recipe.dataset, dataset.identity, options.cuad_dir),)
    registry = options.places.registry
    check_store(options.store, Egress(registry, sent))
    chats = Chats(registry, sent)
    (model,) = open_models([recipe.program], registry, chats)
    if not isinstance(model, ProgramModel):
        raise UserError(
            f"program = {recipe.program!r} is no dspy program; name an entry of kind program"
        )
    (judge,) = _judges(recipe, chats) or (None,)
    metric = optimisable(recipe.metric, judged=judge is not None)
    material = draw_material(dataset, metric, recipe.train, recipe.validation, recipe.seed)
    optimization = Optimization(recipe, dataset, material, model, chats, judge, registry)
    log = options.logs / f"{recipe.name}.log"
    judging = None if judge is None or asks_nobody(recipe.judge) else recipe.judge
    asked = [recipe.program, recipe.teacher, judging]
    async with opened(options, recipe, filter(None, asked)) as (calls, panel):
        try:
            return await optimization.run(calls, panel, log)
        finally:
            await model.close()
            if judge is not None:
                await judge.close()


@asynccontextmanager
async def opened(
    options: OptimizeOptions, recipe: Settings, asked: Iterable[str]
) -> AsyncIterator[tuple[FinalCalls, Panel]]:
    """The calls of a run, and who judges by them, over the store; typed limits go first.

    What was paid for the same recipe before counts towards a limit in money.

    Raises:
        UserError: money is limited, and a model that is asked has no price.
    """
    calls, tokens = options.max_calls or recipe.max_calls, options.max_tokens or recipe.max_tokens
    cost = recipe.max_cost if options.max_cost is None else options.max_cost
    prices = Prices(options.places.registry)
    if cost is not None:
        prices.check(asked)
    store = Store(options.store)
    try:
        async with Journal(store) as journal:
            payments = Payments(digest("optimisation", recipe.model_dump(mode="json")), journal)
            final = FinalCalls(
                journal,
                Lookups(store, "answers"),
                Budget(calls, tokens, cost, before=paid_before(store, payments.exam)),
                prices=prices.of,
                payments=payments,
            )
            yield final, Panel((), final, journal, Lookups(store, "scores"))
    finally:
        store.close()


def _judges(recipe: Recipe, chats: Chats) -> tuple[Judge, ...]:
    """Who scores the metric, where no rule does."""
    name = recipe.metric
    if name not in METRICS or METRICS[name].rule is not None:
        return ()
    return open_judges([name], [recipe.judge], 1, chats)
