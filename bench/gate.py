"""The gate on 20,000 cases x 6 metrics: from results to verdict."""

import random
import time

from bench.results import Finding, Row, at_most
from evals.gate import Gate, MetricGate
from evals.results import Result, Score, Spending
from fixtures.cases import Case, Contract, Span
from models.chat import Answer
from reports.report import (
    DatasetFacts,
    Fingerprint,
    GateFacts,
    Header,
    Opponent,
    RetrieverFacts,
)
from reports.verdict.conclude import conclude

METRICS = ("exact_match", "token_f1", "containment", "jaccard", "laziness", "hit@5")
CONTRACTS, QUESTIONS = 500, 40


def measure() -> Finding:
    """Conclude on two models, candidate and champion, as `pytest evals --baseline` does."""
    gate = Gate(
        metrics={name: MetricGate(role="guard", floor=0.5, margin=0.02) for name in METRICS}
    )
    results = [*_results("candidate", 1), *_results("champion", 2)]
    header = Header(
        "", "", "", {}, DatasetFacts("", "", "all"), RetrieverFacts("none", 0), (), GateFacts(),
        Fingerprint(),
    )  # fmt: skip
    opponent = Opponent("champion", "champion", "")
    started = time.perf_counter()
    report = conclude(header, results, Spending(0, 0, 0, 1.0, 0), gate, opponents=[opponent])
    seconds = time.perf_counter() - started
    return Finding(
        "20,000 cases x 6 metrics, candidate against champion",
        "`reports.report.conclude` on results in memory: estimates overall, by category and by "
        f"contract, {len(report.verdicts[0].checks)} checks, and the verdict.",
        [at_most("seconds", seconds, 10.0, " s"), Row("results", f"{len(results):,}")],
    )


def _results(model: str, seed: int) -> list[Result]:
    draw = random.Random(seed)
    spans = (Span("text", 0),)
    contracts = [Contract(f"contract {number}", f"text {number}") for number in range(CONTRACTS)]
    return [
        Result(
            model,
            Case(f"{contract.id}/{q}", f"{contract.id}-{q}", contract, f"cat {q}", "why?", spans),
            Answer("text"),
            {name: Score(float(draw.random() < 0.7)) for name in METRICS},
            asked=False,
        )
        for contract in contracts
        for q in range(QUESTIONS)
    ]
