"""`pytest evals --judge ...` as a user types it: a served judge, its exam, its mistakes."""

import json
import sys
from pathlib import Path

import pytest

from evals.judges.reference.judge import ReferenceJudge
from evals.judges.wording import rubric_digest
from tests.builders.fake_server import Fault, fake_server

ROOT = Path(__file__).parents[2]
GUARD = '[metrics.correctness]\nrole = "guard"\nfloor = 0.5\n'


def says(score):
    return lambda messages: json.dumps({"reasons": "as told", "score": score})


@pytest.fixture
def session(pytester, tmp_path):
    """Runs `pytest evals` on a few cases of the echo model, with the registry of this test."""

    def run(*args, target="evals"):
        return pytester.run(
            sys.executable, "-m", "pytest", str(ROOT / target), "--rootdir", str(ROOT),
            "-c", str(ROOT / "pyproject.toml"), "-o", f"cache_dir={tmp_path / 'cache'}",
            "--store", str(tmp_path / "store.sqlite"), "--runs", str(tmp_path / "runs"),
            "--registry", str(tmp_path / "registry"), "--retriever", "bm25",
            "--model", "echo", "--limit", "6", *args, timeout=180,
        )  # fmt: skip

    registry = tmp_path / "registry"
    registry.mkdir()
    (registry / "echo.toml").write_text('kind = "echo"\n')
    (registry / "kept.toml").write_text('kind = "recorded"\npath = "kept.csv"\n')
    return run


@pytest.fixture
def serve(tmp_path):
    def entry(url, name="served"):
        text = f'kind = "endpoint"\nbase_url = "{url}"\nmodel = "fake"\nretries = 0\n'
        (tmp_path / "registry" / f"{name}.toml").write_text(text)

    return entry


@pytest.fixture
def report(tmp_path):
    return lambda: json.loads(max(tmp_path.glob("runs/*/report.json")).read_text())


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--judge", "nosuch"), "nosuch"),
        (("--judge", "none,reference"), "--judge none,reference: give reference, none, or chat"),
        (("--judge", "reference:no.json"), "--judge reference:no.json: no such file; type: python"),
        (("--judge", "kept"), "--judge kept: it answers cases, but cannot chat"),
        (("--metric", "rouge"), "did you mean rouge"),
        (("--metric", "groundedness"), "groundedness is scored by a chat model: give --judge"),
        (("--judge", "none", "--metric", "correctness"), "scored by a judge: give --judge"),
        (("--pairwise",), "--pairwise needs --judge MODEL and --baseline NAME"),
        (("--labels", "nowhere.csv"), "nowhere.csv"),
        (("--judge-samples", "0"), "--judge-samples 0: give a whole number"),
    ],
)
def test_a_mistake_is_one_line(session, args, said):
    result = session(*args)
    lines = [line for line in result.errlines + result.outlines if line.startswith("ERROR")]
    assert result.ret == 4
    assert len(lines) == 1 and said in lines[0], lines
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


def test_a_served_judge_scores_every_case_and_may_not_gate(session, serve, report, tmp_path):
    gate = tmp_path / "gate.toml"
    gate.write_text(GUARD)
    with fake_server(reply=says(0.8)) as server:
        serve(server.url)
        result = session("--judge", "served", "--gate", str(gate), "--inconclusive", "pass")
        calls = server.calls
        again = session("--judge", "served", "--gate", str(gate), "--inconclusive", "pass")
        assert server.calls == calls, "what was judged is kept"
    written = report()
    scores = [row["scores"]["correctness"] for row in written["results"]]
    assert scores == [0.8] * 6
    assert any("correctness is reported and cannot pass" in note for note in written["notes"])
    checks = {check["metric"]: check["outcome"] for check in written["verdicts"][0]["checks"]}
    assert checks["correctness"] == "INCONCLUSIVE"
    kappa = next(f for s in written["sections"] for f in s["findings"] if f["measure"] == "kappa")
    assert kappa["outcome"] != "PASS"
    assert (
        "test_metric[correctness]"
        in session(
            "--judge", "served", "--gate", str(gate), "-rs", "-v", "-k", "correctness and gate"
        ).stdout.str()
    )
    assert again.ret == result.ret


