"""What people's labels and the judges' exam say beside a check: shown, and never a verdict."""

import dataclasses

import numpy as np
import pytest

from bench.judged_world import JudgedWorld, judged_exam
from evals.gate import Gate, MetricGate
from evals.judges.judge_exam import JudgeExam, Trial
from evals.judges.pairs import Pair
from evals.labels import DIFFERING, TIED, Label
from evals.results import Result, Score
from fixtures.cases import Case, Contract
from models.chat import Answer
from reports.report import Opponent
from reports.sections.judge_curve import BINS, LABELLED, curve_section
from reports.sections.labels import examined, labels_section

WORLD = JudgedWorld(contracts=40, labels=300, difference=-0.1, bias=0.1)
DRAWN = judged_exam(WORLD, (0,))
CHAMPION = Opponent("champion", "old", "c" * 64)
ANCHOR = Opponent("anchor", "oldest", "a" * 64, tries=4)
ASKED = Gate(metrics={"correctness": MetricGate(role="guard", floor=0.5, margin=0.03)})
MEASURE = "correctness of 0.5 or more"


def results(model, judged, *, right=None):
    """A model's answers; where `right` is given those that are right have the same text."""
    names = DRAWN.contracts
    texts = [f"{model} says" if right is None or not right[i] else "yes" for i in range(len(names))]
    return [
        Result(
            model,
            Case(f"case {place}", f"{place}", Contract(name, name), "c", "Q?", ()),
            Answer(text),
            {"correctness": Score(float(score))},
            asked=True,
        )
        for place, (name, text, score) in enumerate(zip(names, texts, judged, strict=True))
    ]


def labels(model, right, known=None):
    known = DRAWN.labelled if known is None else known
    return [Label(f"case {i}", float(right[i]), model) for i in np.flatnonzero(known)]


NEW = results("new", DRAWN.judge)
OLD = results("old", DRAWN.of_champion)
BOTH = [*labels("new", DRAWN.candidate), *labels("old", DRAWN.champion)]


@dataclasses.dataclass(frozen=True)
class Named:
    """As much of a judge as the section reads."""

    metric: str = "correctness"
    name: str = "served"


def taken(*, sensitive=0.9, lenient=0.1, metric="correctness", name="served", count=400):
    """A judge's exam of as many right answers as wrong ones."""
    exam = JudgeExam(Named(metric, name), Named(metric, name), None, ())
    for place in range(count):
        right, far = place % 2 == 0, place // 2 % 10 / 10
        passes = far < (sensitive if right else lenient)
        pair = Pair(contract=f"k{place // 20}", category="c", kind="k", question=f"{place}?",
                    expected=("x",), answer="a", score=float(right))  # fmt: skip
        exam.agreement.append(Trial(pair, Score(0.9 if passes else 0.1)))
    return exam


def section(rows=(*NEW, *OLD), given=BOTH, exams=(), gate=ASKED, opponents=(CHAMPION,)):
    return labels_section(rows, given, exams, gate, opponents, {})


def test_the_difference_is_peoples_and_not_the_judges():
    """The judge favours the candidate, which people find worse by a tenth."""
    found = section().of("new", "correctness against champion old")
    assert found.estimate.low <= WORLD.difference <= found.estimate.high
    assert DRAWN.judge.mean() - DRAWN.of_champion.mean() > found.estimate.high
    assert found.outcome == "FAIL"
    assert "300 labels alone say" in found.reason
    assert "the gate's margin is 0.03" in found.reason


def test_the_mean_is_held_against_the_floor():
    found = section().of("new", "correctness")
    assert found.estimate.low <= WORLD.candidate <= found.estimate.high
    assert found.outcome == "PASS"
    strict = Gate(metrics={"correctness": MetricGate(role="guard", floor=0.95)})
    assert section(gate=strict).of("new", "correctness").outcome == "FAIL"
    assert section(gate=Gate()).of("new", "correctness").outcome is None


def test_the_curve_has_what_people_give_where_the_judge_gives_so_much():
    exam = taken(sensitive=0.9, lenient=0.1)
    found = curve_section([exam], (*NEW, *OLD), BOTH, 0.05)
    high = found.of("served", "people give where it gives 0.8–1").estimate
    low = found.of("served", "people give where it gives 0–0.2").estimate
    assert (high.mean, high.n) == (0.9, 200) and (low.mean, low.n) == (0.1, 200)
    assert found.of("served", "it gives 0.8–1").estimate.mean == pytest.approx(0.9)
    assert not found.of("served", "it gives 0.4–0.6")
    mine = [found.of(LABELLED, f"people give where it gives {name}") for name in BINS]
    assert sum(each.estimate.n for each in mine if each) == len(BOTH)
    said = sum(each.estimate.mean * each.estimate.n for each in mine if each)
    assert said == pytest.approx(sum(label.score for label in BOTH))


def test_the_curve_is_of_correctness_and_of_random_labels_alone():
    tied = [dataclasses.replace(label, drawn=TIED) for label in BOTH]
    assert curve_section([taken(metric="sufficiency")], (*NEW, *OLD), tied, 0.05).findings == ()


