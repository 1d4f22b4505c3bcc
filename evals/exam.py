"""The exam engine: everything the selected tests need, asked in one concurrent run.

Retrieval, answers and judgements overlap: a contract's cases are asked as soon as its passages
are found, and a case is judged as soon as it is answered. Whatever the store holds is not asked.
"""

import asyncio
import re
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from common.errors import UserError
from common.identity import digest
from evals.calls.budget import DECLINED, Budget
from evals.calls.calls import Calls, answer_key, cut_off_key
from evals.calls.claims import claimed
from evals.calls.journal import Journal, Lookups
from evals.calls.payments import Payments, Purse, paid_before
from evals.calls.rankings import Ranked, Rankings, batches
from evals.calls.rows import answer_from
from evals.calls.store import Store
from evals.calls.tally import tallying
from evals.foresight import Foresight, asked_chat, format_foreseen
from evals.isolation import attempted, isolated, users_mistake
from evals.judges.judge import Panel, Submission
from evals.metrics.table import score
from evals.plan import PairJudge, Plan, Retrieves
from evals.repeats import draws, merged
from evals.results import Result, Score, Spending, tokens_per_second
from evals.shown import belonging, offered, shown, with_gold
from evals.variants.variant import Variant
from fixtures.cases import Case
from fixtures.retrieval.passages import Passage
from models.chat import Answer, ChatModel, Composed, Model
from models.metering import Usage
from models.price import FREE, NOTHING, summed

CLOSES_IN = 10.0
"""Seconds that a model or judge has to let go of what it holds open."""


Place = tuple[str, str, int]
"""Model, case and repeat, by which a result is found."""


@dataclass(frozen=True, slots=True)
class Request:
    """One model on one case, or on a variant of one, with the passages that it is offered.

    Of a model that draws its answers, `model` draws those of one `repeat`.
    """

    model: Model
    case: Case
    passages: tuple[Passage, ...]
    variant: Variant | None = None
    repeat: int = 0

    @property
    def name(self) -> Place:
        """What its result is found by."""
        return self.model.name, self.case.id, self.repeat

    @property
    def key(self) -> str:
        """What its answer is kept under."""
        return answer_key(self.model, self.case, self.passages)


