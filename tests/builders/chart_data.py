"""Reports for the tests of charts: as many contracts and models as they like, by chosen scores."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from evals.gate import Gate
from evals.results import Result, Score
from evals.stages import ANSWERABLE
from fixtures.cases import Case, Contract, Span
from models.chat import Answer
from reports.archive import as_written
from reports.report import Finding, ModelFacts, Opponent, Report, Section
from reports.statistics.intervals import cluster_mean
from reports.verdict.conclude import conclude
from tests.builders.report_data import SPENDING, header

GATE = Gate.model_validate(
    {
        "minimum_cases": 1,
        "metrics": {
            "token_f1": {"role": "primary", "floor": 0.25, "margin": 0.03},
            "laziness": {"role": "guard", "floor": 0.8, "margin": 0.05},
        },
    }
)
TEXT = "Two years."

Scores = Callable[[Case, Random], Mapping[str, float | None]]


def cases_of(contracts: int, questions: int) -> list[Case]:
    """Questions of as many categories about each contract; every third has no answer."""
    return [
        Case(
            f"c{c}q{q}",
            f"c{c}-q{q}",
            contract,
            f"Category {q}",
            f"Q{q}?",
            (Span(TEXT, 0),) if q % 3 else (),
        )
        for c in range(contracts)
        for contract in [Contract(f"Contract {c}", TEXT)]
        for q in range(questions)
    ]


def shares(mean: float) -> Scores:
    """A graded score about a mean, and one of 0 or 1."""

    def scores(case: Case, random: Random) -> Mapping[str, float | None]:
        if not case.answerable:
            return {"abstention": float(random.random() < mean)}
        return {
            "token_f1": min(max(random.gauss(mean, 0.3), 0.0), 1.0),
            "laziness": float(random.random() > mean),
        }

    return scores


def examined(
    models: Mapping[str, Scores],
    champion: str | None = None,
    contracts: int = 6,
    questions: int = 6,
    gate: Gate = GATE,
    answer: Callable[[Random], Mapping[str, Any]] = lambda _: {},
    **changes: Any,
) -> Report:
    """A report as its readers have it.

    Args:
        models: what gives each model's scores, by name.
        champion: which of them is it.
        contracts: how many.
        questions: about each.
        gate: what is asked.
        answer: gives further fields of an answer.
        changes: further arguments of `conclude`.
    """
    results = []
    for model, scores in models.items():
        random = Random(model)
        for case in cases_of(contracts, questions):
            found = {name: Score(value) for name, value in scores(case, random).items()}
            said = Answer(TEXT, 100, 10, random.random(), **answer(random))
            results.append(Result(model, case, said, found, asked=model != champion))
    facts = tuple(
        ModelFacts(model, role="champion" if model == champion else "candidate") for model in models
    )
    opponents = (Opponent("champion", champion, "c" * 64),) if champion else ()
    made = header(*models, gate=gate, models=facts)
    return as_written(conclude(made, results, SPENDING, gate, opponents=opponents, **changes))


def loss(counts: Mapping[str, Mapping[str, int]]) -> Section:
    """Where the answers of each model were lost, by count at each stage of an answerable case."""
    findings = []
    for model, at in counts.items():
        n = sum(at.values())
        contracts = [str(number % 4) for number in range(n)]
        for stage in ANSWERABLE:
            values = [float(number < at.get(stage, 0)) for number in range(n)]
            reason = f"{at.get(stage, 0)} of {n} cases; 2 more have no answer or no score"
            estimate = cluster_mean(values, contracts)
            findings.append(Finding(model, f"answerable: {stage}", estimate, reason))
    return Section("loss", "Where answers are lost", "", tuple(findings))
