"""Several judges: each counts by its own exam, and whoever failed it is not heard."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.gate import Gate
from evals.judges.judge import weighed
from evals.judges.judge_exam import JudgeExam
from evals.labels import read_labels
from evals.repeats import merged
from evals.results import Result, Score
from fixtures.datasets import load_dataset
from models.chat import Answer
from models.promotion.refused import RefusedError
from reports.evidence.last_exam import evidence_of
from reports.evidence.verdict import judged_again
from reports.labelling.__main__ import main
from reports.sections.judge_exams import exam_faults, judge_section
from reports.sections.panel import format_weights, panel_section, weights_of
from reports.statistics.combination import inverse_error_weights
from tests.builders.fake_server import fake_server
from tests.builders.judging import entry, grader
from tests.conftest import ROOT
from tests.reports.test_judge_exam import HELD_OUT, Scripted, obedient, taken, truth


def near(case, text):
    """A judge that is a little off, towards the middle."""
    found = truth(case, text)
    return found + 0.15 if found < 0.5 else found - 0.15


def panel_of(tmp_path, **rules):
    """The panel's section on judges of these names and rules."""
    judges = {name: Scripted(rule, name) for name, rule in rules.items()}
    exams = taken(tmp_path, *(JudgeExam(each, each, None, HELD_OUT) for each in judges.values()))
    gate = Gate()
    section = judge_section(exams, gate)
    return panel_section(exams, exam_faults(gate, section, [*rules]), gate.alpha)


def test_the_better_judge_counts_more(tmp_path):
    weights = weights_of(panel_of(tmp_path, near=near, exact=truth))
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["exact"] > 0.6 > 0.4 > weights["near"] > 0


def test_judges_alike_count_alike(tmp_path):
    assert weights_of(panel_of(tmp_path, a=near, b=near)) == pytest.approx({"a": 0.5, "b": 0.5})


def test_a_judge_that_failed_its_exam_is_not_heard_and_it_is_said(tmp_path):
    section = panel_of(tmp_path, near=near, exact=truth, bribed=obedient)
    weights = weights_of(section)
    assert weights["bribed"] == 0 < weights["near"]
    (line,) = format_weights(section)
    assert line.startswith("the panel's judges count by their own exams: near 0.")
    assert line.endswith("; bribed is not heard: it did not pass its own exam (injection)")


def test_where_nobody_passed_all_count_alike_and_it_is_said(tmp_path):
    section = panel_of(tmp_path, bribed=obedient, bought=obedient)
    assert weights_of(section) == {"bribed": 0.5, "bought": 0.5}
    assert [*format_weights(section)] == [
        "the panel's judges count alike: none of them passed an exam of its own"
    ]


def test_exams_that_were_skipped_leave_equal_weights():
    faults = exam_faults(Gate(), None, ["a", "b"], skipped=True)
    section = panel_section((), faults, 0.05)
    assert weights_of(section) == {"a": 0.5, "b": 0.5}
    assert all("--judge-exam skip" in finding.reason for finding in section.findings)


def test_one_judge_is_no_panel(tmp_path):
    assert panel_of(tmp_path, alone=truth).findings == ()


ERRORS = st.dictionaries(
    st.sampled_from("abcd"),
    st.tuples(st.floats(0, 1), st.integers(1, 5000)),
    min_size=1,
)


@given(ERRORS)
def test_weights_sum_to_one_and_every_judge_has_some(errors):
    weights = inverse_error_weights(errors)
    assert sum(weights.values()) == pytest.approx(1)
    assert all(0 < weight <= 1 for weight in weights.values())


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 2000))
def test_a_smaller_error_never_counts_less_and_longer_exams_tell_more(one, other, count):
    few = inverse_error_weights({"a": (one, count), "b": (other, count)})
    many = inverse_error_weights({"a": (one, 10 * count), "b": (other, 10 * count)})
    if one <= other:
        assert few["a"] >= few["b"] - 1e-12
    assert abs(many["a"] - 0.5) >= abs(few["a"] - 0.5) - 1e-12


@pytest.mark.parametrize("wrong", [(-0.1, 10), (float("nan"), 10), (float("inf"), 10), (0.1, 0)])
def test_errors_that_are_none_are_refused(wrong):
    with pytest.raises(ValueError, match="mean squared errors"):
        inverse_error_weights({"a": wrong})


