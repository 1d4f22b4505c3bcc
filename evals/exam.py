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
from functools import partial
from typing import Any

from bar_exam.common.errors import UserError
from bar_exam.common.identity import digest
from bar_exam.evals.calls.calls import Budget, Calls, answer_key, cut_off_key
from bar_exam.evals.calls.claims import claimed
from bar_exam.evals.calls.journal import Journal, Lookups
from bar_exam.evals.calls.store import Store, answer_from, passages_of, retrieval_row
from bar_exam.evals.isolation import attempted, isolated, users_mistake
from bar_exam.evals.judges.judge import Panel, Submission
from bar_exam.evals.metrics.table import score
from bar_exam.evals.plan import Plan, Retrieves
from bar_exam.evals.results import Result, Score, Spending, tokens_per_second
from bar_exam.evals.shown import belonging, offered, shown
from bar_exam.evals.variants.variant import Variant
from bar_exam.fixtures.cases import Case
from bar_exam.fixtures.retrieval.passages import Passage
from bar_exam.models.chat import Answer, ChatModel, Model

CONTRACTS_AT_ONCE = 8
CLOSES_IN = 10.0
"""Seconds that a model or judge has to let go of what it holds open."""
Asked = tuple[Case, tuple[Passage, ...], Variant | None]


@dataclass
class Run:
    """One execution of a plan. `results` holds what is there also after an interruption.

    `on_change` is called after every result, `on_embedded` (done, total) by a retriever that embeds
    contracts, in a thread; `settled` after every stage: where it returns True,
    the stages after it are not asked. `on_wait` is told in a line that another exam of a model on
    this store is waited for; where it is None, this one goes on beside it. `again` asks anew for
    replies that were cut off before an answer began.

    An exception in the task of one case costs that case alone, and is kept in `faults`.
    """

    plan: Plan
    retriever: Retrieves
    store: Store
    on_change: Callable[["Run"], None] = lambda run: None
    on_embedded: Callable[[int, int], None] | None = None
    settled: Callable[["Run", int], bool] = lambda run, stage: False
    on_wait: Callable[[str], None] | None = print
    again: bool = False
    _faults: dict[tuple[str, str], str] = field(default_factory=dict)
    _unjudged: dict[tuple[str, str], Result] = field(default_factory=dict)
    _keys: dict[tuple[str, str], str] = field(default_factory=dict)
    _reached: tuple[Case, ...] = ()
    _results: dict[tuple[str, str], Result] = field(default_factory=dict)
    _varied: dict[tuple[str, str], tuple[Variant, Result]] = field(default_factory=dict)
    _preferences: dict[tuple[str, str, str], Score] = field(default_factory=dict)
    _started: float = field(default_factory=time.perf_counter)
    _ended: float | None = None

    def __post_init__(self) -> None:
        self._budget = Budget(self.plan.max_calls, self.plan.max_tokens)
        self._journal = Journal(self.store)
        answers, scores = Lookups(self.store, "answers"), Lookups(self.store, "scores")
        self._calls = Calls(self._journal, answers, self._budget, again=self.again)
        self._panel = Panel(self.plan.judges, self._calls, self._journal, scores)

    @property
    def results(self) -> tuple[Result, ...]:
        """Every result of the stages reached; what was interrupted has an error saying so."""
        return tuple(
            self._results.get((model.name, case.id))
            or self._unjudged.get((model.name, case.id))
            or self._unfinished(model, case)
            for model in self.plan.models
            for case in self._reached
        )

    def _unfinished(self, model: Model, case: Case) -> Result:
        """What an interruption left: an answer on its way to the disk, or none."""
        answer = self._calls.arrived.get(self._keys.get((model.name, case.id), ""))
        missing = Answer("", error="not asked: the exam was interrupted")
        scores = self._scored(model.name, case, answer or missing)
        return Result(model.name, case, answer or missing, scores, answer is not None)

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
    def answered(self) -> int:
        """Answers to cases that are there, judged or not."""
        return sum(result.answer.error is None for result in self.results)

    @property
    def unkept(self) -> int:
        """Answers to cases that are there and that the store could not take."""
        return sum(
            result.answer.error is None
            and self._keys.get((result.model, result.case.id)) in self._journal.unkept
            for result in self.results
        )

    @property
    def faults(self) -> Mapping[tuple[str, str], str]:
        """Exceptions that were nobody's mistake, each in one line, by (model, case id).

        What concerned no model alone has an empty name: variants of a case, probes, judges' exams.
        """
        return {**self._panel.faults, **self._faults}

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

    @property
    def speeds(self) -> Mapping[str, float]:
        """Tokens that each model generated a second, where it was asked and has tokens."""
        found = {name: tokens_per_second(calls) for name, calls in self._calls.timed.items()}
        return {name: speed for name, speed in found.items() if speed is not None}

    async def execute(self) -> None:
        """Retrieve, ask, judge and score whatever the store does not hold.

        Raises:
            UserError: a model cannot answer at all, or the store cannot be written. What was
                answered until then is in the store.
        """
        asked = [model for model in self.plan.models if self.plan.needs_answers and not model.free]
        try:
            async with claimed(self.store, asked, self._has_all, self.on_wait), self._journal:
                self._calls.first = (*self._judging, *await asyncio.to_thread(self._lacking, asked))
                await self._take_stages()
        except* UserError as errors:
            raise users_mistake(errors) or errors from None
        finally:
            self._ended = time.perf_counter()
            preference = (self.plan.preference,) if self.plan.preference else ()
            for each in (*self.plan.models, *self.plan.judges, *self.plan.tasks, *preference):
                # Whatever it holds open, nothing more is asked of it.
                await isolated(asyncio.wait_for(each.close(), CLOSES_IN), lambda line: None)

    @property
    def _judging(self) -> tuple[ChatModel, ...]:
        """The chat models that judge."""
        judges = (*self.plan.judges, self.plan.preference)
        chats = [getattr(judge, "chat", None) for judge in judges]
        return tuple({chat.name: chat for chat in chats if chat is not None}.values())

    def _lacking(self, asked: Sequence[Model]) -> list[Model]:
        """Those of several models that something will be asked of, as far as is known before.

        One that cannot answer is found before another's answers are paid for.
        """
        return [each for each in asked if not self._has_all(each)] if len(asked) > 1 else []

    async def _take_stages(self) -> None:
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

    @property
    def _is_limited(self) -> bool:
        return (self.plan.max_calls, self.plan.max_tokens) != (None, None)

    def _start_tasks(self) -> None:
        for task in self.plan.tasks:
            note = self._noting("", type(task).__name__)
            self._group.create_task(isolated(task.take(self._panel), note))

    def _noting(self, model: str, what: str) -> Callable[[str], None]:
        """What notes an exception in the name of a model, a case or a task."""
        return lambda line: self._note(model, what, self._calls.excepted(line))

    def _note(self, model: str, what: str, line: str) -> None:
        self._faults.setdefault((model, what), line)

    async def _take_all(self, cases: Sequence[Case]) -> None:
        """Start everything on these cases, as soon as its passages are known."""
        known = self._known_rankings(cases)
        self._examine([(case, known[case.id]) for case in cases if case.id in known])
        for batch in _batches(case for case in cases if case.id not in known):
            self._examine(await self._ranked(batch))

    async def _ranked(self, cases: list[Case]) -> list[tuple[Case, tuple[Passage, ...]]]:
        """The cases with their passages; contracts that cannot be ranked leave their cases so."""

        async def rank() -> list[tuple[Case, tuple[Passage, ...]]]:
            rankings = await asyncio.to_thread(self.retriever.retrieve, cases, self.on_embedded)
            for case, ranking in zip(cases, rankings, strict=True):
                self._journal.add(retrieval_row(self._retrieval_key(case), ranking))
            return list(zip(cases, rankings, strict=True))

        contracts = list(_by_contract(cases))
        if len(contracts) > 1:
            ranked = await isolated(rank(), lambda line: None)
            return ranked or [each for group in contracts for each in await self._ranked(group)]

        def lost(line: str) -> list[tuple[Case, tuple[Passage, ...]]]:
            failed = Answer("", error=self._calls.excepted(line))
            for case, model in itertools.product(cases, self.plan.models):
                self._finish(
                    model, case, failed, self._scored(model.name, case, failed), asked=False
                )
            return []

        return await isolated(rank(), lost)

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

    def _has_all(self, model: Model) -> bool:
        """Whether the store holds every answer that the model would be asked for."""
        known = self._known_rankings(self.plan.cases)
        if len(known) < len(self.plan.cases):
            return False
        asked = self._asked_of(model, [(case, known[case.id]) for case in self.plan.cases])
        keys = {answer_key(model, case, passages) for case, passages, _ in asked}
        return len(self.store.rows("answers", keys)) == len(keys)

    def _examine(self, ranked: Sequence[tuple[Case, tuple[Passage, ...]]]) -> None:
        """Start every model on these cases and their variants, with the answers that are kept."""
        for model in self.plan.models:
            asked = self._asked_of(model, ranked)
            keys = [answer_key(model, case, passages) for case, passages, _ in asked]
            rows = {} if model.free else self._kept(keys)
            for key, (case, passages, variant) in zip(keys, asked, strict=True):
                self._keys[model.name, case.id] = key
                kept = answer_from(rows[key], case.contract) if key in rows else None
                self._group.create_task(self._take(model, case, passages, kept, variant))

    def _kept(self, keys: Sequence[str]) -> dict[str, Any]:
        """What the store holds of these answers, and of replies that were none."""
        rows = self.store.rows("answers", keys)
        cut_off = {} if self.again else {cut_off_key(key): key for key in keys if key not in rows}
        failed = self.store.rows("answers", cut_off)
        return rows | {cut_off[key]: row for key, row in failed.items()}

    def _asked_of(
        self, model: Model, ranked: Sequence[tuple[Case, tuple[Passage, ...]]]
    ) -> list[Asked]:
        """What the model is asked: the cases, and what they are varied to."""
        asked: list[Asked] = [(case, passages, None) for case, passages in ranked]
        for case, passages in ranked if not model.free else ():  # records read no changed passages
            lost = partial(self._no_variants, case.id)
            variants = attempted(partial(self.plan.vary, case, passages), lost)
            asked += [(each.case, each.passages, each) for each in variants]
        return [(c, offered(model, p), variant) for c, p, variant in asked]

    def _no_variants(self, case: str, line: str) -> Sequence[Variant]:
        self._note("", case, self._calls.excepted(line))
        return ()

    async def _take(
        self,
        model: Model,
        case: Case,
        passages: tuple[Passage, ...],
        kept: Answer | None,
        variant: Variant | None,
    ) -> None:
        """One model takes one case: answer, score, judge. What goes wrong is its own error."""

        def failed(line: str) -> None:
            """Keep the answer, where it was had before."""
            there = self._unjudged.get((model.name, case.id))
            seen = attempted(partial(shown, model, case, passages), lambda line: ())
            error = Answer("", error=self._calls.excepted(line), passages=seen)
            answer = there.answer if there else error
            self._note(model.name, case.id, line)
            self._finish(
                model, case, answer, self._scored(model.name, case, answer), False, variant
            )

        await isolated(self._taken(model, case, passages, kept, variant), failed)

    async def _taken(
        self,
        model: Model,
        case: Case,
        passages: tuple[Passage, ...],
        kept: Answer | None,
        variant: Variant | None,
    ) -> None:
        asked = False
        if kept is None and not self.plan.needs_answers:
            kept = Answer("", error="not asked: no selected test needs an answer")
        elif kept is None:
            asked = not (model.free or self._calls.is_made(answer_key(model, case, passages)))
            kept = await self._calls.answer(model, case, passages)
            asked = asked and kept.error is None
        seen = kept.passages or shown(model, case, passages)
        kept = belonging(replace(kept, passages=seen) if kept.error is not None else kept, case)
        scores = self._scored(model.name, case, kept, seen)
        if variant is None:
            self._unjudged[model.name, case.id] = Result(model.name, case, kept, scores, asked)
            self._journal.check()
            scores |= await self._panel.scores(Submission(case, kept, model))
        self._finish(model, case, kept, scores, asked, variant)

    def _finish(
        self,
        model: Model,
        case: Case,
        answer: Answer,
        scores: dict[str, Score],
        asked: bool,
        variant: Variant | None = None,
    ) -> None:
        """Enter a result, and have it compared with those that it is to be compared with."""
        result = Result(model.name, case, answer, scores, asked)
        if answer.error is not None and answer.error in self._calls.exceptions:
            self._note(model.name, case.id, answer.error)
        if variant is not None:
            self._varied[model.name, case.id] = (variant, result)
            return
        self._results[model.name, case.id] = result
        for pairing in self.plan.pairings if self.plan.preference else ():
            both = [self._results.get((name, case.id)) for name in pairing]
            if model.name in pairing and all(both):
                note = self._noting("", case.id)
                self._group.create_task(isolated(self._compare(pairing, case), note))
        self.on_change(self)

    def _scored(
        self, model: str, case: Case, answer: Answer, seen: tuple[Passage, ...] = ()
    ) -> dict[str, Score]:
        """What every rule says; one that raises says nothing of this answer."""

        def failed(name: str, line: str) -> dict[str, Score]:
            self._note(model, case.id, self._calls.excepted(line))
            return {name: Score(None, line)}

        def one_by_one(line: str) -> dict[str, Score]:
            found: dict[str, Score] = {}
            for name in self.plan.rules:
                found |= attempted(
                    partial(score, case, answer, (name,), seen), partial(failed, name)
                )
            return found

        return attempted(partial(score, case, answer, self.plan.rules, seen), one_by_one)

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
    contracts = _by_contract(cases)
    while batch := list(itertools.islice(contracts, CONTRACTS_AT_ONCE)):
        yield [case for group in batch for case in group]


def _by_contract(cases: Iterable[Case]) -> Iterator[list[Case]]:
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.contract.id, []).append(case)
    return iter(groups.values())
