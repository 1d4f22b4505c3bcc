"""`pytest evals` with models on Bedrock, as typed: a candidate, its judge, a program, mistakes."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.builders.fake_bedrock import Fault, fake_bedrock
from tests.conftest import ROOT

HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
CASES = 6
SIGNED_IN = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x" * 40}


def said(asked):
    """Sonnet judges, Haiku answers."""
    if asked["modelId"] != SONNET:
        return "Not found."
    return "[[ ## reasons ## ]]\nas told\n\n[[ ## score ## ]]\n1.0"


@pytest.fixture
def exam(tmp_path):
    """Starts an exam in the environment of a user who has little else."""
    registry = tmp_path / "registry"
    registry.mkdir()

    def entries(url):
        for name, model in (("claude-haiku", HAIKU), ("claude-sonnet", SONNET)):
            (registry / f"{name}.toml").write_text(
                f'kind = "bedrock"\nmodel = "{model}"\nregion = "us-east-1"\nretries = 1\n'
                f'endpoint_url = "{url}"\nconcurrency = 2\n'
            )
        (registry / "instruct-haiku.toml").write_text(
            'kind = "program"\nprogram = "instruct"\ngenerator = "claude-haiku"\n'
        )

    def start(server, *words, **environ):
        entries(server.url)
        command = [
            sys.executable, "-m", "pytest", str(ROOT / "evals"), "-q", "-p", "no:cacheprovider",
            "--registry", str(registry), "--retriever", "bm25", "--limit", str(CASES),
            "--store", str(tmp_path / "store.sqlite"), "--runs", str(tmp_path / "runs"), *words,
        ]  # fmt: skip
        few = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **SIGNED_IN, **environ}
        return subprocess.Popen(
            command, cwd=ROOT, env=few, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    return start


def report(tmp_path):
    return json.loads(max(tmp_path.glob("runs/*/report.json")).read_text())


def test_a_candidate_a_program_and_a_judge_are_asked_once_and_kept(exam, tmp_path):
    words = ("--model", "claude-haiku", "--model", "instruct-haiku", "--judge", "claude-sonnet",
             "--judge-exam", "skip")  # fmt: skip
    with fake_bedrock(reply=said) as server:
        output, _ = (first := exam(server, *words)).communicate(timeout=180)
        assert first.returncode in (0, 1), output
        models = [asked["modelId"] for asked in server.requests]
        assert models.count(HAIKU) >= 2 * CASES and SONNET in models
        before = server.calls
        output, _ = exam(server, *words).communicate(timeout=180)
        assert server.calls == before, output
    results = report(tmp_path)["results"]
    assert [(result["model"], result["answer"]) for result in results] == [
        (name, "Not found.") for name in ("claude-haiku", "instruct-haiku") for _ in range(CASES)
    ]


def test_credentials_that_expire_in_the_middle_lose_nothing_that_was_answered(exam, tmp_path):
    words = ("--model", "claude-haiku", "--judge", "none")
    expired = Fault(code="ExpiredTokenException", status=403, message="the token is expired")
    with fake_bedrock(reply=said) as server:
        server.faults = lambda asked: expired if server.calls > 4 else None
        process = exam(server, *words)
        output, _ = process.communicate(timeout=180)
        assert process.returncode == 4, output
        (line,) = [line for line in output.splitlines() if "aws sso login" in line]
        assert "claude-haiku" in line and "Traceback" not in output
        server.faults, server.calls = (), 0
        output, _ = exam(server, *words).communicate(timeout=180)
        assert server.calls == CASES - 3 + 1, output  # three were answered; one asks who is there


def test_without_a_configuration_it_is_one_line_and_nothing_is_asked(exam):
    with fake_bedrock() as server:
        gone = dict.fromkeys(SIGNED_IN, "") | {"AWS_EC2_METADATA_DISABLED": "true"}
        process = exam(server, "--model", "claude-haiku", "--judge", "none", **gone)
        output, _ = process.communicate(timeout=180)
    assert process.returncode == 4 and server.calls == 0, output
    assert "aws configure" in output and "Traceback" not in output


def test_ctrl_c_does_not_wait_for_a_server_that_hangs(exam):
    with fake_bedrock(reply=said) as server:
        server.faults = lambda asked: Fault(hang=True) if server.calls > 2 else None
        process = exam(server, "--model", "claude-haiku", "--judge", "none")
        deadline = time.monotonic() + 120
        while server.active < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert server.active == 2
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=45)  # its time-out is 60 s, twice
    assert process.returncode == 2, output
