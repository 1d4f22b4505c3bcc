"""One model takes one case: it is asked, and its answer scored, judged and entered."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from evals.calls.tally import tallying
from evals.conversations import Conversation, Exchange
from evals.exam.comparing import Comparing
from evals.exam.requests import Request
from evals.exam.run import Run
from evals.exam.shown import belonging, shown
from evals.isolation import attempted, isolated
from evals.judges.judge import Submission
from evals.results import Result
from fixtures.cases import Case
from models.chat import Answer, Composed, Model, Prompting
from models.metering import Usage
from models.price import FREE


@dataclass
class Taking:
    """Brings results into a run. What goes wrong with a request is its own error."""

    run: Run
    comparing: Comparing

    async def take(self, request: Request, kept: Answer | None, group: asyncio.TaskGroup) -> None:
        """Answer, score, judge and enter; `kept` is the answer that the store holds."""
        self.enter(request, await self.taken(request, kept), group)

    async def taken(self, request: Request, kept: Answer | None = None) -> Result:
        """The answer with its scores, or what an exception left of them."""
        return await isolated(self._taken(request, kept), partial(self._failed, request))

    async def _taken(self, request: Request, kept: Answer | None) -> Result:
        run, model, case, passages = self.run, request.model, request.case, request.passages
        asked, exchanges = False, list[Exchange]()
        if kept is None and not run.plan.needs_answers:
            kept = Answer("", error="not asked: no selected test needs an answer")
        elif kept is None:
            asked = not (model.free or run.calls.is_made(request.key))
            with tallying("answer") as exchanges:
                kept = await run.calls.answer(model, case, passages)
            asked = asked and kept.error is None
        kept = self._valued(model, kept)
        seen = kept.passages or shown(model, case, passages)
        kept = belonging(replace(kept, passages=seen) if kept.error is not None else kept, case)
        scores = run.scored(model.name, case, kept, seen)
        result = Result(model.name, case, kept, scores, asked, request.repeat)
        if request.variant is not None:
            return result
        run.unjudged[request.name] = result
        run.calls.journal.check()
        judged = await run.panel.scores(Submission(case, kept, model, seen))
        return self.noted(
            replace(
                result,
                scores={**scores, **judged},
                conversations=self._led(model, case, kept, exchanges),
            )
        )

    def noted(self, result: Result) -> Result:
        """The result with the chats that its scores were read from, which they let go."""
        judged = [
            self.run.weaver.conversation(each, result.case, result.answer, metric, score.reason)
            for metric, score in result.scores.items()
            for each in score.exchanges
        ]
        if not judged:
            return result
        scores = {name: replace(score, exchanges=()) for name, score in result.scores.items()}
        own = [each for each in result.conversations if not each.metric]
        return replace(result, scores=scores, conversations=(*own, *judged))

    def _led(
        self, model: Model, case: Case, answer: Answer, exchanges: Iterable[Exchange]
    ) -> tuple[Conversation, ...]:
        """The chats that led to an answer, whenever they were had, as far as they are known."""
        if isinstance(model, Prompting) and answer.error is None:
            exchanges = [Exchange(model.name, model.sent(case, answer.passages), answer)]
        weave = self.run.weaver.conversation
        return tuple(weave(each, case, answer) for each in exchanges)

    def _valued(self, model: Model, answer: Answer) -> Answer:
        """An answer of which nobody noted what it cost, at the price that holds now."""
        used = Usage(answer.tokens_in, answer.tokens_out, answer.tokens_cached)
        price = self.run.plan.prices(model.name)
        if answer.cost is not None or price is None or not used.tokens:
            return answer
        if isinstance(model, Composed):  # it may have asked others than it asks now
            return answer
        self.run.valued += answer.error is None and price != FREE
        return replace(answer, cost=used.at(price))

    def _failed(self, request: Request, line: str) -> Result:
        """What an exception leaves of a request: the answer, where it was had before."""
        run, model, case = self.run, request.model, request.case
        there = run.unjudged.get(request.name)
        seen = attempted(partial(shown, model, case, request.passages), lambda line: ())
        error = Answer("", error=run.calls.excepted(line), passages=seen)
        answer = there.answer if there else error
        run.noted.note(model.name, case.id, line)
        scores = run.scored(model.name, case, answer)
        return Result(model.name, case, answer, scores, False, request.repeat)

    def enter(self, request: Request, result: Result, group: asyncio.TaskGroup) -> None:
        """Enter a result, and have it compared with those that it is to be compared with."""
        run, error = self.run, result.answer.error
        if error is not None and error in run.calls.exceptions:
            run.noted.note(result.model, result.case.id, error)
        if request.variant is not None:
            run.of_variants[request.name] = (request.variant, result)
            return
        run.entered[request.name] = result
        for pair in self.comparing.ready(result):
            group.create_task(self.comparing.compare(pair))
