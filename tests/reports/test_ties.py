"""Answers on which the judges differ go to a person, whose score stands beside the verdict."""

import pytest

from evals.gate import Gate, MetricGate
from evals.judges.judge import weighed
from evals.labels import Label
from evals.results import Result, Score
from fixtures.cases import Case, Contract
from models.chat import Answer
from reports.sections.ties import BY_PERSON, LEFT, format_ties, is_tied, ties_section

WEIGHTS = {"a": 0.5, "b": 0.5, "deaf": 0.0}


def votes(*said):
    return Score(None, "", tuple(zip(("a", "b", "deaf"), said, strict=False)))


@pytest.mark.parametrize(
    ("said", "tied"),
    [
        ((0.2, 0.6), True),  # either side of the mark, at equal weight
        ((0.6, 1.0), False),  # just 0.4 apart
        ((0.55, 1.0), True),
        ((0.0, 0.0), False),
        ((0.5, 0.5), False),
        ((0.4, 0.5), True),
        ((0.5, 0.5, 0.0), False),  # who is not heard ties nothing
        ((0.9, None), False),
        ((None, None), False),
    ],
)
def test_what_is_left_to_a_person(said, tied):
    assert is_tied(votes(*said), WEIGHTS, 0.5) == tied


def test_one_judge_alone_ties_with_nobody():
    assert not is_tied(Score(0.5), {}, 0.5)
    assert not is_tied(votes(0.1, 0.9), {"a": 1.0, "b": 0.0}, 0.5)


def results(model="mine", repeats=1):
    """Forty answers, one in four of which the judges differ on: 0.5 for the panel, else 0.8."""
    found = []
    for number in range(40):
        contract = Contract(f"c{number // 4}", "Text.")
        case = Case(str(number), str(number), contract, "Term", "How long?", ())
        score = weighed(votes(0.2, 0.8, 0.0) if number % 4 == 0 else votes(0.8, 0.8, 0.0), WEIGHTS)
        answer = Answer(f"Answer {number}.")
        found.append(Result(model, case, answer, {"correctness": score}, True, repeats=repeats))
    return found


def labels(numbers, score=1.0, **changes):
    return [Label(str(n), **{"score": score, "answer": f"Answer {n}.", **changes}) for n in numbers]


def section(given=(), **options):
    return ties_section({"mine": results(**options)}, given, WEIGHTS, Gate())


def test_how_many_are_left_is_said_and_how_to_have_them_scored():
    found = section()
    (finding,) = found.findings
    assert finding.estimate.mean == 0.25
    assert finding.reason == "10 of 40 answers"
    (line,) = format_ties([found], "20260101-000000-abcd")
    assert line.startswith("10 answers are left to a person")
    assert line.endswith("python -m reports.labelling 20260101-000000-abcd --tied")


def test_a_persons_score_takes_the_place_of_the_panels():
    scored = section(labels(range(0, 40, 4)))
    found = scored.of("mine", BY_PERSON)
    assert found.estimate.mean == pytest.approx((30 * 0.8 + 10 * 1.0) / 40)
    assert found.reason == "the judges alone say 0.725"
    assert scored.of("mine", LEFT).reason == "0 of 40 answers; 10 more were scored by a person"
    assert [*format_ties([scored], "run")] == []


def test_those_that_nobody_scored_stay_the_judges_and_it_is_said():
    scored = section(labels([0, 4]))
    found = scored.of("mine", BY_PERSON)
    assert found.estimate.mean == pytest.approx((30 * 0.8 + 8 * 0.5 + 2 * 1.0) / 40)
    assert scored.of("mine", LEFT).reason == "8 of 40 answers; 2 more were scored by a person"
    (line,) = format_ties([scored], "run")
    assert line.startswith("8 answers are left")


def test_a_floor_that_a_persons_scores_do_not_reach_is_said():
    gate = Gate(metrics={"correctness": MetricGate(role="guard", floor=0.7)})
    low = labels(range(0, 40, 4), score=0.0)
    found = ties_section({"mine": results()}, low, WEIGHTS, gate).of("mine", BY_PERSON)
    assert (found.outcome, found.estimate.mean) == ("INCONCLUSIVE", pytest.approx(0.6))
    assert found.reason == "the judges alone say 0.725; the gate's floor is 0.7"


@pytest.mark.parametrize(
    "given",
    [labels([1, 2, 3]), labels([0], answer="Another."), labels([0], model="another")],
    ids=["of others", "of another answer", "of another model"],
)
def test_a_score_of_something_else_changes_nothing(given):
    assert section(given).of("mine", BY_PERSON) is None


def test_a_case_that_was_asked_repeatedly_is_nobodys_to_score():
    assert section(repeats=3).of("mine", LEFT).estimate.mean == 0


def test_without_a_panel_there_is_no_section():
    assert ties_section({"mine": results()}, (), {}, Gate()).findings == ()
    assert [*format_ties([section(repeats=3)], "run")] == []
