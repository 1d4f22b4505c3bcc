"""The endpoint model against a real server on loopback."""

import asyncio
import gc
import socket
import subprocess
import sys
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from models.chat import Answer, Decoding, Message
from models.endpoint.completion import read_completion
from models.endpoint.connection import LONGEST_BODY
from models.endpoint.server import endpoint_chat
from models.factory import open_models
from models.remote.failures import retry_after
from tests.builders.fake_server import Fault, fake_server, fake_server_process

CHAT = [Message("system", "Answer briefly."), Message("user", "Which law governs?")]


def endpoint(url, **options):
    defaults = {"name": "x", "model": "gpt-x", "retries": 3, "back_off": 0.02, "timeout": 10.0}
    return endpoint_chat(base_url=url, **(defaults | options))


def ask(model, times=1):
    async def scenario() -> list[Answer]:
        try:
            return await asyncio.gather(*(model.chat(CHAT) for _ in range(times)))
        finally:
            await model.close()

    return asyncio.run(scenario())


def preflight(model):
    async def scenario() -> None:
        try:
            await model.preflight()
        finally:
            await model.close()

    asyncio.run(scenario())


def complaint(act, model):
    with pytest.raises(UserError) as caught:
        act(model)
    line = str(caught.value)
    assert "\n" not in line
    assert "gpt-x" in line
    return line


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_an_answer_has_text_tokens_latency_and_finish_reason():
    with fake_server(lambda chat: chat[-1]["content"].upper(), latency=0.05) as server:
        [answer] = ask(endpoint(server.url))
    assert (answer.text, answer.error) == ("WHICH LAW GOVERNS?", None)
    assert (answer.tokens_in, answer.tokens_out, answer.finish_reason) == (5, 3, "stop")
    assert 0.05 <= answer.latency < 5


def test_the_request_carries_chat_decoding_and_key():
    decoding = Decoding(max_tokens=7, temperature=0.5, top_p=0.9, seed=None)
    with fake_server() as server:
        ask(endpoint(server.url + "/", decoding=decoding, api_key="secret"))
    assert server.requests[0] == {
        "model": "gpt-x",
        "messages": [
            {"role": "system", "content": "Answer briefly."},
            {"role": "user", "content": "Which law governs?"},
        ],
        "max_tokens": 7,
        "temperature": 0.5,
        "top_p": 0.9,
    }
    assert server.authorizations == {"Bearer secret"}


def test_without_a_key_openais_own_variable_is_not_sent(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    with fake_server() as server:
        ask(endpoint(server.url))
    assert server.authorizations == {"Bearer no-key"}


def test_preflight_is_one_call_for_one_token():
    with fake_server() as server:
        preflight(endpoint(server.url))
    assert [request["max_tokens"] for request in server.requests] == [1]


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault(status=status) for status in (408, 409, 429, 500, 502, 503)),
        Fault(drop=True),
    ],
    ids=lambda fault: "drop" if fault.drop else str(fault.status),
)
def test_a_passing_fault_is_tried_again(fault):
    with fake_server(faults=[fault, fault]) as server:
        [answer] = ask(endpoint(server.url))
    assert answer.error is None
    assert server.calls == 3


def test_when_retries_are_used_up_the_answer_is_an_error():
    with fake_server(faults=lambda number: Fault(status=500, message="out of\nmemory")) as server:
        [answer] = ask(endpoint(server.url))
    assert (answer.text, answer.error) == ("", "HTTP 500 out of memory (tried 4 times)")
    assert server.calls == 4


@pytest.mark.parametrize(
    "headers",
    [
        lambda: {"Retry-After": "1"},
        lambda: {"Retry-After-Ms": "1000"},
        lambda: {"Retry-After": formatdate(time.time() + 2, usegmt=True)},
    ],
    ids=["seconds", "milliseconds", "date"],
)
def test_retry_after_holds_every_call(headers):
    arrivals = []

    def refuse_the_first(number):
        arrivals.append(time.monotonic())
        return Fault(status=429, headers=headers()) if number == 0 else None

    with fake_server(faults=refuse_the_first) as server:
        answers = ask(endpoint(server.url, concurrency=1), times=4)
    assert [answer.error for answer in answers] == [None] * 4
    assert len(arrivals) == 5
    assert min(arrivals[1:]) - arrivals[0] > 0.9


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(status=401, message="bad key"), ["401", "bad key", "export ACME_KEY="]),
        (Fault(status=403, message="no access"), ["403", "no access", "export ACME_KEY="]),
        (Fault(status=404, message="no such model"), ["404", "/v1", "registry/x.toml"]),
        (Fault(status=429, message="pay", code="insufficient_quota"), ["429", "pay"]),
        (Fault(status=429, headers={"Retry-After": "86400"}), ["429", "86400 s"]),
    ],
)
def test_a_permanent_error_fails_at_once(fault, words):
    for act in (ask, preflight):
        with fake_server(faults=lambda number: fault) as server:
            line = complaint(act, endpoint(server.url, api_key="secret", api_key_env="ACME_KEY"))
        assert server.calls == 1
        assert all(word in line for word in [*words, server.url])


