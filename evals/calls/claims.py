"""Of two exams of one model on one store, the second waits: then nothing is asked twice."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from common.identity import digest
from evals.calls.locks import Release
from evals.calls.store import Store
from models.chat import Model

POLL_SECONDS = 0.25


@asynccontextmanager
async def claimed(
    store: Store,
    models: Iterable[Model],
    has_all: Callable[[Model], bool],
    tell: Callable[[str], None] | None,
) -> AsyncIterator[None]:
    """Hold the claim on each of these models, by identity, until the block or the process ends.

    Claims are taken in one order by all, so that nobody waits for who waits for him.

    Args:
        store: where the answers are kept.
        models: those that may be asked.
        has_all: whether the store holds all that a model would be asked; then there is no need.
        tell: is told in a line that somebody is waited for; None to go on without a claim.
    """
    held: list[Release] = []
    try:
        for model in sorted({each.identity: each for each in models}.values(), key=_identity):
            release = await _claim(store, model, has_all, tell)
            if release:
                held.append(release)
        yield
    finally:
        for release in held:
            release()


async def _claim(
    store: Store,
    model: Model,
    has_all: Callable[[Model], bool],
    tell: Callable[[str], None] | None,
) -> Release | None:
    told = False
    while (release := store.try_lock(f"model-{digest(model.identity)[:32]}")) is None:
        if tell is None or await asyncio.to_thread(has_all, model):
            return None
        if not told:
            tell(
                f"another exam is asking {model.name} for this store; waiting until it has ended, "
                "then only what is missing is asked (--no-wait asks at once)"
            )
            told = True
        await asyncio.sleep(POLL_SECONDS)
    return release


def _identity(model: Model) -> str:
    return model.identity
