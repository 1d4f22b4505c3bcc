"""The exam engine: everything the selected tests need, asked in one concurrent run.

Retrieval, answers and judgements overlap: a contract's cases are asked as soon as its passages
are found, and a case is judged as soon as it is answered. Whatever the store holds is not asked.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from common.errors import UserError
from evals.calls.budget import DECLINED, Budget
from evals.calls.calls import Calls, cut_off_key
from evals.calls.claims import claimed
from evals.calls.journal import Journal, Lookups
from evals.calls.payments import Payments, Purse, paying
from evals.calls.rankings import Ranked, Rankings, batches
from evals.calls.rows import answer_from
from evals.calls.store import Store
from evals.exam.again import AskingAgain
from evals.exam.comparing import Comparing
from evals.exam.foresight import Foresight, asked_chat, format_foreseen
from evals.exam.requests import Request
from evals.exam.run import Run
from evals.exam.taking import Taking
from evals.isolation import isolated, users_mistake
from evals.judges.judge import Panel
from evals.plan import Plan, Retrieves
from evals.results import Result
from fixtures.cases import Case
from models.chat import Answer, Composed, Model
from models.price import FREE

CLOSES_IN = 10.0
"""Seconds that a model or judge has to let go of what it holds open."""


class Exam:
    """Executes a plan. `run` holds what is there also after an interruption.

    An exception in the task of one case costs that case alone, and is kept in `run.faults`.

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
        settled: Callable[[Run, int], bool] = lambda run, stage: False,
        on_wait: Callable[[str], None] | None = print,
        on_foreseen: Callable[[str], None] = lambda line: None,
        again: bool = False,
    ) -> None:
        self._plan = plan
        self._store = store
        self._settled = settled
        self._on_wait = on_wait
        self._on_foreseen = on_foreseen
        self._again = again
        self._ranked: dict[str, Ranked] = {}
        self._journal = Journal(store)
        self._budget = Budget(plan.max_calls, plan.max_tokens, plan.max_cost)
        self._payments = Payments(plan.purpose(retriever.identity), self._journal)
        self._calls = Calls(
            self._journal,
            Lookups(store, "answers"),
            self._budget,
            prices=plan.prices,
            payments=self._payments,
            again=again,
        )
        purse = None
        if plan.embedding not in (None, FREE):
            purse = Purse(plan.embedding, self._budget, self._payments)
        self._rankings = Rankings(retriever, store, self._journal, purse=purse)
        panel = Panel(plan.judges, self._calls, self._journal, Lookups(store, "scores"))
        self.run = Run(plan, self._rankings, panel)
        self._taking = Taking(self.run, Comparing(self.run))
        self._asking_again = AskingAgain(self.run, self._taking)

    async def execute(self) -> None:
        """Retrieve, ask, judge and score whatever the store does not hold.

        Raises:
            UserError: a model cannot answer at all, or the store cannot be written. What was
                answered until then is in the store.
        """
        answering = self._plan.models if self._plan.needs_answers else ()
        draws = self.run.requests.draws
        asked = [draw for m in answering if not m.free for draw in draws[m.name]]
        try:
            async with claimed(self._store, asked, self._has_all, self._on_wait), self._journal:
                with paying(self._store, self._budget, self._payments.exam):
                    lacking = await asyncio.to_thread(self._lacking, asked)
                    asking = (m.generator if isinstance(m, Composed) else m for m in lacking)
                    self._calls.first = (*self._plan.judging, *asking)
                    await self._foresee()
                    await self._take_stages()
        except* UserError as errors:
            raise users_mistake(errors) or errors from None
        finally:
            self.run.ended = time.perf_counter()
            preference = (self._plan.preference,) if self._plan.preference else ()
            for each in (*self._plan.models, *self._plan.judges, *self._plan.tasks, *preference):
                # Whatever it holds open, nothing more is asked of it.
                await isolated(asyncio.wait_for(each.close(), CLOSES_IN), lambda line: None)

    def _lacking(self, asked: Sequence[Model]) -> list[Model]:
        """Those of several models that something will be asked of, as far as is known before.

        One that cannot answer is found before another's answers are paid for.
        """
        return [each for each in asked if not self._has_all(each)] if len(asked) > 1 else []

    def _has_all(self, model: Model) -> bool:
        """Whether the store holds every answer that the model would be asked for."""
        known = self._rankings.known(self._plan.cases)
        if len(known) < len(self._plan.cases):
            return False
        keys = {request.key for request in self.run.requests.of(model, known)}
        return len(self._store.rows("answers", keys)) == len(keys)

    async def _foresee(self) -> None:
        """Say what the exam may cost; where somebody is paid, everything is ranked before."""
        foresight = Foresight(self._store, self._plan.prices)
        paid = [*self._plan.judging, *(asked_chat(model) or model for model in self._plan.models)]
        if not self._plan.needs_answers or not any(map(foresight.billed, paid)):
            return
        ranked = self._rankings.known(self._plan.cases)
        there = {each.case.id for each in ranked}
        for batch in batches(case for case in self._plan.cases if case.id not in there):
            ranked += await self._rankings.ranked(batch)
        self._ranked = {each.case.id: each for each in ranked}
        found = [each for each in ranked if each.failed is None]
        for model, repeat in self.run.requests.askings:
            requests = self.run.requests.of(model, found, repeat)
            wanted = {request.key: (request.case, request.passages) for request in requests}
            judged = {each.key: wanted[each.key] for each in requests if each.variant is None}
            rows = {} if model.free else self._kept(list(wanted))
            foresight.add_answers(model, wanted, rows)
            for judge in self._plan.judges:
                foresight.add_judgements(judge, model, judged, rows)
        limit, before = self._plan.max_cost, self._budget.before
        self.run.foreseen = tuple(format_foreseen(foresight.found.values(), limit, before))
        for line in self.run.foreseen:
            self._on_foreseen(line)

    async def _take_stages(self) -> None:
        stages = self._plan.stages or (self._plan.cases,)
        limits = self._plan.max_calls, self._plan.max_tokens, self._plan.max_cost
        limited = any(limit is not None for limit in limits)
        for number, cases in enumerate(stages):
            self.run.reached += cases
            async with asyncio.TaskGroup() as group:
                await self._take_all(cases, group)
                if number == 0 and not limited:
                    self._start_tasks(group)
            await self._asking_again.ask()
            if number == 0 and limited:  # the cases come first
                async with asyncio.TaskGroup() as group:
                    self._start_tasks(group)
            if number + 1 < len(stages) and self._settled(self.run, number):
                self.run.stopped = True
                break

    def _start_tasks(self, group: asyncio.TaskGroup) -> None:
        for task in self._plan.tasks:
            note = self.run.noted.noting("", type(task).__name__)
            group.create_task(isolated(task.take(self.run.panel), note))

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
        run = self.run
        found = [each for each in ranked if each.failed is None]
        for model, repeat in run.requests.askings:
            requests = run.requests.of(model, found, repeat)
            keys = [request.key for request in requests]
            rows = {} if model.free else self._kept(keys)
            for key, request in zip(keys, requests, strict=True):
                run.keys[request.name] = key
                self._asking_again.remember(request, key)
                if request.variant is None:
                    run.given[request.name] = request.passages
                kept = answer_from(rows[key], request.case.contract) if key in rows else None
                group.create_task(self._taking.take(request, kept, group))
        for each in ranked:
            if each.failed is not None:
                self._lose(each.case, each.failed, group)

    def _lose(self, case: Case, failed: str, group: asyncio.TaskGroup) -> None:
        """Enter a case whose contract could not be ranked."""
        declined = failed.startswith(DECLINED)
        answer = Answer("", error=failed if declined else self._calls.excepted(failed))
        for model, repeat in self.run.requests.askings:
            scores = self.run.scored(model.name, case, answer)
            result = Result(model.name, case, answer, scores, asked=False, repeat=repeat)
            self._taking.enter(Request(model, case, (), repeat=repeat), result, group)

    def _kept(self, keys: Sequence[str]) -> dict[str, Any]:
        """What the store holds of these answers, and of replies that were none."""
        rows = self._store.rows("answers", keys)
        cut_off = {} if self._again else {cut_off_key(key): key for key in keys if key not in rows}
        failed = self._store.rows("answers", cut_off)
        return rows | {cut_off[key]: row for key, row in failed.items()}
