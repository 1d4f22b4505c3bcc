"""kill -9: at most what is in flight is lost, and the next run asks only what is missing."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.builders.fake_server import Fault, fake_server

ROOT = Path(__file__).parents[2]


def registry(folder, url):
    folder.mkdir()
    (folder / "served.toml").write_text(
        f'kind = "endpoint"\nbase_url = "{url}"\nmodel = "served"\nconcurrency = 4\n'
    )
    return folder


def exam_command(tmp_path, *args):
    return [
        sys.executable, "-m", "pytest", str(ROOT / "evals"), "-q", "-p", "no:cacheprovider",
        "--model", "served", "--registry", str(tmp_path / "registry"), "--retriever", "bm25",
        "--judge", "none", "--store", str(tmp_path / "store.sqlite"),
        "--runs", str(tmp_path / "runs"), *args,
    ]  # fmt: skip


def exam(tmp_path, *args):
    return subprocess.Popen(
        exam_command(tmp_path, *args), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def test_killed_exam_goes_on_where_it_was(tmp_path):
    with fake_server(latency=0.05) as server:
        registry(tmp_path / "registry", server.url)
        first = exam(tmp_path)
        deadline = time.monotonic() + 60
        while server.calls < 80 and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(first.pid, signal.SIGKILL)
        first.communicate(timeout=30)
        before = server.calls
        assert 80 <= before < 164, "it was killed in the middle"

        second = exam(tmp_path)
        output = second.communicate(timeout=120)[0].decode()
        asked_again = server.calls - before
        # 164 cases and a preflight call each time; in flight are at most 4 connections.
        lost = asked_again - 1 - (164 - (before - 1))
        assert 0 <= lost <= 4, output

        third = exam(tmp_path)
        output = third.communicate(timeout=120)[0].decode()
        assert server.calls == before + asked_again, "the third run asked something"
        assert re.search(r"164 answers: 0 calls", output), output


def test_ctrl_c_writes_what_is_there_and_exits_2(tmp_path):
    with fake_server(latency=0.2) as server:
        registry(tmp_path / "registry", server.url)
        process = exam(tmp_path)
        deadline = time.monotonic() + 60
        while server.calls < 30 and time.monotonic() < deadline:
            time.sleep(0.02)
        server.latency = 30.0  # on a busy machine the exam may be over before the signal is sent
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=60)[0].decode()
        assert process.returncode == 2, output
        report = next((tmp_path / "runs").glob("*/report.json")).read_text()
        assert "not asked: the exam was interrupted" in report


def test_errored_asks_again_exactly_what_failed(tmp_path):
    """A transport failure is a missing answer; a limit that was reached is none."""

    def faults(call):
        return Fault(status=400, message="odd") if call in (5, 9, 14) else None

    def run(*words):
        output = exam(tmp_path, *words, "-p", "cacheprovider", "-o", f"cache_dir={tmp_path / 'c'}")
        return output.communicate(timeout=120)[0].decode()

    with fake_server(faults=faults) as server:
        registry(tmp_path / "registry", server.url)
        first = run("--limit", "24", "--max-calls", "20")
        before, server.faults = server.calls, ()
        second = run("--limit", "24", "--errored")
        assert before == 21, first
        assert server.calls == before + 1 + 3, second
        third = run("--limit", "24", "--errored")
        assert "--errored: the last exam had no error" in third


def test_a_reply_that_was_cut_off_is_paid_for_once_and_asked_again_on_request(tmp_path):
    """Nothing but another max_tokens, which asks everything anew, would bring another reply."""
    cut = '{"choices": [{"message": {"content": "<think>Or"}, "finish_reason": "length"}]}'

    def run(*words):
        words = (
            "--limit",
            "12",
            *words,
            "-p",
            "cacheprovider",
            "-o",
            f"cache_dir={tmp_path / 'c'}",
        )
        return exam(tmp_path, *words).communicate(timeout=120)[0].decode()

    with fake_server(faults=lambda call: Fault(body=cut) if call in (3, 7) else None) as server:
        registry(tmp_path / "registry", server.url)
        calls = [(run(*words), server.calls)[1] for words in ([], [], ["--errored"], [])]
    assert calls == [13, 13, 16, 16]
    reports = [path.read_text() for path in sorted((tmp_path / "runs").glob("*/report.json"))]
    lost = ["cut off before an answer began" in report for report in reports]
    assert sorted(lost) == [False, False, True, True]


def test_a_signal_before_anything_was_asked_ends_without_a_word_too_many(tmp_path):
    registry(tmp_path / "registry", "http://127.0.0.1:9/v1")
    (tmp_path / "early.py").write_text(
        "import os, signal\n"
        "def pytest_collection(session):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    process = subprocess.run(
        exam_command(tmp_path, "-p", "early"), cwd=ROOT, capture_output=True, text=True, timeout=60,
        check=False, env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert process.returncode == 2, process.stdout + process.stderr
    assert "Traceback" not in process.stdout + process.stderr
