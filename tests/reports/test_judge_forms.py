"""A judge speaks of answers like those that it was examined on, and of no others."""

from dataclasses import replace

import pytest

from evals.gate import FormRules, Gate, JudgeRules, MetricGate
from evals.judges.judge_exam import JudgeExam, Trial
from evals.judges.pairs import Pair
from evals.judges.style import FORMS
from evals.results import Result, Score
from fixtures.cases import Case, Contract
from models.chat import Answer
from reports.sections.judge_forms import (
    COVERED,
    form_section,
    uncovered,
    unproved,
    with_coverage,
)
from reports.verdict.bars import Bars

SAID = {
    "short": "The law of Ohio, {n}",
    "reasoned": "Answer: Ohio {n}. Reasoning: Section {n} says that the law of Ohio governs.",
    "laid out": "- Ohio {n}\n- its courts",
    "refusing": "The contract does not say which law governs.",
}
LABELS = (0.0, 0.4, 1.0)
GATE = Gate(metrics={"correctness": MetricGate(role="guard", floor=0.5)})


def trials(form, judge, count=60, contracts=12):
    """Labelled answers of one form, and the scores of a judge that goes by the label."""
    pairs = [
        Pair(contract=f"c{n % contracts}", category="Law", kind="k", question="Which law?",
             expected=("Ohio law",), answer=SAID[form].format(n=n),
             score=LABELS[n // contracts % 3])
        for n in range(count)
    ]  # fmt: skip
    return [Trial(pair, Score(judge(pair.score))) for pair in pairs]


class Judge:
    def __init__(self, name):
        self.name = name


def exam(name="reference", **judges):
    found = JudgeExam(Judge(name), Judge(name), None, ())
    found.agreement = [
        t for form, rule in judges.items() for t in trials(form.replace("_", " "), rule)
    ]
    return found


def right(label):
    return label


def mean(label):
    return sum(LABELS) / 3


def answers(**counts):
    """Results of a model that answers so often in each form."""
    texts = [SAID[form.replace("_", " ")] for form, count in counts.items() for _ in range(count)]
    return [
        Result("x", Case(f"{n}", f"{n}", Contract(f"k{n % 5}", ""), "Law", "Which law?", ()),
               Answer(text.format(n=n)), {}, True)
        for n, text in enumerate(texts)
    ]  # fmt: skip


def section(*exams, gate=GATE, **counts):
    found, judges = form_section(exams, gate), [each.judge.name for each in exams]
    return with_coverage(found, judges, {"x": answers(**counts)}) if counts else found


def outcomes(found):
    return {f.measure: f.outcome for f in found.findings if f.outcome}


def test_a_form_passes_where_the_judge_is_right_about_it_and_fails_where_it_is_not():
    found = outcomes(section(exam(short=right, reasoned=lambda label: 1 - label, laid_out=right)))
    assert found["short"] == found["laid out"] == "PASS"
    assert found["reasoned"] == "FAIL"
    assert {found[form] for form in ("chat", "extractive", "cautious", "refusing")} == {
        "INCONCLUSIVE"
    }
    assert set(found) == set(FORMS.values())


def test_whoever_gives_everyone_the_mean_passes_nothing():
    lenient = Gate(judge=JudgeRules(forms=FormRules(mean_absolute_error=1.0)))
    assert outcomes(section(exam(short=mean), gate=lenient))["short"] != "PASS"
    assert outcomes(section(exam(short=mean)))["short"] != "PASS"


@pytest.mark.parametrize("off", [-0.27, -0.25, 0.25, 0.27])
def test_a_judge_that_is_too_low_or_too_high_on_a_form_does_not_pass_it(off):
    """Cut off at 0 and 1 its error stays within the line, and its bias does not."""
    found = section(exam(short=lambda label: min(1, max(0, label + off))))
    assert found.of("reference", "short").outcome != "PASS"
    assert found.of("reference", "short").estimate.high <= 0.3
    assert outcomes(section(exam(short=lambda label: min(1, max(0, label + off / 4)))))[
        "short"
    ] == ("PASS")


def test_too_few_labelled_answers_show_nothing():
    few = exam(short=right)
    few.agreement = few.agreement[:19]
    found = section(few).of("reference", "short")
    assert found.outcome == "INCONCLUSIVE"
    assert found.reason.startswith("19 labelled answers, of 20 that are asked for")


def test_a_judge_that_cannot_read_some_of_a_form_has_not_passed_it():
    most = exam(short=right)
    most.agreement = [
        replace(t, score=Score(None, "prose")) if n % 5 == 0 else t
        for n, t in enumerate(most.agreement)
    ]
    found = section(most).of("reference", "short")
    assert (found.outcome, found.estimate.n) == ("INCONCLUSIVE", 48)
    assert found.reason.startswith("20.0% of the judgements are missing")


@pytest.mark.parametrize(("reasoned", "barred"), [(0, False), (9, False), (10, False), (12, True)])
def test_above_a_tenth_of_answers_that_no_exam_covers_the_metric_says_nothing(reasoned, barred):
    counts = {"short": 90, "reasoned": reasoned}
    found = section(exam(short=right), **counts)
    share = found.of("x", COVERED)
    assert share.estimate.mean == pytest.approx(reasoned / (90 + reasoned))
    lines = uncovered(GATE, found, ["reference"], {"x": answers(**counts)})
    assert bool(lines) == barred
    if barred:
        assert lines["x"]["correctness"] == (
            "correctness cannot speak of x: 11.8% of its answers have forms in which reference "
            "passed no exam (reasoned 11.8%); 10.0% may"
        )
        bars = Bars(uncovered=lines)
        assert bars.of("correctness", "x")[0] == "INCONCLUSIVE"
        assert bars.of("correctness", "y", "x")[0] == "INCONCLUSIVE", "nor of a difference from it"
        assert bars.of("token_f1", "x") is bars.of("correctness", "y") is None


def test_every_judge_of_a_panel_must_cover_the_form():
    exams = exam("reference", short=right), exam("big", short=lambda label: 1 - label)
    found, results = section(*exams, short=30), {"x": answers(short=30)}
    assert uncovered(GATE, found, ["reference"], results) == {}
    assert (
        "in which reference, big passed no exam"
        in (uncovered(GATE, found, ["reference", "big"], results)["x"]["correctness"])
    )


def test_a_critical_category_asks_as_much():
    critical = {"critical": {"categories": ["Law"], "metrics": {"correctness": {"floor": 0.1}}}}
    gate = Gate.model_validate(critical)
    assert "x" in uncovered(gate, None, ["reference"], {"x": answers(short=9)})


def test_without_an_exam_nothing_is_covered_and_without_a_judged_metric_nothing_is_barred():
    results = {"x": answers(short=9)}
    assert "correctness" in uncovered(GATE, None, ["reference"], results)["x"]
    assert uncovered(Gate(), None, ["reference"], results) == {}
    assert uncovered(GATE, None, ["reference"], {"x": []}) == {}


def test_answers_that_are_errors_have_no_form():
    rows = [replace(each, answer=Answer("", error="gone")) for each in answers(reasoned=50)]
    found = {"x": rows + answers(short=50)}
    shown = with_coverage(section(exam(short=right)), ["reference"], found)
    assert shown.of("x", COVERED).estimate.n == 50
    assert uncovered(GATE, shown, ["reference"], found) == {}


def test_a_form_that_passes_by_numbers_that_do_not_is_found():
    rules = GATE.judge.forms
    found = section(exam(short=right, reasoned=lambda label: 1 - label))
    assert unproved(found, rules) is None is unproved(None, rules)
    forged = replace(found, findings=tuple(
        replace(each, outcome="PASS") if each.measure == "reasoned" else each
        for each in found.findings
    ))  # fmt: skip
    assert unproved(forged, rules) == (
        "reference does not pass reasoned answers by the numbers it gives"
    )
    for measure in ("short, error of the mean", "short, bias"):
        without = replace(found, findings=tuple(f for f in found.findings if f.measure != measure))
        assert "short" in unproved(without, rules)