def test_a_judge_is_told_the_users_rubric_and_a_missing_one_is_one_line(session, serve, tmp_path):
    gate = tmp_path / "gate.toml"
    gate.write_text(f'{GUARD}[judge]\nrubric = "own.md"\n')
    with fake_server(reply=says(0.8)) as server:
        serve(server.url)
        words = ("--judge", "served", "--gate", str(gate), "--judge-exam", "skip")
        refused = session(*words, target="evals/test_correctness.py")
        (tmp_path / "own.md").write_text("1.0 only where the section is named.")
        session(*words, target="evals/test_correctness.py")
        told = [r for r in server.requests if "where the section is named" in json.dumps(r)]
    assert refused.ret == 4 and "rubric = 'own.md': no such file" in "".join(refused.errlines)
    assert len(told) == 6


def test_an_aligned_judge_scores_and_takes_its_exam_by_the_gates_rubric(session, report, tmp_path):
    halved = {
        "reference": ReferenceJudge().identity, "rubric": rubric_digest(), "labels": "",
        "values": [0, 0.1, 0.2, 0.3, 0.4, 0.5],
    }  # fmt: skip
    kept, gate = tmp_path / "legal.json", tmp_path / "gate.toml"
    kept.write_text(json.dumps(halved))
    gate.write_text(GUARD)
    words = ("--gate", str(gate), "--inconclusive", "pass", "--model", "extractive")
    (tmp_path / "registry" / "extractive.toml").write_text('kind = "extractive"\n')
    found = {}
    for judge in ("reference", f"reference:{kept}"):
        session("--judge", judge, *words, target="evals/test_gate.py")
        written = report()
        found[judge] = [row["scores"]["correctness"] for row in written["results"]]
        subjects = {f["subject"] for s in written["sections"] for f in s["findings"]}
        assert judge in subjects, "it took its exam"
    plain, aligned = found.values()
    assert len(plain) > 6 and any(plain)
    assert all(other in (score, pytest.approx(score / 2, abs=1e-5))
               for score, other in zip(plain, aligned, strict=True))  # fmt: skip
    assert sum(aligned) < sum(plain)
    (tmp_path / "own.md").write_text("Other rules.")
    gate.write_text(f'{GUARD}[judge]\nrubric = "own.md"\n')
    refused = session("--judge", f"reference:{kept}", *words, target="evals/test_gate.py")
    lines = [line for line in refused.errlines if line.startswith("ERROR")]
    assert refused.ret == 4 and len(lines) == 1 and "aligned by the rubric" in lines[0]


def test_a_judge_that_scores_no_correctness_is_examined_too(session, serve, report, tmp_path):
    gate = tmp_path / "gate.toml"
    gate.write_text(GUARD.replace("correctness", "groundedness"))
    with fake_server(reply=says(0.8)) as server:
        serve(server.url)
        session("--judge", "served", "--gate", str(gate), target="evals/test_gate.py")
    (note,) = [each for each in report()["notes"] if "cannot pass" in each]
    assert "groundedness" in note and "kappa" in note and "no exam" not in note


def test_a_judge_that_fails_midway_leaves_cases_unscored(session, serve, report):
    def faults(number):
        return Fault(status=500) if number % 2 and number > 2 else None

    with fake_server(reply=says(1.0), faults=faults) as server:
        serve(server.url)
        result = session("--judge", "served", target="evals/test_correctness.py")
    assert "Traceback" not in result.stdout.str()
    scores = {row["scores"]["correctness"] for row in report()["results"]}
    assert scores == {1.0, None}
    lost = [row["reasons"]["correctness"] for row in report()["results"]
            if row["scores"]["correctness"] is None]  # fmt: skip
    assert all("judge served" in reason for reason in lost)
    with fake_server(reply=says(1.0)) as server:
        serve(server.url)
        session("--judge", "served", target="evals/test_correctness.py")
    assert {row["scores"]["correctness"] for row in report()["results"]} >= {1.0}


