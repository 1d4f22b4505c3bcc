"""The exam engine: everything the selected tests need, asked in one concurrent run.

Retrieval, answers and judgements overlap: a contract's cases are asked as soon as its passages
are found, and a case is judged as soon as it is answered. Whatever the store holds is not asked.
"""

import asyncio
import itertools
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from evals.budget import Budget
from evals.journal import Journal, Lookups
from evals.judges.judge import Judge
from evals.metrics.table import score
from evals.scores import Score
from evals.store import (
    Store,
    answer_from,
    answer_row,
    passages_of,
    retrieval_row,
    score_row,
)
from fixtures.cases import Case
from fixtures.errors import UserError
from fixtures.identity import digest
from fixtures.passages import Passage
from models.chat import Answer, Model

JUDGEMENT_TOKENS = 2048
"""What a judgement may cost beside the answer that it reads, for the budget's reservations."""

CONTRACTS_AT_ONCE = 8


class Retrieves(Protocol):
    """What the engine needs of a retriever."""

    @property
    def identity(self) -> str:
        """SHA-256 of all that decides which passages are found."""

    def retrieve(
        self, cases: Sequence[Case], on_progress: Callable[[int, int], None] | None = None
    ) -> list[tuple[Passage, ...]]:
        """Rank passages for each case, best first; tells how many contracts it has embedded."""


@dataclass(frozen=True, slots=True)
class Result:
    """One model's answer to one case, and what every metric says of it.

    `asked` is True where this run made the call, False where the answer was there already.
    """

    model: str
    case: Case
    answer: Answer
    scores: Mapping[str, Score]
    asked: bool


@dataclass(frozen=True, slots=True)
class Spending:
    """What a run cost. Memory is the peak of this process, in bytes."""

    calls: int
    tokens_in: int
    tokens_out: int
    seconds: float
    peak_memory: int


@dataclass(frozen=True)
class Plan:
    """Models x cases, the judges that read the answers, and the limits.

    `stages` divides the cases into parts that are asked one after the other; empty, all at once.
    Without `needs_answers` (only retrieval is examined) no model is asked.
    """

    models: tuple[Model, ...]
    cases: tuple[Case, ...]
    judges: tuple[Judge, ...] = ()
    max_calls: int | None = None
    max_tokens: int | None = None
    needs_answers: bool = True
    stages: tuple[tuple[Case, ...], ...] = ()


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
    _calls: dict[str, asyncio.Task[Answer]] = field(default_factory=dict)
    _ready: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _started: float = field(default_factory=time.perf_counter)
    _ended: float | None = None

    @property
    def results(self) -> tuple[Result, ...]:
        """Every result of the stages reached; what was interrupted has an error saying so."""
        missing = Answer("", error="not asked: the exam was interrupted")
        return tuple(
            self._results.get((model.name, case.id))
            or Result(model.name, case, missing, score(case, missing), asked=False)
            for model in self.plan.models
            for case in self._reached
        )

    @property
    def asked(self) -> int:
        """Results that a call of this run brought."""
        return sum(result.asked for result in self._results.values())

    @property
    def done(self) -> int:
        """Results that are there."""
        return len(self._results)

    @property
    def spending(self) -> Spending:
        """What the run cost so far."""
        return Spending(
            calls=self._budget.calls,
            tokens_in=self._tokens_in,
            tokens_out=self._budget.tokens - self._tokens_in,
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
        self._tokens_in = 0
        self._known_scores = Lookups(self.store, "scores")
        try:
            async with Journal(self.store) as self._journal:
                for number, cases in enumerate(self.plan.stages or (self.plan.cases,)):
                    self._reached += cases
                    async with asyncio.TaskGroup() as self._group:
                        await self._take_all(cases)
                    if self.settled(self, number):
                        break
        except* UserError as errors:
            raise _first(errors) from None
        finally:
            self._ended = time.perf_counter()
            closing: tuple[Model | Judge, ...] = (*self.plan.models, *self.plan.judges)
            for each in closing:
                await each.close()

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
        """Start every model on these cases, with the answers that the store holds."""
        for model in self.plan.models:
            shown = [(case, passages if model.uses_passages else ()) for case, passages in ranked]
            keys = [answer_key(model, case, passages) for case, passages in shown]
            rows = {} if model.free else self.store.rows("answers", keys)
            for key, (case, passages) in zip(keys, shown, strict=True):
                kept = answer_from(rows[key], case.contract) if key in rows else None
                self._group.create_task(self._take(model, case, passages, key, kept))

    async def _take(
        self, model: Model, case: Case, passages: tuple[Passage, ...], key: str, kept: Answer | None
    ) -> None:
        """One model takes one case: answer, judge, score."""
        asked = False
        if kept is None and not self.plan.needs_answers:
            kept = Answer("", error="not asked: no selected test needs an answer")
        elif kept is None and model.free:
            kept = await model.answer(case, passages)
        elif kept is None:
            if key not in self._calls:
                asked = True
                self._calls[key] = self._group.create_task(self._ask(model, case, passages, key))
            kept = await self._calls[key]
            asked = asked and kept.error is None
        if kept.error is not None and not kept.passages:
            kept = replace(kept, passages=passages)
        scores = score(case, kept)
        for judge in self.plan.judges:
            scores[judge.metric] = await self._judged(judge, case, kept)
        self._results[model.name, case.id] = Result(model.name, case, kept, scores, asked)
        self.on_change(self)

    async def _ask(
        self, model: Model, case: Case, passages: tuple[Passage, ...], key: str
    ) -> Answer:
        """Ask within the budget, and journal what came."""
        size = model.most_tokens(case, passages)
        declined = await self._budget.reserve(size)
        if declined:
            return Answer("", error=declined)
        if model.name not in self._ready:
            self._ready[model.name] = self._group.create_task(model.preflight())
        await self._ready[model.name]
        answer = await model.answer(case, passages)
        await self._settle(size, answer)
        if answer.error is None:
            self._journal.add(answer_row(key, model.name, answer))
        return answer

    async def _judged(self, judge: Judge, case: Case, answer: Answer) -> Score:
        """The judge's score, from the store or at the price of a call."""
        if answer.error is not None:
            return Score(None, f"no answer: {answer.error}")
        key = digest("score", judge.identity, judge.metric, case.identity, answer.text,
                     [[p.start, p.end] for p in answer.passages])  # fmt: skip
        known = await self._known_scores.row(key)
        if known is not None:
            return Score(known.value, known.reason)
        size = len(answer.text) // 2 + JUDGEMENT_TOKENS
        declined = await self._budget.reserve(size)
        if declined:
            return Score(None, declined)
        judged, reply = await judge.judge(case, answer)
        await self._settle(size, reply)
        if reply.error is None:
            self._journal.add(score_row(key, judge.metric, judged))
        return judged

    async def _settle(self, reserved: int, answer: Answer) -> None:
        self._tokens_in += answer.tokens_in
        await self._budget.settle(reserved, answer.tokens_in + answer.tokens_out)


def answer_key(model: Model, case: Case, passages: Sequence[Passage]) -> str:
    """What produced an answer: the model, the question, and the passages of this contract."""
    seen = [case.contract.digest, [[p.start, p.end] for p in passages]] if passages else []
    return digest("answer", model.identity, case.question, seen)


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
