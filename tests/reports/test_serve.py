"""`python -m reports.serve`, as it is typed."""

import http.client
import os
import re
import select
import signal
import subprocess
import sys

import pytest

from fixtures.datasets import load_dataset
from models.chat import Answer
from reports.archive import write_report
from reports.page.__main__ import main as make_page
from reports.serve import main
from tests.builders.report_data import written
from tests.seams import ROOT


@pytest.fixture
def folder(tmp_path):
    cases = load_dataset("sample").cases[:3]
    path = tmp_path / "run" / "report.json"
    write_report(written(cases, {"a": lambda case: Answer("Zebras.")}), path)
    assert make_page([str(path)]) == 0
    return path.parent


def get(port, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers=headers)
    reply = connection.getresponse()
    return reply.status, reply.read().decode(), reply.headers


def test_the_page_is_served_and_nothing_else_of_the_folder(folder):
    (folder / "cases.json").write_text("{}")
    environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    line = [sys.executable, "-m", "reports.serve", str(folder)]
    with subprocess.Popen(
        line, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            assert select.select([server.stdout], [], [], 60)[0]
            said = server.stdout.readline()
            port = int(re.search(r"http://127\.0\.0\.1:(\d+)/report\.html", said)[1])
            status, page, headers = get(port, "/report.html")
            assert (status, page) == (200, (folder / "report.html").read_text())
            assert headers["content-type"] == "text/html; charset=utf-8"
            assert get(port, "/cases.json")[1] == "{}"
            status, _, headers = get(port, "/")
            assert (status, headers["location"]) == (307, "/report.html")
            for other in ("/report.json", "/../run/report.json", "/docs", "/cases.json/",
                          "/report.html%2f..%2freport.json", "//etc/passwd"):  # fmt: skip
                status, text, _ = get(port, other)
                assert status != 200 and "schema" not in text, other
            asked = "/report.html?name=report.json&path=/etc/passwd&folder=/"
            assert get(port, asked)[1] == page
            assert get(port, "/report.html", Host="evil.example")[0] == 403
            server.send_signal(signal.SIGINT)
            assert server.wait(20) == 0
            assert server.stderr.read() == "no longer served\n"
        finally:
            server.kill()


def test_a_run_without_a_page_says_how_to_make_it(folder, capsys):
    (folder / "report.html").unlink()
    assert main([str(folder)]) == 4
    error = capsys.readouterr().err
    assert f"python -m reports.page {folder / 'report.json'}" in error and error.count("\n") == 1


@pytest.mark.parametrize("words", [["nosuchrun"], ["--port", "x"], ["--port", "99999"]])
def test_a_mistake_is_one_line(folder, words, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    assert main([str(folder), *words] if words[0] == "--port" else words) == 4
    assert capsys.readouterr().err.count("\n") == 1
