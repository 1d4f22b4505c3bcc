"""Nothing secret leaves, and nothing that was said from outside moves a terminal or is for all."""

import json
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from evals.calls.store import masked
from tests.builders.fake_server import FakeServer, Fault, fake_server

ROOT = Path(__file__).parents[2]
KEY = "sk-planted-0123456789abcdef"
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\r"


def exam(folder, *words, environment=None, umask=0o022, target="evals/test_answers.py"):
    """An exam as it is typed, its files in `folder`."""
    return subprocess.run(
        [
            sys.executable, "-m", "pytest", target, "-q", "-p", "no:cacheprovider", "-rs",
            "--judge", "none", "--retriever", "bm25", "--limit", "2", "--registry", str(folder),
            "--runs", str(folder / "out" / "runs"), "--store", str(folder / ".exam" / "s.sqlite"),
            *map(str, words),
        ],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, **(environment or {})}, umask=umask,
    )  # fmt: skip


def entry(folder, name, server, *lines):
    url = server if isinstance(server, str) else server.url
    written = [f'kind = "endpoint"\nbase_url = "{url}"\nmodel = "m"\nconcurrency = 1', *lines]
    (folder / f"{name}.toml").write_text("\n".join(written) + "\n")
    return name


def everything(folder, done):
    """All that an exam left: what it printed, its reports, and every text of its store."""
    texts = [done.stdout, done.stderr]
    texts += [path.read_text() for path in (folder / "out").rglob("report.*")]
    for path in folder.rglob("s.sqlite"):
        with sqlite3.connect(path) as store:
            texts.append("\n".join(store.iterdump()))
    return "\n".join(texts)


@pytest.mark.fault("SEC-1")
@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:TOPSECRET@host/exam",
        "postgresql://host/exam?user=me&password=TOPSECRET",
        "postgresql://:TOPSECRET@host/exam",
        "postgresql://me:TOP/SECRET@host/exam",
        "postgresql://me:TOP@SECRET@host/exam",
        "postgresql+psycopg://host/exam?sslpassword=TOPSECRET&sslmode=require",
        "'--store=mysql://me:TOPSECRET@host/exam'",
        "https://host/v1?api_key=TOPSECRET#access_token=TOPSECRET",
    ],
)
def test_no_password_of_a_url_is_shown(url):
    assert "SECRET" not in masked(url)
    assert "TOP" not in masked(url)
    assert "host" in masked(url)


@pytest.mark.fault("SEC-1")
def test_a_store_that_cannot_be_opened_is_named_without_its_password(tmp_path):
    url = "postgresql+nodriver://127.0.0.1:9/db?user=me&password=TOPSECRET"
    (tmp_path / "m.toml").write_text('kind = "echo"\n')
    done = exam(tmp_path, "--model", "m", "--store", url)
    assert done.returncode == 4
    assert "TOPSECRET" not in done.stdout + done.stderr


async def echoing(server, request):
    """Send back what was sent, headers and all, in bodies of any status."""
    from aiohttp import web

    body = await request.json()
    server.calls += 1
    said = " ".join(f"{name}: {value}" for name, value in request.headers.items())
    said += f" {request.path_qs} key {KEY} {ESCAPES}"
    if len(body["messages"]) == 1 or server.calls == 2:
        choice = {"message": {"content": said, "reasoning_content": said}, "finish_reason": said}
        return web.json_response({"choices": [choice]})
    if server.calls == 3:
        return web.json_response({"error": said})
    return web.json_response({"error": {"message": said}}, status=400)


@pytest.mark.fault("SEC-2", "SEC-3", "KEEP-10")
@pytest.mark.parametrize("user", ["", "bob:HUNTER22@"])
def test_a_secret_planted_in_every_input_leaves_by_no_output(tmp_path, user, monkeypatch):
    monkeypatch.setattr(FakeServer, "handle", echoing)
    with fake_server() as server:
        url = server.url.replace("://", f"://{user}") + "?api-key=QUERYSECRET1&v=2"
        entry(tmp_path, "srv", url, *([] if user else ['api_key_env = "PLANTED"']))
        done = exam(tmp_path, "--model", "srv", "--limit", "3", environment={"PLANTED": KEY})
    assert done.returncode in (0, 1), done.stdout + done.stderr
    left = everything(tmp_path, done)
    for secret in (KEY, "HUNTER22", "QUERYSECRET1", "Ym9iOkhVTlRFUjIy"):
        assert secret not in left
    assert not {"\x1b", "\x07", "\x9b"} & set(done.stdout + done.stderr)
    report = json.loads(next((tmp_path / "out").rglob("report.json")).read_text())
    said = " ".join(str(row["answer"]) + str(row["error"]) for row in report["results"])
    assert "\x1b" not in said and "***" in said


@pytest.mark.fault("SEC-3", "KEEP-10")
def test_a_refusal_reaches_the_terminal_in_one_plain_line(tmp_path):
    fault = Fault(status=401, message=f"no {KEY} {ESCAPES} here")
    with fake_server(faults=lambda number: fault) as server:
        url = server.url.replace("://", "://bob:HUNTER22@")
        entry(tmp_path, "srv", url)
        done = exam(tmp_path, "--model", "srv")
    assert done.returncode == 4
    [line] = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    assert "HUNTER22" not in line and "no *** " in line
    assert not {"\x1b", "\x07", "\x9b"} & set(done.stdout + done.stderr)


@pytest.mark.fault("KEEP-10")
@pytest.mark.parametrize(("umask", "group"), [(0o022, 0), (0o000, 0o070), (0o002, 0o070)])
def test_store_and_reports_are_their_owners_alone(tmp_path, umask, group):
    (tmp_path / "m.toml").write_text('kind = "echo"\n')
    done = exam(tmp_path, "--model", "m", umask=umask)
    assert done.returncode == 0, done.stdout + done.stderr
    made = [*(tmp_path / ".exam").rglob("*"), *(tmp_path / "out").rglob("*"), tmp_path / ".exam"]
    assert {"s.sqlite", "report.json", "report.html"} <= {path.name for path in made}
    for path in made:
        mode = stat.S_IMODE(path.lstat().st_mode)
        if not path.is_symlink():
            whole = 0o700 | group if path.is_dir() else (0o600 | group) & 0o660
            assert mode == whole, (path, oct(mode))
