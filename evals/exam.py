"""The exam engine: everything the selected tests need, asked in one concurrent run.

Retrieval, answers and judgements overlap: a contract's cases are asked as soon as its passages
are found, and a case is judged as soon as it is answered. Whatever the store holds is not asked.
"""

import asyncio
import itertools
import re
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from evals.budget import Budget
from evals.calls import Calls, answer_key
from evals.journal import Journal, Lookups
from evals.judges.judge import Bench, Submission
from evals.metrics.table import score
from evals.plan import Plan, Result, Retrieves, Spending
from evals.scores import Score
from evals.store import Store, answer_from, passages_of, retrieval_row
from evals.variants.variant import Variant
from fixtures.cases import Case
from fixtures.errors import UserError
from fixtures.identity import digest
from fixtures.passages import Passage
from models.chat import Answer, Model

CONTRACTS_AT_ONCE = 8


@dataclass
class Run:
    """One execution of a plan. `results` holds what is there also after an interruption.

    `on_change` is called after every result, `on_embedded` (done, total) by a retriever that embeds
    contracts, in a thread; `settled` after every stage: where it returns True,
    the stages after it are not asked.
    """

    plan: Plan
    retriever: Retrieves
    store: Store
    on_change: Callable[["Run"], None] = lambda run: None
    on_embedded: Callable[[int, int], None] | None = None
    settled: Callable[["Run", int], bool] = lambda run, stage: False
    _reached: tuple[Case, ...] = ()
    _results: dict[tuple[str, str], Result] = field(default_factory=dict)
    _varied: dict[tuple[str, str], tuple[Variant, Result]] = field(default_factory=dict)
    _preferences: dict[tuple[str, str, str], Score] = field(default_factory=dict)
    _started: float = field(default_factory=time.perf_counter)
    _ended: float | None = None

    @property
    def results(self) -> tuple[Result, ...]:
        """Every result of the stages reached; what was interrupted has an error saying so."""
        missing = Answer("", error="not asked: the exam was interrupted")
        return tuple(
            self._results.get((model.name, case.id))
            or Result(model.name, case, missing, self._scored(case, missing), asked=False)
            for model in self.plan.models
            for case in self._reached
        )

    @property
    def varied(self) -> tuple[tuple[Variant, Result], ...]:
        """What the models made of the variants."""
        return tuple(self._varied.values())

    @property
    def preferences(self) -> Mapping[tuple[str, str, str], Score]:
        """Who answered a case better, by (first model, second model, case id)."""
        return self._preferences

    @property
    def asked(self) -> int:
        """Results that a call of this run brought."""
        return sum(result.asked for result in [*self._results.values()])

    @property
    def started(self) -> bool:
        """Whether anything can have been asked, so that there is something to tell of."""
        return "_calls" in vars(self)

    @property
    def errors(self) -> Counter[str]:
        """Answers that failed so far, by what stands before the particulars of the reason."""
        failed = [each.answer.error for each in [*self._results.values()] if each.answer.error]
        return Counter(re.split("[:(;]", error)[0].strip()[:60] for error in failed)

    @property
    def done(self) -> int:
        """Results that are there."""
        return len(self._results)

    @property
    def spending(self) -> Spending:
        """What the run cost so far."""
        return Spending(
            calls=self._budget.calls,
            tokens_in=self._calls.tokens_in,
            tokens_out=self._budget.tokens - self._calls.tokens_in,
            seconds=(self._ended or time.perf_counter()) - self._started,
            peak_memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        )

    async def execute(self) -> None:
        """Retrieve, ask, judge and score whatever the store does not hold.

        Raises:
            UserError: a model cannot answer at all, or the store cannot be written. What was
                answered until then is in the store.
        """
        self._budget = Budget(self.plan.max_calls, self.plan.max_tokens)
        answers, scores = Lookups(self.store, "answers"), Lookups(self.store, "scores")
        try:
            async with Journal(self.store) as self._journal:
                self._calls = Calls(self._journal, answers, self._budget)
                self._bench = Bench(self.plan.judges, self._calls, self._journal, scores)
                for number, cases in enumerate(self.plan.stages or (self.plan.cases,)):
                    self._reached += cases
                    async with asyncio.TaskGroup() as self._group:
                        await self._take_all(cases)
                        if number == 0 and not self._is_limited:
                            self._start_tasks()
                    if number == 0 and self._is_limited:  # the cases come first
                        async with asyncio.TaskGroup() as self._group:
                            self._start_tasks()
                    if self.settled(self, number):
                        break
        except* UserError as errors:
            raise _first(errors) from None
        finally:
            self._ended = time.perf_counter()
            preference = (self.plan.preference,) if self.plan.preference else ()
            for each in (*self.plan.models, *self.plan.judges, *self.plan.tasks, *preference):
                await each.close()

    @property
    def _is_limited(self) -> bool:
        return (self.plan.max_calls, self.plan.max_tokens) != (None, None)

    def _start_tasks(self) -> None:
        for task in self.plan.tasks:
            self._group.create_task(task.take(self._bench))

    async def _take_all(self, cases: Sequence[Case]) -> None:
        """Start everything on these cases, as soon as its passages are known."""
        known = self._known_rankings(cases)
        self._examine([(case, known[case.id]) for case in cases if case.id in known])
        for batch in _batches(case for case in cases if case.id not in known):
            rankings = await asyncio.to_thread(self.retriever.retrieve, batch, self.on_embedded)
            for case, ranking in zip(batch, rankings, strict=True):
                self._journal.add(retrieval_row(self._retrieval_key(case), ranking))
            self._examine(list(zip(batch, rankings, strict=True)))

    def _retrieval_key(self, case: Case) -> str:
        return digest(
            "retrieval", self.retriever.identity, case.question, case.category, case.contract.digest
        )

    def _known_rankings(self, cases: Sequence[Case]) -> dict[str, tuple[Passage, ...]]:
        """Rankings that the store holds, by case id."""
        keys = {case.id: self._retrieval_key(case) for case in cases}
        rows = self.store.rows("retrievals", keys.values())
        return {
            case.id: passages_of(case.contract, rows[keys[case.id]].passages)
            for case in cases
            if keys[case.id] in rows
        }

    def _examine(self, ranked: Sequence[tuple[Case, tuple[Passage, ...]]]) -> None:
        """Start every model on these cases and their variants."""
        variants = [each for case, passages in ranked for each in self.plan.vary(case, passages)]
        for model in self.plan.models:
            self._start(model, [(case, passages, None) for case, passages in ranked])
            if not model.free:  # what was recorded does not read the changed passages
                self._start(model, [(each.case, each.passages, each) for each in variants])

    def _start(
        self, model: Model, asked: Sequence[tuple[Case, tuple[Passage, ...], Variant | None]]
    ) -> None:
        """Start a model on these cases, with the answers that the store holds."""
        shown = [
            (case, passages if model.uses_passages else (), variant)
            for case, passages, variant in asked
        ]
        keys = [answer_key(model, case, passages) for case, passages, _ in shown]
        rows = {} if model.free else self.store.rows("answers", keys)
        for key, (case, passages, variant) in zip(keys, shown, strict=True):
            kept = answer_from(rows[key], case.contract) if key in rows else None
            taken = self._take(model, case, passages, kept, variant)
            self._group.create_task(taken)

    async def _take(
        self,
        model: Model,
        case: Case,
        passages: tuple[Passage, ...],
        kept: Answer | None,
        variant: Variant | None,
    ) -> None:
        """One model takes one case: answer, score, judge."""
        asked = False
        if kept is None and not self.plan.needs_answers:
            kept = Answer("", error="not asked: no selected test needs an answer")
        elif kept is None and model.free:
            kept = await model.answer(case, passages)
        elif kept is None:
            asked = not self._calls.is_made(answer_key(model, case, passages))
            kept = await self._calls.answer(model, case, passages)
            asked = asked and kept.error is None
        if kept.error is not None and not kept.passages:
            kept = replace(kept, passages=passages)
        scores = self._scored(case, kept)
        if variant is not None:
            result = Result(model.name, case, kept, scores, asked)
            self._varied[model.name, case.id] = (variant, result)
            return
        scores |= await self._bench.scores(Submission(case, kept, model))
        self._results[model.name, case.id] = Result(model.name, case, kept, scores, asked)
        for pairing in self.plan.pairings if self.plan.preference else ():
            both = [self._results.get((name, case.id)) for name in pairing]
            if model.name in pairing and all(both):
                self._group.create_task(self._compare(pairing, case))
        self.on_change(self)

    def _scored(self, case: Case, answer: Answer) -> dict[str, Score]:
        return score(case, answer, self.plan.rules)

    async def _compare(self, pairing: tuple[str, str], case: Case) -> None:
        """Which of two models answered the case better."""
        assert self.plan.preference is not None
        first, second = (self._results[name, case.id].answer for name in pairing)
        failed = first.error or second.error
        self._preferences[*pairing, case.id] = (
            Score(None, f"no answer: {failed}")
            if failed
            else await self.plan.preference.prefer(case, first, second, self._calls)
        )


def _batches(cases: Iterable[Case]) -> Iterator[list[Case]]:
    """Cases in batches of whole contracts: large enough to open the index seldom."""
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.contract.id, []).append(case)
    contracts = iter(groups.values())
    while batch := list(itertools.islice(contracts, CONTRACTS_AT_ONCE)):
        yield [case for group in batch for case in group]


def _first(errors: BaseExceptionGroup[UserError]) -> UserError:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, UserError)
    return error