def test_an_opponent_has_its_mean_and_no_difference():
    assert section().of("old", "correctness").estimate
    found = [each for each in section().findings if each.subject == "old"]
    assert [each.measure for each in found] == ["correctness", MEASURE]
    assert {each.outcome for each in found} == {None}


def test_the_anchor_is_held_to_its_share_of_the_risk():
    rows = [*NEW, *OLD, *results("oldest", DRAWN.of_champion)]
    given = [*BOTH, *labels("oldest", DRAWN.champion)]
    found = section(rows, given, opponents=(CHAMPION, ANCHOR))
    champion, anchor = (
        found.of("new", f"correctness against {each.words}").estimate for each in (CHAMPION, ANCHOR)
    )
    assert champion.mean == anchor.mean
    assert anchor.low < champion.low


def test_superiority_is_asked_where_the_gate_asks_it():
    better = Gate(metrics={"correctness": MetricGate(role="primary", goal="superior")})
    found = section(gate=better).of("new", "correctness against champion old")
    assert found.outcome == "FAIL"
    assert "asks for better" in found.reason


@pytest.mark.parametrize("given", [labels("new", DRAWN.candidate), labels("old", DRAWN.champion)])
def test_labels_of_one_model_alone_say_nothing_of_the_difference(given):
    found = section(given=given).of("new", "correctness against champion old")
    assert (found.estimate, found.outcome) == (None, None)
    assert "has a label of both" in found.reason


def test_the_same_answer_needs_no_label():
    same = DRAWN.candidate & DRAWN.champion
    rows = [
        *results("new", DRAWN.judge, right=same),
        *results("old", DRAWN.of_champion, right=same),
    ]
    known = DRAWN.labelled & ~same
    given = [*labels("new", DRAWN.candidate, known), *labels("old", DRAWN.champion, known)]
    found = section(rows, given).of("new", "correctness against champion old")
    assert f"{same.sum()} of 800 answers are the same" in found.reason
    assert found.estimate.low <= WORLD.difference <= found.estimate.high


def test_the_share_of_right_answers_comes_of_the_judges_exam_without_labels():
    found = section(given=(), exams=(taken(),)).of("new", MEASURE)
    judged = DRAWN.judge.mean()
    assert found.estimate.mean == pytest.approx((judged - 0.1) / 0.8)
    assert "in the judges' exam (400 answers) sensitivity 0.90 [" in found.reason
    assert "specificity 0.90 [" in found.reason
    assert section(given=(), exams=()).findings == ()


def test_labels_of_its_own_answers_come_before_the_judges_exam():
    """Its exam knows nothing of whom a judge favours; and the interval is narrower."""
    found = section(exams=(taken(),)).of("new", MEASURE)
    assert "300 labels alone say" in found.reason
    assert found.estimate.low <= WORLD.candidate <= found.estimate.high


def test_labels_drawn_where_models_differ_say_nothing_of_a_mean():
    given = [dataclasses.replace(label, drawn=DIFFERING) for label in BOTH]
    found = section(given=given, exams=(taken(),))
    assert found.of("new", "correctness").estimate is None
    assert "judges' exam" in found.of("new", MEASURE).reason
    assert found.of("new", "correctness against champion old").estimate == section().of(
        "new", "correctness against champion old"
    ).estimate  # fmt: skip


def test_a_judge_that_is_of_no_use_corrects_nothing_and_says_why():
    found = section(given=(), exams=(taken(sensitive=0.5, lenient=0.5),)).of("new", MEASURE)
    assert found.estimate is None
    assert "not clearly above 1" in found.reason
    assert "sensitivity 0.50" in found.reason


def test_a_floor_is_of_the_share_only_where_a_judge_knows_right_and_wrong_alone():
    assert section(given=(), exams=(taken(),)).of("new", MEASURE).outcome == "PASS"
    graded = [
        dataclasses.replace(
            row, scores={"correctness": Score(0.9 * row.scores["correctness"].value)}
        )
        for row in NEW
    ]
    assert section(graded, (), (taken(),)).of("new", MEASURE).outcome is None


def test_a_panel_is_examined_at_its_weights_and_other_metrics_are_not_its():
    one, two = taken(), taken(lenient=0.5, name="other")
    known = examined((one, two, taken(metric="groundedness")), 0.5, {})
    assert len(known.judge) == 400
    assert sum(known.judge[1::2]) == 100  # a wrong answer that both pass, or one: (0.9 + 0.1) / 2
    assert sum(examined((one, two), 0.5, {"served": 0.9, "other": 0.1}).judge[1::2]) == 20
    one.agreement[0] = Trial(one.agreement[0].pair, Score(None, "no reply"))
    assert len(examined((one, two), 0.5, {}).judge) == 399
    two.agreement.clear()
    assert examined((one, two), 0.5, {}).judge == []


def test_labels_of_answers_that_judges_left_to_a_person_enter_no_estimate():
    """They were chosen for being hard: no random draw, of all or of where models differ."""
    tied = [dataclasses.replace(label, drawn=TIED) for label in BOTH]
    found = labels_section([*NEW, *OLD], tied, (), ASKED, [CHAMPION], {})
    assert found.findings
    assert all(finding.estimate is None for finding in found.findings)
