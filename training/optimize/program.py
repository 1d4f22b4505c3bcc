"""A registry's program, optimised: what the optimiser is given, and what it made."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.provenance import commit, versions
from evals.judges.judge import Judge, Panel, Submission
from evals.metrics.dspy_metric import CaseMetric, Scores, case_metric, example_of
from evals.results import Score
from fixtures.cases import Case, Contract, Dataset
from models.chat import Answer
from models.factory import Chats
from models.identity.identities import promotion_identity
from models.manifest import Manifest
from models.price import summed
from models.program.model import ProgramModel
from training.data.lineage import contract_entries, join_entries, seen_by
from training.data.material import TrainedText, refuse_exam
from training.optimize.calls import FinalCalls
from training.optimize.material import Material
from training.optimize.recipe import Recipe

PROPOSAL = 512
"""Tokens that a proposed instruction may need."""


@dataclass(frozen=True)
class Compiled:
    """A program as an optimiser left it: what dspy saves of it, and its manifest."""

    state: Mapping[str, Any]
    manifest: Manifest


@dataclass(frozen=True)
class Optimization:
    """One recipe, with all that it names opened; nothing is asked yet.

    Attributes:
        recipe: what is to be done.
        dataset: whose train split is learnt from.
        material: the cases of it.
        model: the program as it is.
        chats: opens teacher and proposer.
        judge: scores, for a metric that no rule scores.
        registry: of the entries.
    """

    recipe: Recipe
    dataset: Dataset
    material: Material
    model: ProgramModel
    chats: Chats
    judge: Judge | None
    registry: Path

    async def run(self, calls: FinalCalls, panel: Panel, log: Path) -> Compiled:
        """Optimise the program.

        Raises:
            UserError: a call failed or was declined, the optimiser cannot go on, or what it made
                repeats a contract of an exam.
        """
        import dspy

        from training.optimize.demonstrations import written
        from training.optimize.run import Assignment, optimize, state_of

        begun = time.perf_counter()
        module = self.model.program.module
        metric = self._metric(panel)
        teacher, generator = self.recipe.teacher, self.model.generator
        given = Assignment(
            program=module,
            adapter=getattr(module, "adapter", None) or dspy.ChatAdapter(),
            metric=metric,
            train=[self._example(case) for case in self.material.train],
            validation=[self._example(case) for case in self.material.validation],
            model=generator,
            teacher=self.chats.open(teacher) if teacher else generator,
            proposer=self.chats.open(teacher or self.model.pipeline.entry.generator, PROPOSAL),
        )
        found = await optimize(given, self.recipe, calls, log)
        state = written(state_of(found.program))
        self._check(state)
        scores = {
            "metric": self.recipe.metric,
            "cases": len(self.material.validation),
            "before": round(found.before, 4),
            "after": round(found.after, 4),
            "unscored": sum(metric.unscored.values()),
        }
        return Compiled(state, self._manifest(calls, scores, time.perf_counter() - begun))

    def _metric(self, panel: Panel) -> CaseMetric:
        scores = _judged(self.judge, panel) if self.judge else None
        return case_metric(
            self.recipe.metric, self.material.cases, scores=scores, shown=self.material.passages
        )

    def _example(self, case: Case) -> Any:
        """What the program is given of a case in an exam."""
        shown = self.model.shown(case, self.material.passages[case.identity])
        return example_of(case, passages=[passage.text for passage in shown])

    def _check(self, state: Mapping[str, Any]) -> None:
        """Refuse what repeats a contract of an exam beyond what contracts have in common.

        Demonstrations quote contracts of the train split, clauses that others share included; what
        a model wrote may quote any that it has seen.
        """
        learnt = Contract("", "\n".join(contract.text for contract in self.material.contracts))
        texts = [TrainedText("the compiled program", text, learnt) for text in _texts(state)]
        refuse_exam(texts, [self.dataset])

    def _manifest(self, calls: FinalCalls, scores: Mapping[str, Any], seconds: float) -> Manifest:
        recipe, entry = self.recipe, self.model.pipeline.entry
        names = [entry.generator, *([recipe.teacher] if recipe.teacher else [])]
        contracts = contract_entries(self.material.contracts)
        paid = summed(answer.cost for answer in calls.brought)
        replies = [answer for answer in calls.brought if answer.error is None]
        return Manifest(
            contracts=join_entries(contracts, seen_by([recipe.program, *names], self.registry)),
            cases=tuple(case.identity for case in self.material.cases),
            datasets=[recipe.dataset],
            method=recipe.optimizer.kind,
            base=entry.generator,
            start={"name": recipe.program, "identity": promotion_identity(self.model)},
            teacher=recipe.teacher,
            recipe=recipe.model_dump(mode="json"),
            data={
                "dataset": recipe.dataset,
                "identity": self.dataset.identity,
                "contracts": len(self.material.contracts),
                "train": len(self.material.train),
                "validation": len(self.material.validation),
            },
            scores=dict(scores),
            cost={
                "calls": len(replies),
                "tokens_in": sum(answer.tokens_in for answer in replies),
                "tokens_out": sum(answer.tokens_out for answer in replies),
                "usd": None if paid is None else f"{paid:f}",
            },
            seconds=round(seconds, 1),
            commit=commit(),
            versions={**versions(), "dspy": _dspy_version()},
            seed=recipe.seed,
        )


def _judged(judge: Judge, panel: Panel) -> Scores:
    """A judge's scores, for a thread that the running loop is not of."""
    loop = asyncio.get_running_loop()

    def scores(case: Case, answer: Answer) -> Score:
        work = panel.score(judge, Submission(case, answer))
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    return scores


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _dspy_version() -> str:
    from importlib.metadata import version

    return version("dspy")