@pytest.mark.parametrize("deviations", [(0.2, 0.2), (0.1, 0.2), (0.1, 0.2, 0.3)])
def test_weights_from_an_exam_serve_fresh_answers_better_than_the_plain_mean(deviations):
    draw, plain, weighted = np.random.default_rng(1), [], []

    def scores(count):
        labels = draw.choice(np.arange(6) / 5, count)
        each = [np.clip(labels + draw.normal(0, d, count), 0, 1) for d in deviations]
        return labels, np.array(each)

    for _ in range(50):
        labels, judges = scores(228)
        errors = {
            str(n): (float(np.mean((one - labels) ** 2)), 228) for n, one in enumerate(judges)
        }
        weights = np.array([*inverse_error_weights(errors).values()])
        labels, judges = scores(500)
        plain.append(np.mean((judges.mean(0) - labels) ** 2))
        weighted.append(np.mean((weights @ judges - labels) ** 2))
    better = np.mean(plain) / np.mean(weighted)
    assert better > (0.99 if len({*deviations}) == 1 else 1.3)


def votes(**scores):
    return Score(None, "", tuple(scores.items()))


def test_who_is_not_heard_neither_makes_nor_loses_a_score():
    weights = {"a": 0.75, "b": 0.25, "c": 0.0}
    assert weighed(votes(a=1.0, b=0.0, c=0.0), weights).value == 0.75
    assert weighed(votes(a=1.0, b=0.0, c=None), weights).value == 0.75
    assert weighed(votes(a=1.0, b=None, c=1.0), weights).value is None
    assert weighed(votes(b=0.2, c=1.0), weights).value == 0.2, "of a metric that a does not score"
    assert weighed(votes(c=0.2, d=0.4), weights).value == pytest.approx(0.3), "nobody is heard"


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=6), st.integers(0, 20))
def test_judges_who_say_the_same_are_not_moved_by_rounding(weights, twentieths):
    said = twentieths / 20
    names = [f"judge {number}" for number in range(len(weights))]
    found = weighed(votes(**dict.fromkeys(names, said)), dict(zip(names, weights, strict=True)))
    assert found.value == said


def test_the_votes_of_repeats_are_their_means():
    case = load_dataset("sample").cases[0]
    repeats = [
        Result("m", case, Answer("x"), {"correctness": weighed(votes(a=a, b=b), {})}, True)
        for a, b in ((0.0, 1.0), (0.5, None))
    ]
    score = merged(repeats).scores["correctness"]
    assert (score.value, score.votes) == (None, (("a", 0.25), ("b", None)))
    assert weighed(score, {"a": 1.0}).value == 0.25, "b is not heard"


GATE = """
minimum_cases = 10
[metrics.token_f1]
role = "primary"
floor = 0.01
margin = 0.2
[metrics.correctness]
role = "guard"
floor = 0.01
margin = 0.5
[judge]
verbosity_bias = 0.9
spearman = 0.3
kappa = 0.2
mean_absolute_error = 0.35
injection = 0.3
[judge.forms]
uncovered = 1.0
"""


@pytest.fixture(scope="module")
def examined(tmp_path_factory):
    """An exam of two models by the reference judge, a good chat model and a lenient one."""
    folder = tmp_path_factory.mktemp("panel")
    registry = folder / "models" / "registry"
    registry.mkdir(parents=True)
    (folder / "gate.toml").write_text(GATE)
    for name, passages, family in (("open", "true", ""), ("closed", "false", "Claude")):
        (registry / f"{name}.toml").write_text(
            f'kind = "echo"\npassages = {passages}\nfamily = "{family}"\n'
        )
    with (
        fake_server(reply=grader(lambda label, *_: 0.6 if label is None else label)) as good,
        fake_server(reply=grader(lambda *_: 1.0)) as lenient,
    ):
        (registry / "good.toml").write_text(entry(good.url, "claude-good"))
        (registry / "lenient.toml").write_text(entry(lenient.url, "lenient"))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "evals", "-q", "-p", "no:cacheprovider",
             "--model=closed", "--baseline=open", "--judge=reference,good,lenient",
             "--retriever=bm25", "--limit=60", f"--registry={registry}",
             f"--gate={folder}/gate.toml", f"--store={folder}/store.sqlite",
             f"--runs={folder}/runs"],
            cwd=ROOT, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout[-3000:] + done.stderr
    return folder, done.stdout


def report_of(folder):
    return json.loads((folder / "latest" / "report.json").read_text())


