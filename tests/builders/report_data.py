"""Reports for the tests of pages: real cases and scores, chosen answers."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from evals.gate import Gate, MetricGate
from evals.metrics.table import score
from evals.results import Result, Spending
from fixtures.cases import Case
from models.chat import Answer
from reports.archive import as_written
from reports.listing import with_missed
from reports.report import (
    DatasetFacts,
    Fingerprint,
    GateFacts,
    Header,
    MetricRule,
    ModelFacts,
    Opponent,
    Report,
    ReportedPassage,
    RetrieverFacts,
    Role,
)
from reports.verdict.conclude import conclude

GATE = Gate(
    minimum_cases=1,
    metrics={
        "token_f1": MetricGate(role="guard", floor=0.5),
        "hit@5": MetricGate(role="guard", floor=0.5),
    },
)
SPENDING = Spending(calls=1234, tokens_in=56789, tokens_out=321, seconds=75.2, peak_memory=3 << 30)


def header(*models: str, gate: Gate = GATE, **changes: Any) -> Header:
    """What was examined; `changes` are other fields."""
    rules = gate.model_dump(mode="json", by_alias=True)
    known = {
        "id": "20260101-000000-abcd",
        "started": "2026-01-01T00:00:00Z",
        "command": "pytest evals",
        "provenance": {"commit": "c0ffee", "packages": {"torch": "2.13.0"}},
        "dataset": DatasetFacts("sample", "d" * 64, "all"),
        "retriever": RetrieverFacts("hybrid", 5),
        "models": tuple(ModelFacts(model) for model in models),
        "gate": GateFacts(
            alpha=gate.alpha,
            pass_marks=rules["pass_marks"],
            metrics={name: MetricRule(**rule) for name, rule in rules["metrics"].items()},
        ),
        "fingerprint": Fingerprint(),
    }
    return Header(**{**known, **changes})


def written(
    cases: Sequence[Case],
    answers: dict[str, Callable[[Case], Answer]],
    gate: Gate = GATE,
    champion: str = "",
) -> Report:
    """A report as its readers have it; a case is missed at token_f1 0.

    `champion` names the model, if any, that the others are measured against.
    """
    results = [
        Result(model, case, answer, score(case, answer), asked=True)
        for model, say in answers.items()
        for case in cases
        for answer in [say(case)]
    ]
    missed = {
        (result.model, result.case.id): ("test_answers",)
        for result in results
        if "token_f1" in result.scores and result.scores["token_f1"].value == 0
    }
    roles: dict[str, Role] = {
        name: "champion" if name == champion else "candidate" for name in answers
    }
    models = tuple(ModelFacts(name, name * 8, role=role) for name, role in roles.items())
    opponents = [Opponent("champion", champion, champion * 8)] if champion else []
    report = conclude(
        header(gate=gate, models=models) if champion else header(*answers, gate=gate),
        results,
        SPENDING,
        gate,
        opponents=opponents,
        speeds=dict.fromkeys(answers, 1234.0),
    )
    return as_written(with_missed(report, missed))


def enlarged(report: Report, count: int) -> Report:
    """The report with `count` cases: its own again and again, of contracts of their own.

    What stands about the exam as a whole stays as it was.
    """
    own = [
        [each for each in report.results if each.case == place]
        for place in range(len(report.cases))
    ]
    passages: list[ReportedPassage] = []
    cases, results = [], []
    for place in range(count):
        again, source = divmod(place, len(report.cases))
        case = report.cases[source]
        cases.append(
            replace(
                case,
                id=f"{case.id}-{again}",
                slug=f"{case.slug}-{again}",
                contract=f"{case.contract}-{again}",
            )
        )
        for result in own[source]:
            first = len(passages)
            for number in result.passages:
                passage = report.passages[number]
                passages.append(replace(passage, contract=f"{passage.contract}-{again}"))
            shown = tuple(range(first, len(passages)))
            results.append(replace(result, case=place, passages=shown, further=()))
    copies = -(-count // len(report.cases))
    return replace(
        report,
        contracts=tuple(
            replace(group, name=f"{group.name}-{again}")
            for again in range(copies)
            for group in report.contracts
        ),
        cases=tuple(cases),
        passages=tuple(passages),
        results=tuple(results),
    )