@pytest.mark.parametrize("status", [301, 307, 308])
def test_a_server_that_moved_is_not_followed(status):
    fault = Fault(status=status, headers={"Location": "http://elsewhere.invalid/v1"})
    with fake_server(faults=lambda number: fault) as server:
        line = complaint(ask, endpoint(server.url))
    assert server.calls == 1
    assert "moved to http://elsewhere.invalid/v1" in line and "base_url" in line


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_dies_in_the_middle_stops_the_run(status):
    with fake_server(faults=lambda number: Fault(status=status) if number > 2 else None) as server:
        line = complaint(lambda model: ask(model, times=9), endpoint(server.url, concurrency=1))
    assert str(status) in line


def test_a_content_filter_in_front_of_the_model_is_a_refusal():
    faults = [
        Fault(status=400, code="content_filter", message="the prompt was filtered"),
        Fault(status=400, code="content_policy_violation"),
        Fault(body='{"error": {"code": "content_filter", "message": "filtered"}}'),
        Fault(body='{"error": {"type": "ResponsibleAIPolicyViolation"}}'),
    ]
    with fake_server(faults=faults) as server:
        answers = ask(endpoint(server.url), times=4)
    assert server.calls == 4
    for answer in answers:
        assert (answer.text, answer.finish_reason, answer.error) == ("", "content_filter", None)


def test_a_body_that_never_ends_is_not_read_to_its_end():
    with fake_server(faults=[Fault(body="x" * (LONGEST_BODY + 2**20))]) as server:
        [answer] = ask(endpoint(server.url))
    assert answer.error == f"malformed reply: more than {LONGEST_BODY:,} bytes"


def test_what_did_not_help_is_not_remembered():
    fault = Fault(status=400, message="the chat is about temperature, which is forbidden")
    with fake_server(faults=[fault, fault]) as server:
        model = endpoint(server.url)
        assert [ask(model)[0].error is None for _ in range(2)] == [False, True]
    assert ["temperature" in request for request in server.requests] == [True, False, True]


def test_of_parameters_that_exclude_each_other_the_one_that_moves_least_is_left_out():
    said = "`temperature` and `top_p` cannot both be specified for this model."

    def refuse_both(number):
        return Fault(status=400, message=said) if "top_p" in server.requests[-1] else None

    with fake_server(faults=refuse_both) as server:
        model = endpoint(server.url)
        assert [answer.error for answer in ask(model, times=2)] == [None, None]
    assert [request["temperature"] for request in server.requests] == [0.0] * len(server.requests)
    assert model.remarks == ("x: it was not sent top_p, which it refuses",)


def test_what_an_entry_adds_is_sent_with_every_request():
    decoding = Decoding(stop=("Question:", "\n\n"))
    with fake_server() as server:
        model = endpoint(
            server.url,
            decoding=decoding,
            extra_body={"reasoning_effort": "low", "chat_template_kwargs": {"thinking": False}},
            max_tokens_field="max_completion_tokens",
        )
        ask(model)
    (request,) = server.requests
    assert request["stop"] == ["Question:", "\n\n"]
    assert request["max_completion_tokens"] == 96 and "max_tokens" not in request
    assert request["chat_template_kwargs"] == {"thinking": False}
    assert request["reasoning_effort"] == "low" and model.remarks == ()


def test_a_query_of_the_url_stays_and_is_no_secret_of_the_identity():
    with fake_server() as server:
        model = endpoint(server.url + "?api-version=2&api-key=QUERYSECRET1")
        ask(model)
    assert server.calls == 1
    other = endpoint(server.url + "?api-version=2&api-key=another-one-2")
    assert model.identity == other.identity
    user = endpoint(server.url.replace("://", "://bob:pw@"))
    assert user.identity == endpoint(server.url).identity


def test_without_a_variable_a_bad_key_names_the_setting():
    with fake_server(faults=[Fault(status=401)]) as server:
        assert "api_key_env in models/registry/x.toml" in complaint(ask, endpoint(server.url))


def test_a_key_that_no_header_can_carry_is_the_users_mistake():
    model = endpoint("http://127.0.0.1:1/v1", api_key="“quoted”", api_key_env="ACME_KEY")
    assert "export ACME_KEY=" in complaint(preflight, model)