def test_a_judge_that_is_not_there_ends_in_one_line(session, serve):
    serve("http://127.0.0.1:9/v1")
    result = session("--judge", "served", target="evals/test_correctness.py")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR*served*127.0.0.1:9*"])


def test_a_judge_does_not_speak_of_answers_that_its_exam_lacks(session, report, tmp_path):
    """Of no form are there ten thousand labelled answers, so that no exam covers any answer."""
    gate = tmp_path / "gate.toml"
    for uncovered, said in ((0.1, True), (1.0, False)):
        rules = f"[judge.forms]\npairs = 10000\nuncovered = {uncovered}\n"
        gate.write_text(GUARD + rules)
        result = session("--gate", str(gate), "--judge", "reference", target="evals/test_gate.py")
        line = "correctness cannot speak of echo: 100.0% of its answers have forms in which"
        assert (line in result.stdout.str()) == said
        written = report()
        assert any(line in note for note in written["notes"]) == said
        section = next(each for each in written["sections"] if each["name"] == "judge_forms")
        share = next(each for each in section["findings"] if each["subject"] == "echo")
        assert share["estimate"]["mean"] == 1.0
        page = max(tmp_path.glob("runs/*/report.html")).read_text()
        assert "by form of answer" in page and "answers of forms that no exam covers" in page


def test_a_metric_takes_an_exam_of_its_own_where_it_gates(session, report, tmp_path):
    gate = tmp_path / "gate.toml"
    gate.write_text(GUARD.replace("correctness", "grounded_quote"))
    for more, passes in ((), True), (("--judge-exam", "skip"), False):
        session("--gate", str(gate), "--judge", "none", *more, target="evals/test_gate.py")
        written = report()
        found = [each for each in written["sections"] if each["name"] == "metric_exams"]
        assert bool(found) == passes
        line = "grounded_quote is reported and cannot pass"
        assert any(line in note for note in written["notes"]) != passes


def test_labels_sharpen_the_estimate(session, report, tmp_path):
    session("--judge", "reference", target="evals/test_correctness.py")
    ids = [case["id"] for case in report()["cases"]]
    labels = tmp_path / "labels.jsonl"
    labels.write_text("".join(json.dumps({"case_id": i, "score": 0.0}) + "\n" for i in ids[:4]))
    session("--labels", str(labels), target="evals/test_correctness.py")
    section = next(each for each in report()["sections"] if each["name"] == "labels")
    assert "4 labels alone say 0.000" in section["findings"][0]["reason"]


def test_workers_see_the_judges_findings(session, report):
    result = session("-n", "2", target="evals/test_judge.py")
    result.stdout.fnmatch_lines(["*passed*"])
    assert "failed" not in result.stdout.lines[-1] if hasattr(result.stdout, "lines") else True
    section = next(each for each in report()["sections"] if each["name"] == "judge")
    assert {f["measure"] for f in section["findings"]} >= {"kappa", "spearman", "injection"}


def test_full_brings_the_suites_in_and_a_name_does_too(session):
    collected = session("--collect-only", "-q").stdout.str()
    assert "test_robustness" not in collected
    assert "test_robustness" in session("--collect-only", "-q", "--full").stdout.str()
    named = session("--collect-only", "-q", target="evals/test_forgetting.py").stdout.str()
    assert "test_forgetting" in named


def test_variants_are_asked_of_the_model(session, serve, report):
    with fake_server(reply=lambda messages: "Not found.") as server:
        serve(server.url)
        session("--model", "served", "--variants", "4", target="evals/test_robustness.py")
    section = next(each for each in report()["sections"] if each["name"] == "robustness")
    kinds = {each["measure"] for each in section["findings"] if each["subject"] == "served"}
    assert {"whitespace", "ocr", "case"} <= kinds
