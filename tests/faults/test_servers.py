"""What servers say: the body counts as much as the status, and advice names what helps."""

import asyncio
import json

import pytest

from common.errors import UserError
from models.chat import Message
from models.endpoint.server import endpoint_chat
from models.factory import open_models
from models.remote.failures import retry_after
from tests.builders.fake_server import Fault, fake_server

CHAT = [Message("user", "Which law governs?")]


def asked(server, times=1, preflight=False, **options):
    """The answers, or the line of the UserError."""

    async def scenario():
        given = {"name": "x", "model": "m", "retries": 3, "back_off": 0.01, "concurrency": 1}
        model = endpoint_chat(**(given | {"base_url": server.url} | options))
        try:
            if preflight:
                await model.preflight()
            return [await model.chat(CHAT) for _ in range(times)]
        except UserError as error:
            return str(error)
        finally:
            await model.close()

    return asyncio.run(scenario())


def completed(message, finish_reason="stop"):
    return Fault(
        body=json.dumps({"choices": [{"message": message, "finish_reason": finish_reason}]})
    )


@pytest.mark.fault("SRV-1")
@pytest.mark.peer("BerriAI/litellm#8448", "an error in a body of status 200 is taken for a reply")
@pytest.mark.parametrize(
    "body",
    [
        '{"error": {"message": "Rate limit exceeded", "code": 429}}',
        '{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}',
        '{"error": "Too many requests"}',
        '{"object": "error", "message": "overloaded", "code": "503"}',
        '{"choices": [{"error": {"code": 502, "message": "Bad gateway"}, "message": {}}]}',
        'data: {"error": {"message": "Rate limit exceeded", "code": 429}}\n\ndata: [DONE]\n\n',
        '[{"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}]',
        '{"errors": [{"message": "Too many requests", "code": 1015}]}',
        '{"type": "about:blank", "title": "Too Many Requests", "status": 429}',
        '{"detail": "Rate limit exceeded"}',
        "<html><body>502 Bad Gateway</body></html>",
        "",
    ],
)
def test_an_error_under_status_200_is_tried_again(body):
    with fake_server(lambda chat: "Nevada", faults=[Fault(body=body), Fault(body=body)]) as server:
        answers = asked(server)
    assert [(answer.text, answer.error) for answer in answers] == [("Nevada", None)]
    assert server.calls == 3


@pytest.mark.fault("SRV-1")
@pytest.mark.parametrize(("code", "calls"), [(400, 1), ("context_length_exceeded", 1), (500, 4)])
def test_an_error_under_status_200_counts_as_its_code_says(code, calls):
    body = json.dumps({"error": {"message": "cannot", "code": code}})
    with fake_server(faults=lambda number: Fault(body=body)) as server:
        [answer] = asked(server)
    assert server.calls == calls
    assert answer.error and answer.error.startswith(("HTTP 400 cannot", "HTTP 500 cannot"))


@pytest.mark.fault("SRV-2")
@pytest.mark.parametrize(
    "content",
    [
        [{"type": "text", "text": "Nevada"}],
        [{"type": "text", "text": "Ne"}, {"type": "output_text", "text": "vada"}],
        [{"type": "thinking", "thinking": "Texas?"}, {"type": "text", "text": "Nevada"}],
        ["Nevada"],
    ],
)
def test_content_in_parts_is_joined(content):
    with fake_server(faults=[completed({"content": content})]) as server:
        [answer] = asked(server)
    assert (answer.text, answer.error) == ("Nevada", None)


@pytest.mark.fault("SRV-3")
@pytest.mark.peer(
    "UKGovernmentBEIS/inspect_ai#1074", "max_tokens is sent to models that refuse the name"
)
@pytest.mark.parametrize(
    ("refused", "message"),
    [
        ("max_tokens", "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
        ("temperature", "Unsupported value: 'temperature' does not support 0 with this model."),
        ("top_p", "`temperature` and `top_p` cannot both be specified for this model."),
        ("seed", "seed: Extra inputs are not permitted"),
    ],
)
def test_a_parameter_that_a_server_refuses_is_learnt_once(refused, message):
    with fake_server(lambda chat: "Nevada") as server:
        server.faults = lambda number: (
            Fault(status=400, message=message) if refused in server.requests[-1] else None
        )
        answers = asked(server, times=3, preflight=True)
    assert [answer.text for answer in answers] == ["Nevada"] * 3
    assert server.calls == 5
    if refused == "max_tokens":
        assert server.requests[-1]["max_completion_tokens"] == 96


@pytest.mark.fault("SRV-4")
@pytest.mark.parametrize("broken", ["abc", "", "nan", "inf"])
def test_a_broken_wait_in_milliseconds_hides_no_good_one(broken):
    headers = {"retry-after-ms": broken, "retry-after": "1"}
    assert retry_after(headers, now=0.0) == 1.0


@pytest.mark.fault("SRV-5")
def test_a_user_part_in_the_url_is_who_asks():
    with fake_server(lambda chat: "Nevada") as server:
        url = server.url.replace("://", "://bob:pass%20w0rd@")
        answers = asked(server, base_url=url)
    assert [answer.text for answer in answers] == ["Nevada"]
    assert server.authorizations == {"Basic Ym9iOnBhc3MgdzByZA=="}


@pytest.mark.fault("ONE-4")
@pytest.mark.peer("tatsu-lab/alpaca_eval#162", "one prompt that a filter blocks ends the run")
@pytest.mark.parametrize("status", [403, 401, 404, 302, 451])
def test_a_chat_that_is_forbidden_alone_fails_alone(status):
    blocked = Fault(status=status, body="<html>Request blocked</html>")
    with fake_server(lambda chat: "Nevada", faults=[None, None, blocked]) as server:
        answers = asked(server, times=3, preflight=True)
    assert [answer.text for answer in answers] == ["Nevada", "", "Nevada"]
    assert f"HTTP {status}" in answers[1].error


@pytest.mark.fault("PATH-3")
@pytest.mark.parametrize("status", [404, 401])
def test_advice_names_the_file_that_was_read(status, tmp_path):
    path = tmp_path / "elsewhere" / "x.toml"
    path.parent.mkdir()
    with fake_server(faults=lambda number: Fault(status=status)) as server:
        path.write_text(f'kind = "endpoint"\nbase_url = "{server.url}"\nmodel = "m"\n')
        [model] = open_models(["x"], path.parent)

        async def preflight():
            try:
                await model.preflight()
            finally:
                await model.close()

        with pytest.raises(UserError) as caught:
            asyncio.run(preflight())
    assert str(path) in str(caught.value)
