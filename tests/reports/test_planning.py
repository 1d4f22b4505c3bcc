"""What an exam says before it asks."""

import pytest

from evals.gate import Gate, MetricGate
from evals.results import Result, Score
from fixtures.cases import Case, Contract, Span
from models.chat import Answer
from reports.report import Opponent
from reports.statistics.estimates import Estimate
from reports.statistics.power import power_of
from reports.verdict.planning import format_correlations, too_few, what_it_takes
from reports.verdict.prospects import demands, format_prospects, prospect, too_small

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


def foreseen(cases, gate=GATE):
    found = [prospect(each, gate) for each in demands(gate, cases)]
    return found, "\n".join(format_prospects(found, gate))


def test_every_margin_is_told_what_difference_the_exam_detects():
    found, said = foreseen(cases(400))
    assert found[0].tells < 0.03
    assert f"{found[0].tells:.3f}, margin 0.03" in said
    head, line = said.splitlines()[1:3]
    assert head.split() == ["cases", "contracts", "tells", "a", "difference", "of", "shows"]
    assert line.split()[:3] == ["token_f1", "8,000", "400"]
    assert [head.index(each) for each in ("cases", "contracts")] == [
        line.index(each) for each in ("8,000", "400")
    ]
    assert "at 80% power, planned with guesses; said beforehand, it voids nothing" in said
    assert too_small(found) is None


def test_an_exam_too_small_for_its_margin_says_so_and_how_many_contracts_it_takes():
    found, said = foreseen(cases(10))
    takes = found[0].takes
    assert f"margin 0.03 takes {takes} contracts" in said
    assert too_small(found) == "the exam is too small for the margin of token_f1"
    assert not foreseen(cases(takes))[0][0].too_small
    assert foreseen(cases(takes - 1))[0][0].too_small


def test_a_floor_is_shown_of_a_model_so_much_above_it():
    gate = Gate(
        metrics={
            "token_f1": MetricGate(role="guard", floor=0.5),
            "laziness": MetricGate(role="guard", floor=0.5),
            "exact_match": MetricGate(role="guard", floor=0.99),
        }
    )
    (f1, lazy, exact), said = foreseen(cases(20, questions=5), gate)
    assert 0.5 < f1.shown_at < 0.8
    assert lazy.shown_at == pytest.approx(1 - f1.shown_at)  # a ceiling
    assert exact.shown_at is None
    assert "not floor 0.99, even by the best possible answers" in said
    near = foreseen(cases(400), gate)[0][0].shown_at
    assert 0.5 < near < f1.shown_at


def test_one_contract_tells_nothing():
    found, said = foreseen(cases(1))
    assert found[0].too_small
    assert "fewer than two contracts" in said


def test_an_amount_cannot_be_foreseen():
    gate = Gate(metrics={"latency": MetricGate(role="guard", floor=3.0)})
    assert "cannot be foreseen" in foreseen(cases(4), gate)[1]


def test_as_many_more_contracts_as_are_said_have_the_power():
    found = Estimate(0.01, -0.04, 0.06, 400, 40)
    more = int(what_it_takes(found, -0.03, GATE).split()[1])
    error = 0.05 / 1.6849  # t of 39 degrees of freedom at 0.95
    assert power_of(0.04, error * (40 / (40 + more)) ** 0.5, 40 + more) >= 0.8
    assert power_of(0.04, error * (40 / (39 + more)) ** 0.5, 39 + more) < 0.8
    # Of a mean on the wrong side, as many as show that it is there.
    assert what_it_takes(Estimate(-0.07, -0.12, -0.02, 400, 40), -0.03, GATE) == (
        f"about {more} more contracts would settle it"
    )


def test_a_mean_on_the_line_is_said_not_to_be_settled_by_any_number():
    said = what_it_takes(Estimate(0.5, 0.4, 0.6, 400, 40), 0.5, GATE)
    assert said == "it lies so near to the line that 100,000 contracts would not settle it"
    assert what_it_takes(Estimate(0.5, None, None, 4, 1), 0.5, GATE) == ""


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
    assert line.endswith("; the differences of new from the champion old had: token_f1 1.00")
    assert format_correlations(GATE, old, old, champion) == ()
    assert format_correlations(GATE, new, [], champion) == ()
