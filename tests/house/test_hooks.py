"""`pytest evals` as a user types it: selection, reruns, workers, reports, exit codes."""

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "transformers", "chromadb", "sklearn", "openai", "scipy", "peft", "sqlalchemy")


class Session:
    """Runs pytest in the repository with its files in a temporary folder."""

    def __init__(self, pytester, folder):
        self.pytester, self.folder = pytester, folder

    def __call__(self, *args, target="evals"):
        return self.pytester.run(
            sys.executable, "-m", "pytest", str(ROOT / target), "--rootdir", str(ROOT),
            "-c", str(ROOT / "pyproject.toml"), "-o", f"cache_dir={self.folder / 'cache'}",
            "--store", str(self.folder / "store.sqlite"), "--runs", str(self.folder / "runs"),
            "--retriever", "bm25", "--judge", "none", *args, timeout=120,
        )  # fmt: skip

    @property
    def report(self):
        """That of the last run, whole or not."""
        return json.loads(max(self.folder.glob("runs/*/report.json")).read_text())


@pytest.fixture
def strict(tmp_path):
    """Options that ask of a model more than an echo can show."""
    gate = tmp_path / "strict.toml"
    floors = (
        f'[metrics.{name}]\nrole = "guard"\nfloor = 0.9\n' for name in ("token_f1", "jaccard")
    )
    gate.write_text("".join(floors))
    return ("--model", "echo", "--limit", "8", "--gate", str(gate))


@pytest.fixture
def session(pytester, tmp_path):
    return Session(pytester, tmp_path)


def error_line(result):
    lines = [line for line in result.errlines + result.outlines if line.startswith("ERROR")]
    assert len(lines) == 1, result.stdout.str() + result.stderr.str()
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    return lines[0]


def test_exam_ends_with_a_table_and_the_path_of_the_report(session):
    result = session("--model", "echo", "--limit", "8")
    result.stdout.fnmatch_lines(
        ["metric*echo*n", "token_f1*", "*8 answers: 8 calls*", "report: *.html"]
    )
    assert {p.name for p in (session.folder / "latest").iterdir()} == {
        "report.json", "report.html", "report.md", "report.sha256",
    }  # fmt: skip


def test_gate_failure_exits_1_and_missed_cases_alone_do_not(session, strict):
    assert session(*strict).ret == 1
    result = session("--model", "echo", "--limit", "8", "-k", "not gate")
    assert result.ret == 0
    assert re.search(r"\d+ missed", result.stdout.str())
    assert "failed" not in result.stdout.lines[-1]


def test_strict_cases_makes_misses_fail(session):
    result = session("--model", "echo", "--limit", "4", "--strict-cases", "-k", "declined")
    assert result.ret == 1


def test_k_asks_only_the_selected_cases(session):
    session("--model", "echo", "-k", "governing_law", "--split", "test")
    assert {case["category"] for case in session.report["cases"]} == {"Governing Law"}
    assert session.report["spending"]["calls"] == 4


def test_category_that_every_contract_answers(session):
    result = session("--model", "echo", "--category", "Governing Law")
    assert result.ret == 1, "four cases decide nothing"
    result.stdout.fnmatch_lines(["INCONCLUSIVE*4 cases*", "*4 answers: 4 calls*"])


def test_missed_of_other_cases_are_remembered(session):
    session("--model", "echo", "--limit", "8")
    session("--model", "echo", "--limit", "8", "-k", "gate")
    assert re.search(
        r"\d+ missed", session("--model", "echo", "--limit", "8", "--missed").stdout.str()
    )


def test_retrieval_suite_alone_asks_no_model(session):
    result = session("--model", "echo", "--limit", "8", target="evals/test_retrieval.py")
    assert result.ret == 0
    assert session.report["spending"]["calls"] == 0


def test_missed_selects_what_the_last_exam_missed(session):
    session("--model", "echo", "--limit", "8")
    missed = sum(len(row["missed"]) for row in session.report["results"])
    assert missed > 0
    result = session("--model", "echo", "--limit", "8", "--missed")
    assert re.search(rf"\b{missed} missed\b", result.stdout.str())
    assert " passed" not in result.stdout.lines[-1]


def test_missed_without_an_earlier_exam_is_one_line(session):
    result = session("--model", "echo", "--missed")
    assert result.ret == 4
    assert "--missed" in error_line(result)


def test_last_failed_and_first_failure_keep_their_meaning(session, strict):
    assert session(*strict).parseoutcomes()["failed"] == 3
    again = session(*strict, "--lf").parseoutcomes()
    assert (again["failed"], "passed" in again) == (3, False)
    assert session(*strict, "-x").parseoutcomes()["failed"] == 1


