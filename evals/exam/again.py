"""What failed is asked once more, since the fault may have passed; what fails twice has failed."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from common.errors import UserError
from evals.calls.budget import DECLINED
from evals.exam.requests import Request
from evals.exam.run import Run
from evals.exam.shown import shown
from evals.exam.taking import Taking
from evals.judges.judge import Submission
from evals.results import Result


@dataclass
class AskingAgain:
    """Knows which requests stand behind a call, and repeats what came to nothing."""

    run: Run
    taking: Taking
    requests: dict[str, list[Request]] = field(default_factory=dict)

    def remember(self, request: Request, key: str) -> None:
        """Note that the call of this key is made for this request."""
        self.requests.setdefault(key, []).append(request)

    async def ask(self) -> None:
        """Make the calls that failed once more.

        Whatever lacks a judgement is judged again: replies that came are at hand, and what a judge
        cannot score costs no call. A server that is gone by now ends nothing: what is there stays.
        """
        run, comparing = self.run, self.taking.comparing
        failed = run.calls.forget_failed()
        requests = [each for key in failed for each in self.requests.get(key, ())]
        replies = failed.difference(self.requests)
        unjudged = [each for each in run.entered.values() if replies and self._is_unjudged(each)]
        undecided = comparing.undecided() if replies else []
        try:
            async with asyncio.TaskGroup() as group:
                for request in requests:
                    group.create_task(self._take(request, group))
                for result in unjudged:
                    group.create_task(self._judge(result))
                for pair in undecided:
                    group.create_task(comparing.compare(pair))
        except* UserError:
            run.calls.journal.check()
        finally:
            self._count(failed)

    def _count(self, failed: Iterable[str]) -> None:
        again = self.run.calls.replies(failed)
        self.run.asked_again += len(again)
        self.run.came_back += sum(each.error is None for each in again)
        self.run.calls.failed.clear()

    async def _take(self, request: Request, group: asyncio.TaskGroup) -> None:
        result = await self.taking.taken(request)
        error = result.answer.error
        if error is None:
            self.run.noted.found.pop(request.name[:2], None)
        if error is None or not error.startswith(DECLINED):  # else the first error says more
            self.taking.enter(request, result, group)

    def _is_unjudged(self, result: Result) -> bool:
        """Whether a judge gave no score where there is an answer."""
        metrics = {judge.metric for judge in self.run.plan.judges}.intersection(result.scores)
        there = result.answer.error is None
        return there and any(result.scores[metric].value is None for metric in metrics)

    async def _judge(self, result: Result) -> None:
        run = self.run
        model = run.requests.draws[result.model][result.repeat]
        seen = shown(model, result.case, run.offered(result))
        judged = await run.panel.scores(Submission(result.case, result.answer, model, seen))
        result = self.taking.noted(replace(result, scores={**result.scores, **judged}))
        run.entered[result.model, result.case.id, result.repeat] = result
        if not self._is_unjudged(result):
            run.panel.faults.pop((result.model, result.case.id), None)
