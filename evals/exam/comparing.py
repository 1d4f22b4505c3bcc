"""Models in pairs: which of two answered a case better, as a judge that compares says."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from evals.calls.about import about
from evals.calls.tally import tallying
from evals.exam.run import Run
from evals.isolation import isolated
from evals.plan import PairJudge
from evals.results import Result, Score
from models.price import summed

Pair = tuple[str, str, str]
"""The first model, the second, and the case."""


@dataclass
class Comparing:
    """Compares the answers that a run has, where its plan has a judge that does."""

    run: Run

    def ready(self, result: Result) -> Iterator[Pair]:
        """The pairs that can be compared now that this result is there."""
        case = result.case.id
        pairings = self.run.plan.pairings if self.run.plan.preference and not result.repeat else ()
        for one, other in pairings:
            there = all((name, case, 0) in self.run.entered for name in (one, other))
            if result.model in (one, other) and there:
                yield one, other, case

    def undecided(self) -> list[Pair]:
        """The pairs of answers between which no preference was found."""
        return [
            pair
            for pair, score in self.run.preferences.items()
            if score.value is None and all(each.answer.error is None for each in self._both(pair))
        ]

    async def compare(self, pair: Pair) -> None:
        """Note which of the two is preferred; an exception is noted in the name of the case."""
        judge = self.run.plan.preference
        if judge is not None:
            await isolated(self._compare(judge, pair), self.run.noted.noting("", pair[2]))

    async def _compare(self, judge: PairJudge, pair: Pair) -> None:
        first, second = self._both(pair)
        failed = first.answer.error or second.answer.error
        self.run.preferences[pair] = (
            Score(None, f"no answer: {failed}")
            if failed
            else await self._preferred(judge, first, second)
        )

    async def _preferred(self, judge: PairJudge, first: Result, second: Result) -> Score:
        with tallying() as exchanges, about(first.case.contract.id):
            found = await judge.prefer(first.case, first.answer, second.answer, self.run.calls)
        return replace(found, cost=summed(each.reply.cost for each in exchanges))

    def _both(self, pair: Pair) -> tuple[Result, Result]:
        one, other, case = pair
        return self.run.entered[one, case, 0], self.run.entered[other, case, 0]
