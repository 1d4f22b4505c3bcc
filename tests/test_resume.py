"""kill -9: at most the batch in flight is lost, and the next run asks only what is missing."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.fake_server import fake_server

ROOT = Path(__file__).parents[1]


def registry(folder, url):
    folder.mkdir()
    (folder / "served.toml").write_text(
        f'kind = "endpoint"\nbase_url = "{url}"\nmodel = "served"\nconcurrency = 4\n'
    )
    return folder


def exam(tmp_path, *args):
    command = [
        sys.executable, "-m", "pytest", str(ROOT / "evals"), "-q", "-p", "no:cacheprovider",
        "--model", "served", "--registry", str(tmp_path / "registry"), "--retriever", "bm25",
        "--judge", "none", "--store", str(tmp_path / "store.sqlite"),
        "--runs", str(tmp_path / "runs"), *args,
    ]  # fmt: skip
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


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
        # 164 cases and a preflight call each time; in flight are at most 4 connections and the
        # answers of the last quarter of a second.
        lost = asked_again - 1 - (164 - (before - 1))
        assert 0 <= lost <= 4 + 4 * 0.3 / 0.05, output

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