@pytest.mark.parametrize("status", [401, 400, 500])
def test_the_key_is_never_shown(status):
    fault = Fault(status=status, message="incorrect key: sk-12345" + "." * 1000)
    with fake_server(faults=[fault]) as server:
        model = endpoint(server.url, api_key="sk-12345", retries=0)
        said = complaint(ask, model) if status == 401 else ask(model)[0].error
    assert "incorrect key: ***." in said
    assert len(said) < 500


def test_an_unset_key_variable_is_named_before_any_call(tmp_path, monkeypatch):
    monkeypatch.delenv("ACME_KEY", raising=False)
    entry = """
        kind = "endpoint"
        base_url = "http://127.0.0.1:1/v1"
        model = "gpt-x"
        api_key_env = "ACME_KEY"
    """
    (tmp_path / "x.toml").write_text(entry)
    with pytest.raises(UserError, match="export ACME_KEY="):
        open_models(["x"], tmp_path)


def test_a_chat_that_is_too_long_fails_alone_but_fails_preflight():
    fault = Fault(status=400, message="maximum context length is 10 tokens")
    with fake_server(faults=[fault]) as server:
        [answer] = ask(endpoint(server.url))
        assert answer.error == "HTTP 400 maximum context length is 10 tokens"
        assert server.calls == 1
        server.faults = lambda number: fault
        assert "maximum context" in complaint(preflight, endpoint(server.url))
        assert [request["max_tokens"] for request in server.requests] == [96, 1, 96]


def test_a_hanging_server_times_out():
    with fake_server(faults=lambda number: Fault(hang=True)) as server:
        [answer] = ask(endpoint(server.url, timeout=0.2, retries=1))
        assert answer.error == "no reply in time (tried 2 times)"
        assert server.calls == 2
        complaint(preflight, endpoint(server.url, timeout=0.2))
        assert server.calls == 3


@pytest.mark.parametrize(
    ("body", "calls"),
    [
        ("[]", 1),
        ("null", 1),
        ('{"choices": []}', 1),
        ('{"choices": [{"message": null}]}', 1),
        ("<html>", 4),
        ("", 4),
        ('{"choices": [{"mess', 4),
        ("[" * 100_000, 4),
    ],
    ids=lambda body: str(body)[:20],
)
def test_a_malformed_reply_is_an_error_and_fails_preflight(body, calls):
    with fake_server(faults=lambda number: Fault(body=body)) as server:
        [answer] = ask(endpoint(server.url))
        assert answer.error and answer.error.startswith("malformed reply: ")
        assert body[:20] in answer.error
        assert server.calls == calls  # what is no JSON at all may be a gateway's bad moment
        line = complaint(preflight, endpoint(server.url))
        assert "malformed" in line and "base_url" in line
        assert server.calls == calls + 1


def test_replies_without_text_are_errors_and_withheld_ones_are_flagged():
    silent = b'{"choices": [{"message": {"content": null}, "finish_reason": "tool_calls"}]}'
    assert read_completion(silent, 0.0).error == "no text in the reply (finish reason tool_calls)"
    withheld = b'{"choices": [{"message": {"content": "x"}, "finish_reason": "content_filter"}]}'
    assert read_completion(withheld, 0.0).error is None
    assert read_completion(withheld, 0.0).finish_reason == "content_filter"


def test_usage_may_be_missing():
    answer = read_completion(b'{"choices": [{"message": {"content": ""}}], "usage": null}', 0.0)
    assert (answer.error, answer.tokens_in, answer.tokens_out) == (None, 0, 0)


@given(st.binary(max_size=50) | st.from_regex(r'\{"choices": \[.{0,20}\]\}').map(str.encode))
def test_any_reply_is_an_answer(body):
    assert isinstance(read_completion(body, 0.0), Answer)


def test_a_server_that_is_down_fails_preflight_at_once():
    url = f"http://127.0.0.1:{free_port()}/v1"
    line = complaint(preflight, endpoint(url, retries=50, back_off=30.0))
    assert "start the server" in line
    assert url in line


def test_a_server_that_goes_away_stops_the_run():
    url = f"http://127.0.0.1:{free_port()}/v1"
    assert "(tried 4 times)" in complaint(ask, endpoint(url))


@pytest.mark.parametrize("url", ["127.0.0.1:8000/v1", "ftp://127.0.0.1/v1", "http://[::1/v1", ""])
def test_a_malformed_url_is_the_users_mistake(url):
    assert "base_url" in complaint(preflight, endpoint(url))