class Run:
    """One execution of a plan. `results` holds what is there also after an interruption.

    An exception in the task of one case costs that case alone, and is kept in `faults`.

    Args:
        plan: what is asked.
        retriever: finds the passages.
        store: holds what was paid for before, and takes what is paid for now.
        settled: is called after every stage but the last; where it returns True, those after it
            are not asked.
        on_wait: is told in a line that another exam of a model on this store is waited for; where
            it is None, this one goes on beside it.
        on_foreseen: is told line by line what the exam may cost, before the first call.
        again: whether to ask anew for replies that were cut off before an answer began.
    """

    def __init__(
        self,
        plan: Plan,
        retriever: Retrieves,
        store: Store,
        *,
        settled: Callable[["Run", int], bool] = lambda run, stage: False,
        on_wait: Callable[[str], None] | None = print,
        on_foreseen: Callable[[str], None] = lambda line: None,
        again: bool = False,
    ) -> None:
        self.plan = plan
        self.stopped = False
        """Whether stages were not asked because the exam was settled before."""
        self.valued = 0
        """Answers that cost what they do by the prices of now, since nobody noted it then."""
        self.reached: tuple[Case, ...] = ()
        """The cases of the stages that were begun."""
        self._store = store
        self._settled = settled
        self._on_wait = on_wait
        self._on_foreseen = on_foreseen
        self._ranked: dict[str, Ranked] = {}
        self.foreseen: tuple[str, ...] = ()
        """What was said of what it may cost, before the first call; empty where nobody is paid."""
        self._again = again
        self._journal = Journal(store)
        self._rankings = Rankings(retriever, store, self._journal)
        self._budget = Budget(plan.max_calls, plan.max_tokens, plan.max_cost)
        answers, scores = Lookups(store, "answers"), Lookups(store, "scores")
        self._payments = Payments(_purpose(plan, retriever), self._journal)
        if plan.embedding not in (None, FREE):
            self._rankings.purse = Purse(plan.embedding, self._budget, self._payments)
        self._calls = Calls(
            self._journal,
            answers,
            self._budget,
            prices=plan.prices,
            payments=self._payments,
            again=again,
        )
        self._panel = Panel(plan.judges, self._calls, self._journal, scores)
        self._faults: dict[tuple[str, str], str] = {}
        self._draws = {each.name: draws(each, plan.repeats) for each in plan.models}
        self._keys: dict[Place, str] = {}
        self._requests_by_key: dict[str, list[Request]] = {}
        self._offered: dict[Place, tuple[Passage, ...]] = {}
        self._asked_again = self._came_back = 0
        self._unjudged: dict[Place, Result] = {}
        self._results: dict[Place, Result] = {}
        self._varied: dict[Place, tuple[Variant, Result]] = {}
        self._preferences: dict[tuple[str, str, str], Score] = {}
        self._started = time.perf_counter()
        self._ended: float | None = None

    async def execute(self) -> None:
        """Retrieve, ask, judge and score whatever the store does not hold.

        Raises:
            UserError: a model cannot answer at all, or the store cannot be written. What was
                answered until then is in the store.
        """
        answering = self.plan.models if self.plan.needs_answers else ()
        asked = [draw for m in answering if not m.free for draw in self._draws[m.name]]
        try:
            async with claimed(self._store, asked, self._has_all, self._on_wait), self._journal:
                with self._paying():
                    lacking = await asyncio.to_thread(self._lacking, asked)
                    asking = (m.generator if isinstance(m, Composed) else m for m in lacking)
                    self._calls.first = (*self._judging, *asking)
                    await self._foresee()
                    await self._take_stages()
        except* UserError as errors:
            raise users_mistake(errors) or errors from None
        finally:
            self._ended = time.perf_counter()
            preference = (self.plan.preference,) if self.plan.preference else ()
            for each in (*self.plan.models, *self.plan.judges, *self.plan.tasks, *preference):
                # Whatever it holds open, nothing more is asked of it.
                await isolated(asyncio.wait_for(each.close(), CLOSES_IN), lambda line: None)

    @contextmanager
    def _paying(self) -> Iterator[None]:
        """Know what was paid for this exam before, and be the only one that pays under its limit.

        Raises:
            UserError: another process does.
        """
        limited, release = self.plan.max_cost is not None, None
        if limited:
            release = self._store.try_lock(f"exam-{self._payments.exam[:32]}")
            if release is None:
                raise UserError(
                    "--max-cost: another process is paying for this exam; wait until it has ended"
                )
        try:
            self._budget.before = paid_before(self._store, self._payments.exam)
            yield
        finally:
            if release:
                release()

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

    def _has_all(self, model: Model) -> bool:
        """Whether the store holds every answer that the model would be asked for."""
        known = self._rankings.known(self.plan.cases)
        if len(known) < len(self.plan.cases):
            return False
        keys = {request.key for request in self._requests(model, known)}
        return len(self._store.rows("answers", keys)) == len(keys)

    async def _foresee(self) -> None:
        """Say what the exam may cost; where somebody is paid, everything is ranked before."""
        foresight = Foresight(self._store, self.plan.prices)
        paid = [*self._judging, *(asked_chat(model) or model for model in self.plan.models)]
        if not self.plan.needs_answers or not any(map(foresight.billed, paid)):
            return
        ranked = self._rankings.known(self.plan.cases)
        there = {each.case.id for each in ranked}
        for batch in batches(case for case in self.plan.cases if case.id not in there):
            ranked += await self._rankings.ranked(batch)
        self._ranked = {each.case.id: each for each in ranked}
        found = [each for each in ranked if each.failed is None]
        for model, repeat in self._askings:
            requests = self._requests(model, found, repeat)
            wanted = {request.key: (request.case, request.passages) for request in requests}
            judged = {each.key: wanted[each.key] for each in requests if each.variant is None}
            rows = {} if model.free else self._kept(list(wanted))
            foresight.add_answers(model, wanted, rows)
            for judge in self.plan.judges:
                foresight.add_judgements(judge, model, judged, rows)
        limit, before = self.plan.max_cost, self._budget.before
        self.foreseen = tuple(format_foreseen(foresight.found.values(), limit, before))
        for line in self.foreseen:
            self._on_foreseen(line)

    async def _take_stages(self) -> None:
        stages = self.plan.stages or (self.plan.cases,)
        limits = self.plan.max_calls, self.plan.max_tokens, self.plan.max_cost
        limited = any(limit is not None for limit in limits)
        for number, cases in enumerate(stages):
            self.reached += cases
            async with asyncio.TaskGroup() as group:
                await self._take_all(cases, group)
                if number == 0 and not limited:
                    self._start_tasks(group)
            await self._ask_again()
            if number == 0 and limited:  # the cases come first
                async with asyncio.TaskGroup() as group:
                    self._start_tasks(group)
            if number + 1 < len(stages) and self._settled(self, number):
                self.stopped = True
                break

    def _start_tasks(self, group: asyncio.TaskGroup) -> None:
        for task in self.plan.tasks:
            note = self._noting("", type(task).__name__)
            group.create_task(isolated(task.take(self._panel), note))

    async def _take_all(self, cases: Sequence[Case], group: asyncio.TaskGroup) -> None:
        """Start everything on these cases, as soon as its passages are known."""
        known = [self._ranked[case.id] for case in cases if case.id in self._ranked]
        known = known or self._rankings.known(cases)
        self._start(known, group)
        there = {ranked.case.id for ranked in known}
        for batch in batches(case for case in cases if case.id not in there):
            self._start(await self._rankings.ranked(batch), group)

    def _start(self, ranked: Sequence[Ranked], group: asyncio.TaskGroup) -> None:
        """Start every model on these cases and their variants, with the answers that are kept."""
        found = [each for each in ranked if each.failed is None]
        for model, repeat in self._askings:
            requests = self._requests(model, found, repeat)
            keys = [request.key for request in requests]
            rows = {} if model.free else self._kept(keys)
            for key, request in zip(keys, requests, strict=True):
                self._keys[request.name] = key
                self._requests_by_key.setdefault(key, []).append(request)
                if request.variant is None:
                    self._offered[request.name] = request.passages
                kept = answer_from(rows[key], request.case.contract) if key in rows else None
                group.create_task(self._take(request, kept, group))
        for each in ranked:
            if each.failed is not None:
                declined = each.failed.startswith(DECLINED)
                self._lose(
                    each.case, each.failed if declined else self._calls.excepted(each.failed), group
                )

    async def _ask_again(self) -> None:
        """Ask once more what failed, since the fault may have passed; what fails twice has failed.

        Whatever lacks a judgement is judged again: replies that came are at hand, and what a judge
        cannot score costs no call. A server that is gone by now ends nothing: what is there stays.
        """
        failed = self._calls.forget_failed()
        requests = [each for key in failed for each in self._requests_by_key.get(key, ())]
        replies = failed.difference(self._requests_by_key)
        unjudged = [each for each in self._results.values() if replies and self._is_unjudged(each)]
        undecided = [key for key in self._preferences if replies and self._is_undecided(key)]
        try:
            async with asyncio.TaskGroup() as group:
                for request in requests:
                    group.create_task(self._take_again(request, group))
                for result in unjudged:
                    group.create_task(self._judge_again(result))
                for key in undecided:
                    group.create_task(self._compare_again(key))
        except* UserError:
            self._journal.check()
        finally:
            again = self._calls.replies(failed)
            self._asked_again += len(again)
            self._came_back += sum(each.error is None for each in again)
            self._calls.failed.clear()

    async def _take_again(self, request: Request, group: asyncio.TaskGroup) -> None:
        result = await isolated(self._taken(request, None), partial(self._failed, request))
        error = result.answer.error
        if error is None:
            self._faults.pop(request.name[:2], None)
        if error is None or not error.startswith(DECLINED):  # else the first error says more
            self._enter(request, result, group)

    def _is_unjudged(self, result: Result) -> bool:
        """Whether a judge gave no score where there is an answer."""
        judged = {judge.metric for judge in self.plan.judges}.intersection(result.scores)
        there = result.answer.error is None
        return there and any(result.scores[metric].value is None for metric in judged)

    async def _judge_again(self, result: Result) -> None:
        model = self._draws[result.model][result.repeat]
        seen = shown(model, result.case, self.offered(result))
        judged = await self._panel.scores(Submission(result.case, result.answer, model, seen))
        result = replace(result, scores={**result.scores, **judged})
        self._results[result.model, result.case.id, result.repeat] = result
        if not self._is_unjudged(result):
            self._panel.faults.pop((result.model, result.case.id), None)

    def _is_undecided(self, key: tuple[str, str, str]) -> bool:
        """Whether no preference was found between two answers that are there."""
        one, other, case = key
        pair = self._results[one, case, 0], self._results[other, case, 0]
        there = all(each.answer.error is None for each in pair)
        return there and self._preferences[key].value is None

    async def _compare_again(self, key: tuple[str, str, str]) -> None:
        one, other, case = key
        if self.plan.preference is not None:
            pair = self._results[one, case, 0], self._results[other, case, 0]
            await isolated(self._compare(self.plan.preference, *pair), self._noting("", case))

    def _lose(self, case: Case, line: str, group: asyncio.TaskGroup) -> None:
        """Enter a case whose contract could not be ranked."""
        answer = Answer("", error=line)
        for model, repeat in self._askings:
            scores = self._scored(model.name, case, answer)
            result = Result(model.name, case, answer, scores, asked=False, repeat=repeat)
            self._enter(Request(model, case, (), repeat=repeat), result, group)

    @property
    def _askings(self) -> list[tuple[Model, int]]:
        """Every model, once a repeat, with the number of the repeat."""
        every = [enumerate(self._draws[model.name]) for model in self.plan.models]
        return [(draw, repeat) for numbered in every for repeat, draw in numbered]

    def _requests(self, model: Model, ranked: Sequence[Ranked], repeat: int = 0) -> list[Request]:
        """What the model is asked: the cases, and once what they are varied to."""
        ranked = [self._given(model, each) for each in ranked]
        asked = [
            Request(model, each.case, offered(model, each.passages), repeat=repeat)
            for each in ranked
        ]
        # Records read no changed passages.
        for each in ranked if not (model.free or repeat) else ():
            lost = partial(self._no_variants, each.case.id)
            variants = attempted(partial(self.plan.vary, each.case, each.passages), lost)
            asked += [Request(model, v.case, offered(model, v.passages), v) for v in variants]
        return asked

    def _given(self, model: Model, ranked: Ranked) -> Ranked:
        """What the model is given in place of a ranking, where that is not examined."""
        chunker = self.plan.gold
        if chunker is None:
            return ranked
        mixing = partial(with_gold, model, ranked.case, ranked.passages, chunker)

        def lost(line: str) -> tuple[Passage, ...]:
            self._note(model.name, ranked.case.id, self._calls.excepted(line))
            return ranked.passages

        return replace(ranked, passages=attempted(mixing, lost))

    def _no_variants(self, case: str, line: str) -> Sequence[Variant]:
        self._note("", case, self._calls.excepted(line))
        return ()

    def _kept(self, keys: Sequence[str]) -> dict[str, Any]:
        """What the store holds of these answers, and of replies that were none."""
        rows = self._store.rows("answers", keys)
        cut_off = {} if self._again else {cut_off_key(key): key for key in keys if key not in rows}
        failed = self._store.rows("answers", cut_off)
        return rows | {cut_off[key]: row for key, row in failed.items()}

    async def _take(self, request: Request, kept: Answer | None, group: asyncio.TaskGroup) -> None:
        """One model takes one case: answer, score, judge. What goes wrong is its own error."""
        result = await isolated(self._taken(request, kept), partial(self._failed, request))
        self._enter(request, result, group)

    async def _taken(self, request: Request, kept: Answer | None) -> Result:
        model, case, passages = request.model, request.case, request.passages
        asked = False
        if kept is None and not self.plan.needs_answers:
            kept = Answer("", error="not asked: no selected test needs an answer")
        elif kept is None:
            asked = not (model.free or self._calls.is_made(request.key))
            kept = await self._calls.answer(model, case, passages)
            asked = asked and kept.error is None
        kept = self._valued(model, kept)
        seen = kept.passages or shown(model, case, passages)
        kept = belonging(replace(kept, passages=seen) if kept.error is not None else kept, case)
        scores = self._scored(model.name, case, kept, seen)
        result = Result(model.name, case, kept, scores, asked, request.repeat)
        if request.variant is not None:
            return result
        self._unjudged[request.name] = result
        self._journal.check()
        judged = await self._panel.scores(Submission(case, kept, model, seen))
        return replace(result, scores={**scores, **judged})

    def _valued(self, model: Model, answer: Answer) -> Answer:
        """An answer of which nobody noted what it cost, at the price that holds now."""
        used = Usage(answer.tokens_in, answer.tokens_out, answer.tokens_cached)
        price = self.plan.prices(model.name)
        if answer.cost is not None or price is None or not used.tokens:
            return answer
        if isinstance(model, Composed):  # it may have asked others than it asks now
            return answer
        self.valued += answer.error is None and price != FREE
        return replace(answer, cost=used.at(price))

    def _failed(self, request: Request, line: str) -> Result:
        """What an exception leaves of a request: the answer, where it was had before."""
        model, case = request.model, request.case
        there = self._unjudged.get(request.name)
        seen = attempted(partial(shown, model, case, request.passages), lambda line: ())
        error = Answer("", error=self._calls.excepted(line), passages=seen)
        answer = there.answer if there else error
        self._note(model.name, case.id, line)
        scores = self._scored(model.name, case, answer)
        return Result(model.name, case, answer, scores, False, request.repeat)

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

    def _enter(self, request: Request, result: Result, group: asyncio.TaskGroup) -> None:
        """Enter a result, and have it compared with those that it is to be compared with."""
        error = result.answer.error
        if error is not None and error in self._calls.exceptions:
            self._note(result.model, result.case.id, error)
        if request.variant is not None:
            self._varied[request.name] = (request.variant, result)
            return
        self._results[request.name] = result
        judge = self.plan.preference if not request.repeat else None
        for one, other in self.plan.pairings if judge is not None else ():
            first = self._results.get((one, result.case.id, 0))
            second = self._results.get((other, result.case.id, 0))
            if judge is not None and result.model in (one, other) and first and second:
                note = self._noting("", result.case.id)
                group.create_task(isolated(self._compare(judge, first, second), note))

    async def _compare(self, judge: PairJudge, first: Result, second: Result) -> None:
        """Which of two models answered the case better."""
        failed = first.answer.error or second.answer.error
        self._preferences[first.model, second.model, first.case.id] = (
            Score(None, f"no answer: {failed}")
            if failed
            else await self._preferred(judge, first, second)
        )

    async def _preferred(self, judge: PairJudge, first: Result, second: Result) -> Score:
        with tallying() as costs:
            found = await judge.prefer(first.case, first.answer, second.answer, self._calls)
        return replace(found, cost=summed(costs))

    def _noting(self, model: str, what: str) -> Callable[[str], None]:
        """What notes an exception in the name of a model, a case or a task."""
        return lambda line: self._note(model, what, self._calls.excepted(line))

    def _note(self, model: str, what: str, line: str) -> None:
        self._faults.setdefault((model, what), line)

    @property
    def results(self) -> tuple[Result, ...]:
        """Every result of the stages reached, its repeats as one."""
        return tuple(
            merged(self.repeats(model.name, case))
            for model in self.plan.models
            for case in self.reached
        )

    def repeats(self, model: str, case: Case) -> tuple[Result, ...]:
        """What the model made of a case, each time; what was interrupted has an error saying so."""
        places = [(model, case.id, repeat) for repeat in range(len(self._draws[model]))]
        return tuple(
            self._results.get(place) or self._unjudged.get(place) or self._unfinished(place, case)
            for place in places
        )

    def _unfinished(self, place: Place, case: Case) -> Result:
        """What an interruption left: an answer on its way to the disk, or none."""
        model, _, repeat = place
        answer = self._calls.arrived.get(self._keys.get(place, ""))
        missing = Answer("", error="not asked: the exam was interrupted")
        scores = self._scored(model, case, answer or missing)
        return Result(model, case, answer or missing, scores, answer is not None, repeat)

    def offered(self, result: Result) -> tuple[Passage, ...]:
        """The passages that a model was offered for a case; it may have been shown a part."""
        return self._offered.get((result.model, result.case.id, result.repeat), ())

    @property
    def varied(self) -> tuple[tuple[Variant, Result], ...]:
        """What the models made of the variants."""
        return tuple(self._varied.values())

    @property
    def preferences(self) -> Mapping[tuple[str, str, str], Score]:
        """Who answered a case better, by (first model, second model, case id)."""
        return self._preferences

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
            asked_again=self._asked_again,
            came_back=self._came_back,
            cost=self._budget.cost,
            paid_before=self._budget.before,
            judging=self._calls.judging,
            embedding=self._rankings.purse.paid if self._rankings.purse else NOTHING,
        )

    @property
    def speeds(self) -> Mapping[str, float]:
        """Tokens that each model generated a second, where it was asked and has tokens."""
        found = {name: tokens_per_second(calls) for name, calls in self._calls.timed.items()}
        return {name: speed for name, speed in found.items() if speed is not None}

    @property
    def total(self) -> int:
        """Results that there will be."""
        return len(self._askings) * len(self.plan.cases)

    @property
    def done(self) -> int:
        """Results that are there."""
        return len(self._results)

    @property
    def asked(self) -> int:
        """Results that a call of this run brought."""
        return sum(result.asked for result in [*self._results.values()])

    @property
    def errors(self) -> Counter[str]:
        """Answers that failed so far, by what stands before the particulars of the reason."""
        failed = [each.answer.error for each in [*self._results.values()] if each.answer.error]
        return Counter(re.split("[:(;]", error)[0].strip()[:60] for error in failed)

    @property
    def embedded(self) -> tuple[int, int] | None:
        """How many contracts of how many are embedded for the index, where they have to be."""
        return self._rankings.embedded

    @property
    def answered(self) -> int:
        """Answers to cases that are there, judged or not."""
        return sum(result.answer.error is None for result in self._each)

    @property
    def _each(self) -> list[Result]:
        """Every result of the stages reached, repeat by repeat."""
        cases = [(model.name, case) for model in self.plan.models for case in self.reached]
        return [each for model, case in cases for each in self.repeats(model, case)]

    @property
    def unkept(self) -> int:
        """Answers to cases that are there and that the store could not take."""
        return sum(
            result.answer.error is None
            and self._keys.get((result.model, result.case.id, result.repeat))
            in self._journal.unkept
            for result in self._each
        )


def _purpose(plan: Plan, retriever: Retrieves) -> str:
    """What an exam pays for: the same models and judges on the same cases and passages."""
    return digest(
        "exam",
        sorted(model.identity for model in plan.models if not model.free),
        sorted([judge.metric, judge.identity] for judge in plan.judges),
        sorted(case.identity for case in plan.cases),
        [retriever.identity, plan.gold is not None, plan.repeats],
    )
