"""Every trick upon honest models, examined by a gate: against the honest self, and the floors."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cheating.honest import clause, retold
from bench.cheating.kind import asked
from bench.cheating.tricks import TRICKS
from bench.cheating.usual import usual_answers
from evals.gate import Critical, Gate
from evals.metrics.table import score
from evals.results import Result, Score
from fixtures.cases import Case, Dataset
from fixtures.retrieval.passages import Passage
from fixtures.retrieval.retrieval import Retriever, RetrieverOptions
from models.chat import Answer
from models.factory import open_models
from models.prompted import NOT_FOUND
from reports.report import Decision, Opponent
from reports.verdict.bars import Bars
from reports.verdict.decide import decide, gate_checks

OVERLAP = ("rougeL", "containment")
"""What overlap alone is: the metrics of deepeval's and ragas' tutorials that ask no model."""
RIGHT = 0.8
"""Share of its answers that a good model gets right, and of the silent cases that it declines."""
HONEST = Opponent("champion", "honest", "")
AS_IT_IS = "as it is"
"""The honest model in the place of a trick: what the exam makes of one that changes nothing."""


def without_critical(gate: Gate) -> Gate:
    """The gate without its critical categories: easier to pass, on any number of contracts.

    With them few contracts are INCONCLUSIVE whoever is examined, and refuse no trick.
    """
    return gate.model_copy(update={"critical": Critical()})


@dataclass(frozen=True)
class Setting:
    """Cases with what was retrieved for them, and what each honest model answers."""

    name: str
    cases: Sequence[Case]
    passages: Sequence[tuple[Passage, ...]]
    honest: Mapping[str, Sequence[str]]
    train: Sequence[Case]


def setting(data: Dataset, cache: Path, contracts: int) -> Setting:
    """The first contracts of a test split, by name, and what three models answer.

    The extractive baseline; one that quotes well, and is the baseline where it is wrong; and one
    that is right as often, in words of its own.
    """
    kept = sorted(data.test_contracts)[:contracts]
    cases = [case for case in data.cases if case.contract.id in kept]
    train = [case for case in data.cases if case.contract.id not in data.test_contracts]
    passages = Retriever(RetrieverOptions("bm25", 5), data.name, cache).retrieve(cases)
    extracted = asyncio.run(_answers("extractive", cases, passages))
    draw = random.Random(7)
    right = [draw.random() < RIGHT for _ in cases]
    said = {"extractive": extracted}
    for name, manner in (("good", clause), ("free", retold)):
        said[name] = [
            (manner(case) if case.answerable else NOT_FOUND) if ok else wrong
            for case, ok, wrong in zip(cases, right, extracted, strict=True)
        ]
    return Setting(data.name, cases, passages, said, train)


async def _answers(
    name: str, cases: Sequence[Case], passages: Sequence[tuple[Passage, ...]]
) -> list[str]:
    (model,) = open_models([name])
    await model.preflight()
    pairs = zip(cases, passages, strict=True)
    said = await asyncio.gather(*(model.answer(case, shown) for case, shown in pairs))
    await model.close()
    return [answer.text for answer in said]


Known = dict[tuple[str, str], Mapping[str, Score]]
"""Scores by case and text: many tricks say the same, whoever they are put on."""


def examined(
    name: str, texts: Sequence[str], world: Setting, metrics: Sequence[str], known: Known
) -> list[Result]:
    """Every answer, scored as an exam scores it, unless it is known."""
    found = []
    for case, shown, text in zip(world.cases, world.passages, texts, strict=True):
        answer = Answer(text, passages=shown)
        if (case.id, text) not in known:
            known[case.id, text] = score(case, answer, metrics)
        found.append(Result(name, case, answer, known[case.id, text], asked=False))
    return found


@dataclass(frozen=True)
class Tried:
    """One trick upon one honest model.

    Attributes:
        trick: its name.
        of: the honest model.
        floors: what the gate decides where there is no champion.
        against: what it decides where the honest model is the champion.
        failed: the metrics that fail against it.
        by_token_f1: whether token F1 alone would promote it: a loss within its margin.
        means: of every metric, of the trick.
        honest: of every metric, of the honest model.
    """

    trick: str
    of: str
    floors: Decision
    against: Decision
    failed: frozenset[str]
    by_token_f1: bool
    means: Mapping[str, float]
    honest: Mapping[str, float]

    @property
    def by_overlap(self) -> bool:
        """Whether a metric of plain overlap prefers it to the honest model."""
        return any(self.means[name] > self.honest[name] for name in OVERLAP)


def trials(world: Setting, gate: Gate, of: Sequence[str]) -> list[Tried]:
    """Each honest model of these names as it is, and every trick upon it."""
    usual = usual_answers(world.train)
    metrics = [*dict.fromkeys((*gate.gating, *OVERLAP))]
    known: Known = {}
    found = []
    for base in of:
        said = world.honest[base]
        honest = examined(HONEST.name, said, world, metrics, known)
        found.append(_tried(AS_IT_IS, base, honest, honest, gate))
        for name, trick in TRICKS.items():
            rows = zip(world.cases, world.passages, said, strict=True)
            texts = [trick(asked(case, shown, each, usual)) for case, shown, each in rows]
            results = examined(name, texts, world, metrics, known)
            found.append(_tried(name, base, results, honest, gate))
    return found


def _tried(
    name: str, base: str, results: Sequence[Result], honest: Sequence[Result], gate: Gate
) -> Tried:
    checks = gate_checks(gate, name, {name: results, HONEST.name: honest}, (HONEST,), Bars())
    alone = [check for check in checks if check.against != HONEST.words]
    mine, theirs = means(results), means(honest)
    margin = gate.metrics["token_f1"].margin or 0.0
    return Tried(
        trick=name,
        of=base,
        floors=decide(name, alone).outcome,
        against=decide(name, checks, HONEST).outcome,
        failed=frozenset(check.metric for check in checks if check.outcome == "FAIL"),
        by_token_f1=mine["token_f1"] >= theirs["token_f1"] - margin,
        means=mine,
        honest=theirs,
    )


def means(results: Sequence[Result]) -> dict[str, float]:
    """The mean of each metric over the cases that have one."""
    names = dict.fromkeys(name for result in results for name in result.scores)
    values = {
        name: [v for r in results if name in r.scores and (v := r.scores[name].value) is not None]
        for name in names
    }
    return {name: sum(each) / len(each) for name, each in values.items() if each}
