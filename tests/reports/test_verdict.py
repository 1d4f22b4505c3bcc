"""What the gate concludes, from results whose right answer is known."""

import dataclasses
import random

import pytest

from evals.gate import Gate, MetricGate
from evals.results import Result, Score
from fixtures.cases import Case, Contract, Span
from models.chat import Answer
from reports.report import Check, Opponent
from reports.verdict.conclude import conclude
from reports.verdict.decide import decide
from tests.builders.report_data import SPENDING, header

CHAMPION = Opponent("champion", "champion", "c" * 64)
ANCHOR = Opponent("anchor", "anchor", "a" * 64)
HEADER = header()


def gate(**entry):
    defaults = {"role": "guard", "margin": 0.05}
    return Gate(metrics={"exact_match": MetricGate(**(defaults | entry))})


MARGIN = gate()


def results(model, share, contracts=40, questions=25, metric="exact_match", seed=0, lost=0.0):
    """A model that is right on this share of the cases, drawn alike for every model."""
    draw = random.Random(seed)
    made = []
    for c in range(contracts):
        contract = Contract(f"contract {c}", f"text {c}")
        for q in range(questions):
            case = Case(f"{c}/{q}", f"{c}-{q}", contract, "cat", "why?", (Span("text", 0),))
            right, gone = draw.random() < share, draw.random() < lost
            answer = Answer("", error="time-out") if gone else Answer("text")
            score = Score(None, "no answer: time-out") if gone else Score(float(right))
            made.append(Result(model, case, answer, {metric: score}, asked=True))
    return made


def verdict(candidate, *others, gate=None, opponents=(CHAMPION,)):
    rows = [*candidate, *(row for other in others for row in other)]
    return conclude(HEADER, rows, SPENDING, gate or MARGIN, opponents=opponents).verdicts[0]


@pytest.mark.parametrize(
    ("share", "outcome"), [(0.7, "PROMOTE"), (0.69, "PROMOTE"), (0.3, "REJECT"), (0.95, "PROMOTE")]
)
def test_own_slightly_worse_clearly_worse_and_better_answers(share, outcome):
    found = verdict(results("new", share), results("champion", 0.7))
    assert found.outcome == outcome, found.checks


def test_too_few_contracts_are_inconclusive_and_say_how_many_more():
    found = verdict(
        results("new", 0.70, contracts=5, questions=8, seed=1),
        results("champion", 0.72, contracts=5, questions=8, seed=2),
    )
    assert found.outcome == "INCONCLUSIVE"
    assert "more contracts would settle it" in found.reasons[0]


def test_lower_is_better_turns_the_sign_and_keeps_the_unit():
    lazy = Gate(metrics={"laziness": MetricGate(role="guard", margin=0.05)})
    worse = verdict(
        results("new", 0.5, metric="laziness"),
        results("champion", 0.1, metric="laziness"),
        gate=lazy,
    )
    assert worse.outcome == "REJECT"
    estimate = worse.checks[0].estimate
    assert estimate.mean == pytest.approx(0.4, abs=0.03)
    assert estimate.low < estimate.mean < estimate.high


def test_superiority_must_be_shown():
    better = gate(goal="superior", margin=None)
    champion = results("champion", 0.6)
    assert verdict(results("new", 0.8), champion, gate=better).outcome == "PROMOTE"
    assert verdict(results("new", 0.6), champion, gate=better).outcome != "PROMOTE"
    assert verdict(results("new", 0.4), champion, gate=better).outcome == "REJECT"


def test_margin_creep_fails_against_the_anchor():
    first, second, third = (
        results(n, s) for n, s in (("anchor", 0.70), ("champion", 0.665), ("new", 0.63))
    )
    alone = verdict(third, second)
    both = verdict(third, second, first, opponents=(CHAMPION, ANCHOR))
    assert alone.outcome == "PROMOTE"
    assert both.outcome != "PROMOTE"
    assert not both.improves_anchor
    assert any("anchor" in reason for reason in both.reasons)


def test_a_loss_to_the_champion_does_not_move_the_anchor():
    """While the champion is the anchor itself, a chain of small losses must not carry it along."""
    found = verdict(results("new", 0.68), results("champion", 0.70))
    assert found.outcome == "PROMOTE"
    assert not found.improves_anchor


def test_the_first_champion_is_the_anchor():
    assert verdict(results("new", 0.9), gate=gate(floor=0.1), opponents=()).improves_anchor


def test_a_metric_that_one_side_avoids_is_lost():
    silent = [
        dataclasses.replace(row, scores={"exact_match": Score(None, "nothing to check")})
        if number % 4
        else row
        for number, row in enumerate(results("new", 0.7))
    ]
    assert verdict(silent, results("champion", 0.7)).outcome == "INCONCLUSIVE"


def test_an_improvement_over_the_anchor_is_marked():
    rows = results("new", 0.9), results("champion", 0.7), results("anchor", 0.72)
    assert verdict(*rows, opponents=(CHAMPION, ANCHOR)).improves_anchor


def test_lost_answers_are_neither_zero_nor_dropped():
    found = verdict(results("new", 0.7, lost=0.1), results("champion", 0.7))
    assert found.outcome == "INCONCLUSIVE"
    assert "lack an answer" in found.reasons[0]
    floor = verdict(results("new", 0.99, lost=0.1), gate=gate(margin=None, floor=0.1), opponents=())
    assert floor.outcome == "INCONCLUSIVE"


def test_all_answers_failed():
    found = verdict(results("new", 0.7, lost=1.0), results("champion", 0.7))
    assert found.outcome == "INCONCLUSIVE"


def test_one_contract_only():
    found = verdict(
        results("new", 0.7, contracts=1, questions=40),
        results("champion", 0.2, contracts=1, questions=40),
    )
    assert found.outcome == "INCONCLUSIVE"
    assert "one contract" in found.reasons[0]


def test_a_metric_missing_on_one_side():
    other = [dataclasses.replace(row, scores={}) for row in results("champion", 0.7)]
    found = verdict(results("new", 0.7), other)
    assert found.outcome == "INCONCLUSIVE"
    assert "no case was scored on both sides" in found.reasons[0]


def test_nan_is_no_value():
    broken = [
        dataclasses.replace(row, scores={"exact_match": Score(float("nan"))})
        for row in results("new", 0.7)
    ]
    assert verdict(broken, results("champion", 0.7)).outcome == "INCONCLUSIVE"


def test_own_answers_pass_without_spread():
    champion = results("champion", 0.7)
    own = [dataclasses.replace(row, model="new") for row in champion]
    found = verdict(own, champion)
    assert found.outcome == "PROMOTE"
    assert found.checks[0].estimate.mean == 0


def test_minimum_cases():
    small = gate(margin=None, floor=0.1).model_copy(update={"minimum_cases": 2000})
    found = verdict(results("new", 0.9), gate=small, opponents=())
    assert found.outcome == "INCONCLUSIVE"
    assert "2000" in found.reasons[0]


def test_nothing_asked_is_no_promotion():
    assert decide("new", []).outcome == "INCONCLUSIVE"


def test_one_failure_outweighs_everything():
    checks = [Check("a", "floor", "PASS", "a"), Check("b", "floor", "FAIL", "b"),
              Check("c", "floor", "INCONCLUSIVE", "c")]  # fmt: skip
    found = decide("new", checks)
    assert (found.outcome, found.reasons) == ("REJECT", ("b",))
