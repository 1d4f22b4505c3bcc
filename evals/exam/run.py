"""What has come of an exam so far, also after an interruption, and what it cost."""

import re
import resource
import time
from collections import Counter
from collections.abc import Mapping
from functools import partial

from evals.calls.rankings import Rankings
from evals.conversations import Weaver
from evals.exam.faults import Faults
from evals.exam.requests import Place, Requests
from evals.isolation import attempted
from evals.judges.judge import Panel
from evals.metrics.table import score
from evals.plan import Plan
from evals.repeats import merged
from evals.results import Result, Score, Spending, tokens_per_second
from evals.variants.variant import Variant
from fixtures.cases import Case
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from models.price import NOTHING


class Run:
    """One execution of a plan: what its stages share, and what they found.

    Args:
        plan: what is asked.
        rankings: the passages of the cases.
        panel: the judges, and the calls that they and the models are asked by.
    """

    def __init__(self, plan: Plan, rankings: Rankings, panel: Panel) -> None:
        self.plan = plan
        self.rankings = rankings
        self.panel = panel
        self.calls = panel.calls
        self.noted = Faults(panel.calls)
        self.requests = Requests(plan, self.noted)
        self.weaver = Weaver()
        self.reached: tuple[Case, ...] = ()
        """The cases of the stages that were begun."""
        self.stopped = False
        """Whether stages were not asked because the exam was settled before."""
        self.foreseen: tuple[str, ...] = ()
        """What was said of what it may cost, before the first call; empty where nobody is paid."""
        self.valued = 0
        """Answers that cost what they do by the prices of now, since nobody noted it then."""
        self.asked_again = self.came_back = 0
        self.keys: dict[Place, str] = {}
        """What the answers are kept under."""
        self.given: dict[Place, tuple[Passage, ...]] = {}
        self.unjudged: dict[Place, Result] = {}
        self.entered: dict[Place, Result] = {}
        self.of_variants: dict[Place, tuple[Variant, Result]] = {}
        self.preferences: dict[tuple[str, str, str], Score] = {}
        """Who answered a case better, by (first model, second model, case id)."""
        self.started = time.perf_counter()
        self.ended: float | None = None

    def scored(
        self, model: str, case: Case, answer: Answer, seen: tuple[Passage, ...] = ()
    ) -> dict[str, Score]:
        """What every rule of the plan says; one that raises says nothing of this answer."""
        note = self.noted.noting(model, case.id)

        def failed(name: str, line: str) -> dict[str, Score]:
            note(line)
            return {name: Score(None, line)}

        def one_by_one(line: str) -> dict[str, Score]:
            found: dict[str, Score] = {}
            for name in self.plan.rules:
                found |= attempted(
                    partial(score, case, answer, (name,), seen), partial(failed, name)
                )
            return found

        return attempted(partial(score, case, answer, self.plan.rules, seen), one_by_one)

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
        times = len(self.requests.draws[model])
        places = [(model, case.id, repeat) for repeat in range(times)]
        return tuple(
            self.entered.get(place) or self.unjudged.get(place) or self._unfinished(place, case)
            for place in places
        )

    def _unfinished(self, place: Place, case: Case) -> Result:
        """What an interruption left: an answer on its way to the disk, or none."""
        model, _, repeat = place
        answer = self.calls.arrived.get(self.keys.get(place, ""))
        missing = Answer("", error="not asked: the exam was interrupted")
        scores = self.scored(model, case, answer or missing)
        return Result(model, case, answer or missing, scores, answer is not None, repeat)

    def offered(self, result: Result) -> tuple[Passage, ...]:
        """The passages that a model was offered for a case; it may have been shown a part."""
        return self.given.get((result.model, result.case.id, result.repeat), ())

    @property
    def varied(self) -> tuple[tuple[Variant, Result], ...]:
        """What the models made of the variants."""
        return tuple(self.of_variants.values())

    @property
    def faults(self) -> Mapping[tuple[str, str], str]:
        """Exceptions that were nobody's mistake, each in one line, by (model, case id).

        What concerned no model alone has an empty name: variants of a case, probes, judges' exams.
        """
        return {**self.panel.faults, **self.noted.found}

    @property
    def spending(self) -> Spending:
        """What the run cost so far."""
        calls, purse = self.calls, self.rankings.purse
        budget = calls.budget
        return Spending(
            calls=budget.calls,
            tokens_in=calls.tokens_in,
            tokens_out=budget.tokens - calls.tokens_in,
            seconds=(self.ended or time.perf_counter()) - self.started,
            peak_memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            asked_again=self.asked_again,
            came_back=self.came_back,
            cost=budget.cost,
            paid_before=budget.before,
            judging=calls.judging,
            embedding=purse.paid if purse else NOTHING,
        )

    @property
    def speeds(self) -> Mapping[str, float]:
        """Tokens that each model generated a second, where it was asked and has tokens."""
        found = {name: tokens_per_second(calls) for name, calls in self.calls.timed.items()}
        return {name: speed for name, speed in found.items() if speed is not None}

    @property
    def total(self) -> int:
        """Results that there will be."""
        return len(self.requests.askings) * len(self.plan.cases)

    @property
    def done(self) -> int:
        """Results that are there."""
        return len(self.entered)

    @property
    def asked(self) -> int:
        """Results that a call of this run brought."""
        return sum(result.asked for result in [*self.entered.values()])

    @property
    def errors(self) -> Counter[str]:
        """Answers that failed so far, by what stands before the particulars of the reason."""
        failed = [each.answer.error for each in [*self.entered.values()] if each.answer.error]
        return Counter(re.split("[:(;]", error)[0].strip()[:60] for error in failed)

    @property
    def embedded(self) -> tuple[int, int] | None:
        """How many contracts of how many are embedded for the index, where they have to be."""
        return self.rankings.embedded

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
            and self.keys.get((result.model, result.case.id, result.repeat))
            in self.calls.journal.unkept
            for result in self._each
        )