def test_the_weights_stand_in_the_report_the_page_and_the_listing(examined):
    folder, shown = examined
    (section,) = (each for each in report_of(folder)["sections"] if each["name"] == "panel")
    weights = {
        each["subject"]: each["estimate"]["mean"]
        for each in section["findings"]
        if each["measure"] == "weight"
    }
    assert weights["lenient"] == 0
    assert weights["good"] > weights["reference"] > 0
    line = f"count by their own exams: reference {weights['reference']:.2f}, good"
    assert line in shown
    for page in ("report.md", "report.html"):
        assert line in (folder / "latest" / page).read_text()
    for row in report_of(folder)["results"]:
        said = row["votes"]["correctness"]
        mean = sum(weights[judge] * said[judge] for judge in weights)
        assert row["scores"]["correctness"] == pytest.approx(mean)
        assert said["lenient"] == 1.0
        assert row["scores"]["disagreement"] == max(said.values()) - min(said.values())


def test_a_panel_gates_where_one_judge_passed_and_a_promotion_computes_the_same(examined):
    folder, _ = examined
    (verdict,) = report_of(folder)["verdicts"]
    checks = [each for each in verdict["checks"] if each["metric"] == "correctness"]
    assert checks
    assert not any("own exam" in each["reason"] for each in checks)
    path = (folder / "latest" / "report.json").resolve()
    again = judged_again(evidence_of(path, "closed"), folder / "models" / "registry")
    assert again.verdict.outcome == verdict["outcome"]


def test_a_judge_of_the_candidates_family_is_named_and_measured(examined):
    folder, shown = examined
    line = "correctness of closed is judged by its own family, claude (good): self-"
    assert line in shown
    for page in ("report.md", "report.html"):
        assert line in (folder / "latest" / page).read_text()
    (section,) = (each for each in report_of(folder)["sections"] if each["name"] == "families")
    (finding,) = section["findings"]
    assert (finding["subject"], finding["estimate"]["mean"]) == ("closed", 0.0)
    assert finding["estimate"]["low"] < 0 < finding["estimate"]["high"]


def test_what_its_judges_leave_to_a_person_is_written_down_and_read_back(examined, capsys):
    folder, shown = examined
    report = report_of(folder)
    (section,) = (each for each in report["sections"] if each["name"] == "ties")
    left = sum(round(f["estimate"]["mean"] * f["estimate"]["n"]) for f in section["findings"])
    assert left > 0
    line = f"{left} answers are left to a person, for their judges differ: python -m reports.labell"
    assert line in shown
    file = folder / "tied.csv"
    assert main([str(folder / "latest"), "--tied", "--output", str(file)]) == 0
    rows = list(csv.DictReader(file.open()))
    assert 0 < len(rows) <= left, "the same answer of both models stands once"
    assert {row["drawn"] for row in rows} == {"tied"}
    with (folder / "scored.csv").open("w", newline="") as scored:
        sheet = csv.DictWriter(scored, list(rows[0]))
        sheet.writeheader()
        sheet.writerows({**row, "score": 0.8} for row in rows)
    labels = read_labels(folder / "scored.csv", load_dataset("sample").cases)
    assert [(label.drawn, label.score) for label in labels] == [("tied", 0.8)] * len(rows)
    again = [str(folder / "latest"), "--tied", "--labels", str(folder / "scored.csv")]
    assert main([*again, "--output", str(folder / "none.csv")]) == 4
    assert "leaves no answer to a person" in capsys.readouterr().err


def panel_in(report):
    return next(each for each in report["sections"] if each["name"] == "panel")


def weight_in(report, judge):
    found = (each for each in panel_in(report)["findings"] if each["measure"] == "weight")
    return next(each for each in found if each["subject"] == judge)["estimate"]


EDITS = {
    "a weight": lambda value: weight_in(value, "lenient").update(mean=0.9),
    "no weights": lambda value: value["sections"].remove(panel_in(value)),
    "a score": lambda value: value["results"][0]["scores"].update(correctness=1.0),
    "a vote": lambda value: value["results"][0]["votes"]["correctness"].update(good=0.123),
    "a vote less": lambda value: value["results"][0]["votes"]["correctness"].pop("reference"),
    "no votes": lambda value: value["results"][0]["votes"].clear(),
}


@pytest.mark.parametrize("change", EDITS.values(), ids=EDITS.keys())
def test_an_edit_of_a_panel_is_refused(examined, change):
    folder, _ = examined
    report = report_of(folder)
    change(report)
    path = folder / "edited" / "report.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report))
    with pytest.raises(RefusedError, match=r"panel|judges make of it|each of"):
        judged_again(evidence_of(path, "closed"), folder / "models" / "registry")