def test_second_run_makes_no_call(session):
    session("--model", "echo", "--limit", "8")
    session("--model", "echo", "--limit", "8")
    assert session.report["spending"]["calls"] == 0


def test_collect_only_runs_nothing_and_imports_nothing_heavy(session, tmp_path):
    result = session("--collect-only", "-q", "--model", "smollm2")
    result.stdout.fnmatch_lines(["*test_answers.py::test_answer_agrees*governing_law*"])
    assert not (session.folder / "runs").exists()
    probe = (
        "import sys, pytest;"
        f"pytest.main(['{ROOT / 'evals'}', '--collect-only', '-qq', '-p', 'no:cacheprovider']);"
        f"print('LOADED', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True)
    assert "LOADED []" in done.stdout, done.stdout[-2000:]


def test_two_workers_read_one_exam(session):
    session("--model", "echo", "--limit", "12")
    alone = session("--model", "echo", "--limit", "12")
    split = session("--model", "echo", "--limit", "12", "-n", "2")
    assert split.parseoutcomes() == alone.parseoutcomes()
    split.stdout.fnmatch_lines(["*12 answers: 0 calls*"])


def test_workers_ask_everything_once(session):
    session("--model", "echo", "--limit", "12", "-n", "2")
    assert session.report["spending"]["calls"] == 12
    assert len(list((session.folder / "runs").iterdir())) == 1


def test_junit_file_tells_missed_from_failed(session, strict):
    path = session.folder / "junit.xml"
    outcomes = session(*strict, f"--junitxml={path}").parseoutcomes()
    suite = ElementTree.parse(path).getroot().find("testsuite")
    assert int(suite.get("failures")) == outcomes["failed"]
    assert int(suite.get("skipped")) == outcomes["missed"] + outcomes["unscored"]


def test_models_side_by_side(session):
    session("--model", "echo", "--model", "extractive", "--limit", "6", "-k", "answer")
    assert [row["model"] for row in session.report["summary"]] == ["echo", "extractive"]


def test_max_calls_keeps_what_is_there(session):
    result = session("--model", "echo", "--limit", "10", "--max-calls", "4")
    assert result.ret == 1, "the gate cannot conclude from four of ten"
    assert session.report["spending"]["calls"] == 4
    session("--model", "echo", "--limit", "10")
    assert session.report["spending"]["calls"] == 6


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--model", "extractve"], "did you mean extractive"),
        (["--dataset", "nowhere"], "no such file or folder"),
        (["--limit", "many"], "whole number"),
        (["--k", "0"], "--k 0"),
        (["--split", "tset"], "did you mean test"),
        (["--retriever", "hybird"], "did you mean hybrid"),
        (["--category", "Governing Lore"], "did you mean 'Governing Law'"),
        (["--contract", "Nobody"], "--contract 'Nobody'"),
        (["--chunk-size", "5"], "--chunk-size"),
        (["--gate", "nowhere.toml"], "cannot be read"),
        (["--passages", "golden"], "--passages golden: no such choice; did you mean gold?"),
        (["--passages", "gold", "--retriever", "none"], "leave out one of them"),
        (["--max-calls", "-1"], "--max-calls -1"),
    ],
)
def test_impossible_options_exit_4_in_one_line(session, args, says):
    result = session(*args)
    assert result.ret == 4
    assert says in error_line(result)


def test_options_are_checked_once_under_workers_too(session):
    result = session("--model", "extractve", "-n", "2")
    assert result.ret == 4
    assert "did you mean extractive" in error_line(result)


def test_gate_file_with_an_unknown_key(session, tmp_path):
    gate = tmp_path / "gate.toml"
    gate.write_text("[metrics.token_f1]\nrole = 'guard'\nflor = 0.5\n")
    result = session("--gate", str(gate))
    assert result.ret == 4
    assert "did you mean 'floor'" in error_line(result)


def test_endpoint_that_is_down(session, tmp_path):
    (tmp_path / "registry").mkdir()
    (tmp_path / "registry" / "gone.toml").write_text(
        'kind = "endpoint"\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "gone"\n'
    )
    result = session("--model", "gone", "--registry", str(tmp_path / "registry"), "--limit", "4")
    assert result.ret == 4
    assert "127.0.0.1:9" in error_line(result)


def test_store_of_another_program(session):
    (session.folder / "store.sqlite").write_text("not a database at all" * 50)
    result = session("--model", "echo", "--limit", "4")
    assert result.ret == 4
    assert "mv " in error_line(result)


def test_own_tests_read_no_data_set(pytester):
    result = pytester.run(
        sys.executable, "-m", "pytest", str(ROOT / "tests/evals/test_store.py"), "--rootdir",
        str(ROOT), "-c", str(ROOT / "pyproject.toml"), "--dataset", "nowhere", "--collect-only",
    )  # fmt: skip
    assert result.ret == 0
