"""From seeds to kept pairs: written and judged many at once, kept in the order of the seeds.

Nothing depends on which call returns first: seeds of one contract are sifted one after another, and
what is kept is taken in the order of the seeds. The same calls give the same pairs.
"""

import asyncio
import math
from collections import Counter, deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

from common.errors import UserError
from evals.calls.budget import DECLINED
from training.data.synthetic import SyntheticPair
from training.synthesize.drafts import Writer
from training.synthesize.seeds import Seed
from training.synthesize.sifting import Sieve, Sifted

AHEAD = 64
"""Seeds under way at most."""

PATIENCE = 20
"""Seeds in a row without a reply after which the model counts as down."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one seed.

    `stop` says that the budget was used up, and the seed is not counted.
    """

    seed: Seed
    pairs: tuple[SyntheticPair, ...] = ()
    rejected: Counter[str] = field(default_factory=Counter)
    failed: str = ""
    stop: str = ""


async def outcomes(
    seeds: Sequence[Seed], writer: Writer, sieve: Sieve, wanted: int
) -> AsyncGenerator[Outcome, None]:
    """What becomes of each seed, in order, until `wanted` pairs are kept or no seed is left.

    Raises:
        UserError: no later call can succeed, or the model gives no reply any more.
    """
    kept = silent = 0
    async with aclosing(_in_order(seeds, writer, sieve, wanted)) as every:
        async for outcome in every:
            silent = silent + 1 if outcome.failed else 0
            if silent == PATIENCE:
                raise UserError(
                    f"no reply {PATIENCE} times in a row ({outcome.failed}); mend that and type "
                    "the same command: what was answered is kept"
                )
            room = wanted - kept
            if len(outcome.pairs) > room:
                outcome = _shortened(outcome, room)
            yield outcome
            kept += len(outcome.pairs)
            if kept == wanted:
                return


async def _in_order(
    seeds: Sequence[Seed], writer: Writer, sieve: Sieve, wanted: int
) -> AsyncGenerator[Outcome, None]:
    waiting = iter(seeds)
    # Once a call was declined none is begun, but what is under way may have its answer already.
    under_way: deque[asyncio.Task[Outcome]] = deque()
    last: dict[str, asyncio.Task[Outcome]] = {}
    done = kept = 0
    try:
        while True:
            for seed in waiting:
                contract = seed.case.contract.digest
                task = asyncio.create_task(_outcome(seed, writer, sieve, last.get(contract)))
                last[contract] = task
                under_way.append(task)
                if len(under_way) >= _useful(wanted - kept, kept, done):
                    break
            if not under_way:
                return
            outcome = await under_way.popleft()
            done, kept = done + 1, kept + len(outcome.pairs)
            if outcome.stop:
                waiting = iter(())
            yield outcome
    finally:
        for task in under_way:
            task.cancel()
        for task in under_way:
            with suppress(asyncio.CancelledError, Exception):
                await task


def _useful(missing: int, kept: int, done: int) -> int:
    """How many seeds are worth being under way: more than are needed would be paid for nothing."""
    each = max(kept / done, 0.25) if done else 1
    return max(1, min(AHEAD, math.ceil(missing / each)))


async def _outcome(
    seed: Seed, writer: Writer, sieve: Sieve, before: "asyncio.Task[Outcome] | None"
) -> Outcome:
    written = await writer(seed)
    if before is not None:
        await asyncio.wait([before])
    if DECLINED in written.failed:
        return Outcome(seed, stop=written.failed)
    if written.failed:
        return Outcome(seed, rejected=Counter({"no reply": 1}), failed=written.failed)
    sifted: Sifted = await sieve.sift(seed, written.drafts)
    if sifted.declined:
        return Outcome(seed, stop=sifted.declined)
    return Outcome(seed, sifted.pairs, sifted.rejected + written.lost)


def _shortened(outcome: Outcome, room: int) -> Outcome:
    beyond = Counter({"beyond --n": len(outcome.pairs) - room})
    return Outcome(outcome.seed, outcome.pairs[:room], outcome.rejected + beyond)


@dataclass
class Tally:
    """What was written, kept and rejected so far."""

    seeds: list[Seed] = field(default_factory=list)
    kept: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    stop: str = ""

    def add(self, outcome: Outcome) -> None:
        """Count one seed."""
        if outcome.pairs:
            self.seeds.append(outcome.seed)
        self.kept.update(pair.kind for pair in outcome.pairs)
        self.rejected.update(outcome.rejected)
        self.stop = self.stop or outcome.stop

    @property
    def written(self) -> int:
        """Pairs written, and replies that held none."""
        return self.kept.total() + self.rejected.total()

    @property
    def share(self) -> float:
        """Kept of written, 0 where nothing was written."""
        return self.kept.total() / max(self.written, 1)

    def statistics(self) -> dict[str, float]:
        """The numbers of the table; `written` is the sum of `kept` and all `rejected`."""
        return {
            "written": self.written,
            **{f"rejected: {why}": n for why, n in sorted(self.rejected.items())},
            "kept": self.kept.total(),
            **{f"kept: {kind}": n for kind, n in sorted(self.kept.items())},
            "kept of written": round(self.share, 4),
            "contracts": len({seed.case.contract.digest for seed in self.seeds}),
            "categories": len({seed.case.category for seed in self.seeds}),
        }
