"""Servers of this machine: what they answer, whom they refuse, where they listen."""

import asyncio
import http.client
import json
import signal
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from common.local_server import KEPT_APART, listen, only_here, why_refused
from tests.seams import ROOT, users

PORT = 8123
SERVER = """
from common.local_server import listen, serve

async def application(scope, receive, send):
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"Cache-Control", b"max-age=9999"), (b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"mine"})

listening = listen(0)
print(listening.getsockname()[1], flush=True)
serve(application, listening)
"""


def refused(method="GET", **headers):
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return why_refused(method, pairs, PORT)


@pytest.mark.parametrize("host", [f"127.0.0.1:{PORT}", f"localhost:{PORT}", f"LocalHost:{PORT}"])
def test_a_page_of_its_own_is_answered(host):
    assert refused(host=host) == ""
    own = {"origin": f"http://{host}", "sec_fetch_site": "same-origin", "sec_fetch_mode": "cors"}
    assert refused("POST", host=host, **own) == ""


@pytest.mark.parametrize(
    "host",
    ["", "127.0.0.1", f"127.0.0.1:{PORT + 1}", f"127.0.0.1.evil.example:{PORT}", f"0.0.0.0:{PORT}",
     f"evil.example:{PORT}", f"127.0.0.1:{PORT}@evil.example", f"127.0.0.1:{PORT} ", "localhost"],
)  # fmt: skip
def test_a_name_that_was_made_to_lead_here_is_refused(host):
    assert "alone" in refused(host=host)


def test_a_request_has_one_host():
    one = (b"host", f"127.0.0.1:{PORT}".encode())
    assert why_refused("GET", [], PORT) and why_refused("GET", [one, one], PORT)


@given(st.text(st.characters(codec="latin-1"), max_size=30))
def test_no_other_host_or_origin_is_this_one(text):
    allowed = (f"127.0.0.1:{PORT}", f"localhost:{PORT}")
    value = text.encode("latin-1")
    assert (why_refused("GET", [(b"host", value)], PORT) == "") == (text.lower() in allowed)
    asked = [(b"host", allowed[0].encode()), (b"origin", value)]
    assert (why_refused("POST", asked, PORT) == "") == (text.lower() == f"http://{allowed[0]}")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": f"https://127.0.0.1:{PORT}"},
        {"origin": f"http://localhost:{PORT}"},
        {"origin": f"http://127.0.0.1:{PORT + 1}"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_page_is_refused(method, headers):
    assert refused(method, host=f"127.0.0.1:{PORT}", **headers)


def test_a_link_may_be_followed_and_a_form_of_another_page_may_not():
    followed = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert refused(host=f"127.0.0.1:{PORT}", **followed) == ""
    assert refused("POST", host=f"127.0.0.1:{PORT}", **followed)


def test_a_form_says_from_which_page_it_is():
    assert "without an Origin" in refused("POST", host=f"127.0.0.1:{PORT}")


def test_a_websocket_is_not_spoken_to():
    reached = []

    async def application(*_):
        reached.append(1)

    asyncio.run(only_here(application, PORT)({"type": "websocket", "headers": []}, None, None))
    assert reached == []


def test_a_port_that_is_taken_is_one_line():
    with listen(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"port {port} of 127\.0\.0\.1: .*--port 0"):
            listen(port)
    for port in (-1, 70_000):
        with pytest.raises(UserError, match="no such port"):
            listen(port)


def test_it_serves_refuses_and_ends_by_ctrl_c():
    line = [sys.executable, "-c", SERVER]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = int(server.stdout.readline())
            answers = {}
            for host in (f"127.0.0.1:{port}", f"evil.example:{port}"):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
                connection.request("GET", "/", headers={"Host": host})
                reply = connection.getresponse()
                assert {name: reply.headers.get_all(name) for name, _ in KEPT_APART_TEXT} == {
                    name: [value] for name, value in KEPT_APART_TEXT
                }
                answers[reply.status] = reply.read().decode()
                connection.close()
            assert answers[200] == "mine"
            assert answers[403].startswith("refused: Host is evil.example"), json.dumps(answers)
            server.send_signal(signal.SIGINT)
            assert server.wait(20) != 0
        finally:
            server.kill()


KEPT_APART_TEXT = [(name.decode(), value.decode()) for name, value in KEPT_APART]


def test_nobody_else_serves_pages():
    assert users("uvicorn.Server", "uvicorn.run") == {"common/local_server.py"}
