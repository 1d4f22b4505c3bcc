"""Exams of dspy programs as typed: killed, limited, wrong, beside the model that they ask."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.builders.fake_server import fake_server
from tests.builders.programs import CAREFUL, fields, written
from tests.conftest import ROOT

CASES = 12


@pytest.fixture
def registry(tmp_path):
    folder = tmp_path / "registry"
    folder.mkdir()
    written(tmp_path, CAREFUL)
    (folder / "careful.toml").write_text(
        'kind = "program"\nprogram = "../careful.py"\ngenerator = "served"\n'
    )
    return folder


def served(registry, server):
    (registry / "served.toml").write_text(
        f'kind = "endpoint"\nbase_url = "{server.url}"\nmodel = "m"\nconcurrency = 2\n'
    )


def reply(messages):
    return fields(answer=f"of {len(messages[-1]['content'])}")


def start(folder, *arguments):
    """An exam with nothing of this session's environment but where programs and home are."""
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", str(ROOT / "evals"), "-q", "-p", "no:cacheprovider",
         "--registry", str(folder / "registry"), "--retriever", "bm25", "--judge", "none",
         "--limit", str(CASES), "--store", str(folder / "store.sqlite"),
         "--ledger", str(folder / "ledger"), "--runs", str(folder / "runs"), *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def examine(folder, *arguments):
    exam = start(folder, *arguments)
    output, _ = exam.communicate(timeout=120)
    return exam.returncode, output


def answers(folder):
    report = json.loads(max(folder.glob("runs/*/report.json")).read_text())
    return {each["case"]: (each["answer"], each["error"]) for each in report["results"]}


def test_an_exam_ended_by_its_limit_in_the_middle_of_programs_goes_on(tmp_path, registry):
    with fake_server(reply=reply) as server:
        served(registry, server)
        code, output = examine(tmp_path, "--model", "careful", "--max-calls", "7")
        assert code == 1, output
        kept = [error for _, error in answers(tmp_path).values()]
        assert "not asked: --max-calls 7 reached" in kept
        assert set(kept) <= {None, "not asked: --max-calls 7 reached"}
        assert kept.count(None) <= 3, "two calls make an answer"
        first = server.calls
        assert first <= 8, "seven, and the preflight"
        code, output = examine(tmp_path, "--model", "careful")
        assert server.calls - first == 2 * CASES - 7 + 1, output
        assert {error for _, error in answers(tmp_path).values()} == {None}
        assert list(tmp_path.glob(".dspy_cache")) == []


@pytest.mark.heavy
def test_a_killed_exam_asks_nothing_again_that_was_kept(tmp_path, registry):
    with fake_server(reply=reply, latency=0.1) as server:
        served(registry, server)
        exam = start(tmp_path, "--model", "careful")
        deadline = time.monotonic() + 60
        while server.calls < 9 and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(exam.pid, signal.SIGKILL)
        exam.communicate(timeout=30)
        before = server.calls - 1
        _, output = examine(tmp_path, "--model", "careful")
        lost = server.calls - 1 - before - 1 - (2 * CASES - before)
        assert 0 <= lost <= 2, output
        assert {error for _, error in answers(tmp_path).values()} == {None}


@pytest.mark.heavy
def test_ctrl_c_ends_an_exam_whose_programs_wait_in_threads(tmp_path, registry):
    with fake_server(reply=reply, latency=0.3) as server:
        served(registry, server)
        exam = start(tmp_path, "--model", "careful")
        deadline = time.monotonic() + 60
        while server.calls < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        exam.send_signal(signal.SIGINT)
        output, _ = exam.communicate(timeout=60)
    assert exam.returncode == 2, output
    assert "Traceback" not in output


@pytest.mark.heavy
def test_ctrl_c_ends_an_exam_whose_programs_hang(tmp_path, registry):
    hanging = "import pathlib, time; pathlib.Path('{}').touch(); time.sleep(10**6)"
    begun = tmp_path / "begun"
    line = f"        {hanging.format(begun)}\n        draft = self"
    written(tmp_path, CAREFUL.replace("        draft = self", line))
    with fake_server(reply=reply) as server:
        served(registry, server)
        exam = start(tmp_path, "--model", "careful")
        deadline = time.monotonic() + 60
        while not begun.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        exam.send_signal(signal.SIGINT)
        output, _ = exam.communicate(timeout=60)
    assert exam.returncode == 2, output
    assert "Traceback" not in output


def test_what_is_wrong_with_a_program_ends_the_exam_in_one_line_before_a_call(tmp_path, registry):
    written(tmp_path, CAREFUL + CAREFUL.replace("Careful", "Other"))
    with fake_server(reply=reply) as server:
        served(registry, server)
        code, output = examine(tmp_path, "--model", "careful")
        assert server.calls == 0
    assert code == 4
    (line,) = [each for each in output.splitlines() if "careful.py" in each]
    assert line.startswith("ERROR: model careful: program ")
    assert 'has 2 dspy.Module classes (Careful, Other); name one, as in program = "careful' in line
    assert "Traceback" not in output


@pytest.mark.heavy
def test_a_program_that_raises_loses_its_cases_and_the_exam_says_where(tmp_path, registry):
    written(tmp_path, CAREFUL.replace("return self.check", "return self.cheque"))
    with fake_server(reply=reply) as server:
        served(registry, server)
        code, output = examine(tmp_path, "--model", "careful")
    assert code == 1
    assert {error for _, error in answers(tmp_path).values()} == {
        "the program raised careful.py:14: AttributeError: 'Careful' object has no attribute "
        "'cheque'"
    }
    assert "Traceback" not in output