@pytest.mark.parametrize("garbage", [b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le", b""])
def test_a_server_that_does_not_speak_http_is_an_error_of_the_call(garbage):
    async def speak(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(garbage)
        await writer.drain()
        writer.close()

    async def scenario():
        async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            model = endpoint(f"http://127.0.0.1:{port}/v1", retries=1)
            answer = await model.chat(CHAT)
            await model.close()
            return answer

    assert "tried 2 times" in asyncio.run(scenario()).error


def test_no_more_calls_at_once_than_allowed():
    with fake_server(latency=0.02) as server:
        answers = ask(endpoint(server.url, concurrency=5), times=40)
    assert [answer.error for answer in answers] == [None] * 40
    assert server.peak == 5


def test_an_overloaded_server_answers_everything_in_the_end():
    with fake_server(latency=0.02) as server:
        server.faults = lambda number: Fault(status=503) if server.active > 6 else None
        answers = ask(endpoint(server.url, retries=6), times=100)
    assert [answer.error for answer in answers] == [None] * 100
    assert server.calls < 300


def test_latency_leaves_out_queueing_and_back_off():
    with fake_server(latency=0.2, faults=[Fault(status=500)]) as server:
        answers = ask(endpoint(server.url, concurrency=1), times=10)
    assert all(0.2 <= answer.latency < 1.2 for answer in answers)


def test_one_model_serves_one_loop_after_another():
    with fake_server() as server:
        model = endpoint(server.url)
        assert [ask(model)[0].error for _ in range(2)] == [None, None]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_connections_left_open_do_not_hinder_the_next_loop():
    with fake_server() as server:
        model = endpoint(server.url)
        assert asyncio.run(model.chat(CHAT)).error is None
        assert ask(model)[0].error is None
        assert asyncio.run(model.chat(CHAT)).error is None
        asyncio.run(model.close())
        gc.collect()


def test_a_cancelled_call_frees_its_place():
    async def scenario(model, server):
        call = asyncio.create_task(model.chat(CHAT))
        async with asyncio.timeout(10):
            while not server.calls:  # noqa: ASYNC110 - the server lives in another thread
                await asyncio.sleep(0.01)
            call.cancel()
            answer = await model.chat(CHAT)
        await model.close()
        return answer

    with fake_server(faults=[Fault(hang=True)]) as server:
        answer = asyncio.run(scenario(endpoint(server.url, concurrency=1), server))
    assert answer.error is None


def test_closing_twice_or_unused_is_harmless():
    model = endpoint("http://127.0.0.1:1/v1")
    asyncio.run(model.close())
    asyncio.run(model.close())


def test_identity_is_what_moves_the_answers():
    def identity(**changes):
        return endpoint(**({"url": "http://a/v1"} | changes)).identity

    same = [{}, {"url": "http://a/v1/"}, {"name": "y"}, {"api_key": "k"}, {"retries": 9}]
    other = [
        {"url": "http://b/v1"},
        {"model": "m"},
        {"revision": "2"},
        {"decoding": Decoding(max_tokens=1)},
        {"decoding": Decoding(seed=None)},
        {"decoding": Decoding(stop=("\n",))},
        {"extra_body": {"reasoning_effort": "low"}},
        {"extra_body": {"reasoning_effort": "high"}},
        {"max_tokens_field": "max_completion_tokens"},
    ]
    assert len({identity(**changes) for changes in same}) == 1
    assert len({identity(**changes) for changes in [{}, *other]}) == len(other) + 1


def test_tokens_are_counted_too_high_rather_than_too_low():
    text = "This Agreement shall be governed by the laws of the State of Delaware."
    assert 14 <= endpoint("http://a/v1").count(text) <= 30
    assert endpoint("http://a/v1").count("") == 0


def test_importing_the_module_imports_no_client():
    clients = "{'openai', 'aiohttp'} & set(sys.modules)"
    program = f"import sys, models.endpoint.server; sys.exit(bool({clients}))"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == 0


def test_the_server_runs_as_a_process_too():
    with fake_server_process(reply="Nevada") as url:
        assert [answer.text for answer in ask(endpoint(url), times=3)] == ["Nevada"] * 3


@given(st.text(max_size=30))
def test_any_retry_after_is_a_wait(value):
    for header in ("retry-after", "retry-after-ms"):
        assert retry_after({header: value}, now=0.0) >= 0.0


@given(st.integers(0, 10**6), st.integers(0, 10**9))
def test_retry_after_reads_seconds_and_dates(wait, now):
    assert retry_after({"retry-after": str(wait)}, now) == wait
    assert retry_after({"retry-after": formatdate(now + wait, usegmt=True)}, now) == wait
    assert retry_after({"retry-after-ms": str(wait)}, now) == wait / 1000


@pytest.mark.parametrize("value", ["nan", "inf", "-5", "", "soon"])
def test_retry_after_that_cannot_be_read_is_no_wait(value):
    assert retry_after({"retry-after": value}, now=0.0) == 0.0
