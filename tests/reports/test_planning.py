"""What an exam says before it asks."""

from evals.gate import Gate, MetricGate
from evals.results import Result, Score
from fixtures.cases import Case, Contract, Span
from models.chat import Answer
from reports.report import Opponent
from reports.verdict.planning import (
    format_correlations,
    minimum_detectable_effects,
    too_few,
)

GATE = Gate(
    metrics={
        "token_f1": MetricGate(role="guard", margin=0.03),
        "abstention": MetricGate(role="guard", floor=0.5),
    }
)


def cases(contracts, questions=20):
    spans = (Span("text", 0),)
    return [
        Case(f"{c}/{q}", f"{c}-{q}", Contract(f"c{c}", f"text {c}"), "cat", "why?", spans)
        for c in range(contracts)
        for q in range(questions)
    ]


def test_every_margin_is_told_what_difference_the_exam_detects():
    (found,) = minimum_detectable_effects(GATE, cases(400))
    assert "400 contracts tell a difference of 0.0" in found.line
    assert "margin is 0.03" in found.line
    assert not found.too_small


def test_an_exam_too_small_for_its_margin_says_so():
    (found,) = minimum_detectable_effects(GATE, cases(10))
    assert found.too_small
    assert "too small" in found.line


def test_one_contract_tells_nothing():
    (found,) = minimum_detectable_effects(GATE, cases(1))
    assert found.too_small
    assert "fewer than two contracts" in found.line


def test_what_cannot_conclude_for_want_of_cases_is_said_before_they_are_asked():
    gate = Gate(metrics={**GATE.metrics, "hit@5": MetricGate(role="guard", floor=0.5)})
    line = too_few(gate, cases(2, questions=5))
    assert line and "20 cases of 2 contracts" in line
    assert line.endswith(": token_f1 has 10 of 2, abstention has 0 of 0")
    assert "token_f1" not in str(too_few(gate, cases(4)))
    assert too_few(Gate(metrics={"token_f1": GATE.metrics["token_f1"]}), cases(4)) is None


def scored(model, cases, value):
    return [Result(model, c, Answer("x"), {"token_f1": Score(value(c))}, True) for c in cases]


def test_the_correlation_that_was_found_is_said_beside_the_planned_one():
    champion, asked = Opponent("champion", "old", ""), cases(10, questions=2)
    # Contracts differ from each other, and the two questions of each do not.
    new = scored("new", asked, lambda case: float(case.contract.id in ("c1", "c2")))
    old = scored("old", asked, lambda case: 0.0)
    (line,) = format_correlations(GATE, new, old, champion)
    assert line.startswith("planned with a correlation of 0.05 within contracts")
    assert line.endswith("from the champion old had: token_f1 1.00")
    assert format_correlations(GATE, old, old, champion) == ()
    assert format_correlations(GATE, new, [], champion) == ()
