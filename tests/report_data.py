"""Reports for the tests of pages: real cases and scores, chosen answers."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from evals.gate import Gate, MetricGate
from evals.metrics.table import score
from evals.results import Result, Spending
from fixtures.cases import Case
from models.chat import Answer
from reports.archive import as_json
from reports.report import Header
from reports.verdict.conclude import conclude

GATE = Gate(
    minimum_cases=1,
    metrics={
        "token_f1": MetricGate(role="guard", floor=0.5),
        "hit@5": MetricGate(role="guard", floor=0.5),
    },
)


def written(
    cases: Sequence[Case], answers: dict[str, Callable[[Case], Answer]], gate: Gate = GATE
) -> dict[str, Any]:
    """The value of report.json, as it is read from disk; a case is missed at token_f1 0."""
    results = [
        Result(model, case, answer, score(case, answer), asked=True)
        for model, say in answers.items()
        for case in cases
        for answer in [say(case)]
    ]
    header = Header(
        id="20260101-000000-abcd",
        started="2026-01-01T00:00:00Z",
        command="pytest evals",
        provenance={"commit": "c0ffee", "packages": {"torch": "2.13.0"}},
        dataset={"name": "sample", "split": "all", "limit": None},
        retriever={"kind": "hybrid", "k": 5},
        models=[{"name": model} for model in answers],
        gate=gate.model_dump(mode="json", by_alias=True),
        fingerprint={},
    )
    spending = Spending(
        calls=1234, tokens_in=56789, tokens_out=321, seconds=75.2, peak_memory=3 << 30
    )
    missed = {
        (result.model, result.case.id): ("test_answers",)
        for result in results
        if "token_f1" in result.scores and result.scores["token_f1"].value == 0
    }
    report = replace(
        conclude(header, results, spending, gate, speeds=dict.fromkeys(answers, 1234.0)),
        missed=missed,
    )
    value: dict[str, Any] = json.loads(json.dumps(as_json(report)))
    return value
