"""The environment changes nothing that an entry does not name."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import UserError
from models.chat import Message
from models.endpoint.server import endpoint_chat
from tests.builders.fake_server import FakeServer, fake_server
from tests.builders.policies import permissive
from tests.faults.test_secrets import entry, exam

ROOT = Path(__file__).parents[2]
PRIVATE = {
    "OPENAI_API_KEY": "sk-private",
    "OPENAI_ORG_ID": "org-private",
    "OPENAI_PROJECT_ID": "proj-private",
    "OPENAI_CUSTOM_HEADERS": "Authorization: Bearer private\nX-Gateway-Token: private",
    "OPENAI_BASE_URL": "http://private.invalid/v1",
    "OPENAI_DEFAULT_HEADERS": "X-Other: private",
}


def answer_of(url):
    async def scenario():
        model = endpoint_chat(name="x", base_url=url, model="m", retries=0)
        try:
            await model.preflight()
            return await model.chat([Message("user", "Which law governs?")])
        finally:
            await model.close()

    return asyncio.run(scenario())


@pytest.mark.fault("ENV-1")
def test_no_variable_of_openais_reaches_a_server(monkeypatch):
    seen, handle = [], FakeServer.handle

    async def listening(self, request):
        seen.append(dict(request.headers))
        return await handle(self, request)

    monkeypatch.setattr(FakeServer, "handle", listening)
    for name, value in PRIVATE.items():
        monkeypatch.setenv(name, value)
    with fake_server() as server:
        assert answer_of(server.url).error is None
    assert len(seen) == 2
    assert "private" not in str(seen)
    assert {headers["Authorization"] for headers in seen} == {"Bearer no-key"}


@pytest.mark.fault("ENV-2")
@pytest.mark.peer(
    "gradio-app/gradio#4007", "a proxy variable that httpx cannot read ends in a traceback"
)
@pytest.mark.peer("Aider-AI/aider#3710", "a certificate file that is not there ends in a traceback")
@pytest.mark.parametrize(
    "change",
    [
        {"all_proxy": "socks://127.0.0.1:1"},
        {"ALL_PROXY": "nonsense://["},
        {"SSL_CERT_FILE": "/nonexistent/ca.pem"},
        {"SSL_CERT_DIR": "/nonexistent"},
        {"REQUESTS_CA_BUNDLE": "/nonexistent/ca.pem"},
        {"HTTP_PROXY": "http://127.0.0.1:9"},
        {"http_proxy": "http://127.0.0.1:9"},
        {"NO_PROXY": "[::1]", "HTTP_PROXY": "http://127.0.0.1:9"},
    ],
    ids=str,
)
def test_proxies_and_certificates_leave_an_exam_alone(change, monkeypatch):
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    with fake_server(lambda chat: "Nevada") as server:
        assert answer_of(server.url).text == "Nevada"


@pytest.mark.fault("ENV-2")
@pytest.mark.parametrize(
    ("change", "url"),
    [
        ({"all_proxy": "socks://127.0.0.1:1"}, "http://exam.invalid/v1"),
        ({"HTTP_PROXY": "http://bob:HUNTER22@127.0.0.1:9"}, "http://exam.invalid/v1"),
        ({"SSL_CERT_FILE": "/nonexistent/ca.pem"}, "https://exam.invalid/v1"),
    ],
    ids=str,
)
def test_a_variable_that_was_let_in_and_breaks_the_exam_is_named(change, url, tmp_path):
    allowed = f'{permissive("a" * 64, "d" * 64)}[egress]\nsample = ["exam.invalid"]\n'
    (tmp_path / "policy.toml").write_text(allowed)
    registry = tmp_path / "registry"
    registry.mkdir()
    entry(registry, "srv", url, "trust_env = true", "retries = 0")
    done = exam(registry, "--model", "srv", environment={"NO_PROXY": "", "no_proxy": "", **change})
    assert done.returncode == 4
    [line] = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    assert next(iter(change)) in line
    assert "HUNTER22" not in done.stdout + done.stderr


HOMELESS = """
import os, platformdirs
from common.errors import UserError
from common.paths import cache_dir
os.setresuid(12345, 12345, 12345)
try:
    print(cache_dir())
except UserError as error:
    print("ERROR:", error)
"""


@pytest.mark.fault("ENV-3")
@pytest.mark.peer("pytorch/pytorch#140765", "a user without an entry ends in a traceback")
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become a user without an entry")
@pytest.mark.parametrize("named", [None, "~/cache", "~nobody-at-all/cache", "/tmp/exam-cache"])
def test_a_user_without_a_home_is_told_the_variable(named):
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", HOMELESS],
        env=environment | ({"BAR_EXAM_CACHE": named} if named else {}), cwd=ROOT,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    if named and named.startswith("/"):
        assert done.stdout.strip() == named
    else:
        assert done.stdout.startswith("ERROR: ") and "BAR_EXAM_CACHE" in done.stdout, done.stderr


@pytest.mark.fault("ENV-3")
def test_a_home_that_cannot_be_found_is_a_users_matter(monkeypatch):
    import platformdirs

    from common.paths import cache_dir

    def homeless(*words, **options):
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("BAR_EXAM_CACHE", raising=False)
    monkeypatch.setattr(platformdirs, "user_cache_path", homeless)
    with pytest.raises(UserError, match="BAR_EXAM_CACHE"):
        cache_dir()
