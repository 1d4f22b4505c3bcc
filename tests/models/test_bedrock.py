"""Models on Bedrock: boto3 itself against a scripted Converse on loopback."""

import asyncio
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import botocore.session
import pytest
from botocore import exceptions
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from common.redaction import redacted
from common.settings import validated
from common.threads import Threads
from models.bedrock.conversation import parameters, request
from models.bedrock.failures import diagnose, meanings
from models.chat import Answer, Decoding, Message
from models.egress import Sent
from models.factory import Chats, open_models
from models.family import family_of
from models.registry import AnyEntry, read_entry
from models.remote.chat import RemoteChat
from tests.builders.fake_bedrock import Fault, conversation, fake_bedrock
from tests.builders.policies import permissive
from tests.common.test_aws import CLASSES, made
from tests.models.test_limiter import run as on_a_clock_that_skips
from tests.seams import users

CHAT = [Message("system", "Answer briefly."), Message("user", "Which law governs?")]
HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
MODELS = [
    HAIKU,
    "anthropic.claude-3-haiku-20240307-v1:0",
    "meta.llama3-8b-instruct-v1:0",
    "mistral.mistral-7b-instruct-v0:2",
    "amazon.titan-text-express-v1",
    "eu.amazon.nova-lite-v1:0",
    "arn:aws:bedrock:eu-west-1:123456789012:imported-model/abc123def456",
    "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc123def456",
]

FAMILIES = ["claude", "claude", "llama", "mistral", "titan", "nova", MODELS[6], MODELS[7]]


@pytest.fixture(autouse=True)
def signed_in(monkeypatch, tmp_path):
    """Whoever asks has credentials, and no configuration of this machine acts."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI0K7MDENG0bPxRfiCYEXAMPLEKEY")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))


def write(folder, url="", name="claude", more="", model=HAIKU):
    at = f'endpoint_url = "{url}"\n' if url else ""
    entry = f'kind = "bedrock"\nmodel = "{model}"\nretries = 2\ntimeout = 10.0\n{at}{more}\n'
    (folder / f"{name}.toml").write_text(entry)
    return folder


@pytest.fixture
def opened(tmp_path):
    """Opens the chat model of an entry; its waits are short."""

    def open_it(server, **given) -> RemoteChat:
        chat = Chats(write(tmp_path, server.url, **given)).open(given.get("name", "claude"))
        chat._back_off = 0.02
        return chat

    return open_it


def ask(model, times=1, chat=CHAT):
    async def scenario() -> list[Answer]:
        try:
            return await asyncio.gather(*(model.chat(chat) for _ in range(times)))
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
    assert "\n" not in line and "{said}" not in line and line.startswith("model claude (")
    return line


@pytest.mark.parametrize("model", MODELS)
def test_a_chat_is_asked_as_converse_wants_it(opened, model):
    """botocore validated the request and parsed the reply; the id arrives whole."""
    with fake_bedrock(reply=lambda asked: "Nevada") as server:
        chat = opened(server, model=model, more="[decoding]\nmax_tokens = 7")
        (answer,) = ask(chat)
    assert (answer.text, answer.error, answer.finish_reason) == ("Nevada", None, "stop")
    assert (answer.tokens_in, answer.tokens_out) == (11, 3) and answer.latency > 0
    assert list(server.requests) == [
        {
            "modelId": model,
            "system": [{"text": "Answer briefly."}],
            "messages": [{"role": "user", "content": [{"text": "Which law governs?"}]}],
            "inferenceConfig": {"maxTokens": 7, "temperature": 0.0},
        }
    ]


def test_decoding_and_what_an_entry_adds_arrive(opened):
    more = """[decoding]
max_tokens = 7
temperature = 0.5
top_p = 0.9
stop = ["Question:"]
[extra_body]
top_k = 50
thinking = {type = "enabled", budget_tokens = 1024}"""
    with fake_bedrock() as server:
        ask(opened(server, more=more))
    (asked,) = server.requests
    assert asked["inferenceConfig"] == {
        "maxTokens": 7, "temperature": 0.5, "topP": 0.9, "stopSequences": ["Question:"]
    }  # fmt: skip
    thinking = {"type": "enabled", "budget_tokens": 1024}
    assert asked["additionalModelRequestFields"] == {"top_k": 50, "thinking": thinking}


CONVERSE = botocore.session.get_session().get_service_model("bedrock-runtime")
TURN = st.builds(Message, st.sampled_from(["system", "user", "assistant"]), st.text(max_size=9))
DECODING = st.builds(
    Decoding,
    st.integers(1, 10**6), st.floats(0, 1), st.floats(0.01, 1), st.none(),
    st.lists(st.text(min_size=1, max_size=4), max_size=3).map(tuple),
)  # fmt: skip


@given(st.sampled_from(MODELS), st.lists(TURN, max_size=5), DECODING, st.booleans())
def test_every_request_is_one_of_the_service_model(model, turns, decoding, takes_system):
    taken = parameters(decoding)
    if not takes_system:
        del taken["system"]
    asked = request(model, turns, taken, {"top_k": 5})
    shape = CONVERSE.operation_model("Converse").input_shape
    report = botocore.validate.ParamValidator().validate(asked, shape)
    assert not report.has_errors(), report.generate_report()
    said = " ".join(turn.content for turn in turns)
    sent = [*asked.get("system", []), *(part for m in asked["messages"] for part in m["content"])]
    assert set(" ".join(part["text"] for part in sent).split()) == set(said.split())
    assert takes_system or "system" not in asked


@pytest.mark.parametrize(
    ("said", "model"),
    [
        ("This model doesn't support system messages. Try again without system messages.",
         "amazon.titan-text-express-v1"),
        ("Malformed input request: system prompt is not supported by this model",
         "mistral.mistral-7b-instruct-v0:2"),
    ],
)  # fmt: skip
def test_a_model_without_a_system_turn_is_told_the_rules_by_the_user(opened, said, model):
    with fake_bedrock(
        faults=lambda asked: (
            Fault(code="ValidationException", message=said) if "system" in asked else None
        )
    ) as server:
        chat = opened(server, model=model)
        answers = [*ask(chat), *ask(chat)]
    assert [answer.error for answer in answers] == [None, None]
    assert server.calls == 3  # refused once, and learnt
    (turn,) = server.requests[-1]["messages"]
    assert turn["content"][0]["text"] == "Answer briefly.\n\nWhich law governs?"
    assert "system" not in server.requests[-1]
    (remark,) = chat.remarks
    assert remark.startswith("claude: ") and "system" in remark


def test_of_two_ways_to_draw_a_model_that_takes_one_keeps_the_temperature(opened):
    said = "The model returned: `temperature` and `top_p` cannot both be specified for this model."
    with fake_bedrock(
        faults=lambda asked: (
            Fault(code="ValidationException", message=said)
            if "topP" in asked["inferenceConfig"]
            else None
        )
    ) as server:
        chat = opened(server, more="[decoding]\ntemperature = 0.7")
        ask(chat)
    assert server.requests[-1]["inferenceConfig"] == {"maxTokens": 96, "temperature": 0.7}
    assert chat.remarks == ("claude: it was not sent topP, which it refuses",)


THOUGHT = {"reasoningContent": {"reasoningText": {"text": "Texas?", "signature": "x"}}}
HIDDEN = {"reasoningContent": {"redactedContent": "AAAA"}}
TOOL = {"toolUse": {"toolUseId": "t", "name": "n", "input": {}}}
SPOKEN = [
    (conversation({"text": "Nevada"}), ("Nevada", "", "stop", None)),
    (conversation({"text": "Ne"}, {"text": "vada"}), ("Nevada", "", "stop", None)),
    (conversation(THOUGHT, {"text": "Nevada"}), ("Nevada", "Texas?", "stop", None)),
    (conversation(HIDDEN, {"text": "Nevada"}), ("Nevada", "", "stop", None)),
    (conversation({"text": "<think>Or?</think>Nevada"}), ("Nevada", "Or?", "stop", None)),
    (conversation({"text": "Nev"}, stop="max_tokens"), ("Nev", "", "length", None)),
    (conversation({"text": "No"}, stop="stop_sequence"), ("No", "", "stop", None)),
    (conversation(), ("", "", "stop", None)),
    (conversation({"text": ""}), ("", "", "stop", None)),
    (conversation({"text": "x"}, stop="guardrail_intervened"), ("x", "", "content_filter", None)),
    (conversation({"text": ""}, stop="content_filtered"), ("", "", "content_filter", None)),
    (conversation(stop="content_filtered"), ("", "", "content_filter", None)),
    (conversation(THOUGHT), ("", "Texas?", "stop", "no answer after the reasoning")),
    (conversation(TOOL), ("", "", "stop", "no text in the reply (finish reason stop)")),
    (conversation(TOOL, stop="tool_use"),
     ("", "", "tool_use", "no text in the reply (finish reason tool_use)")),
    (conversation(THOUGHT, stop="max_tokens"),
     ("", "Texas?", "length",
      "cut off before an answer began: max_tokens is too small for this model")),
    (conversation({"text": ""}, stop="model_context_window_exceeded"),
     ("", "", "length", "cut off before an answer began: max_tokens is too small for this model")),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "wanted"), SPOKEN)
def test_what_converse_says_becomes_an_answer(opened, reply, wanted):
    with fake_bedrock(reply=lambda asked: reply) as server:
        (answer,) = ask(opened(server))
    found = (answer.text, answer.reasoning, answer.finish_reason, answer.error)
    assert found == wanted and server.calls == 1


def test_tokens_that_were_read_from_a_cache_are_tokens(opened):
    reply = conversation({"text": "x"})
    reply["usage"] |= {"cacheReadInputTokens": 100, "cacheWriteInputTokens": 1000}
    with fake_bedrock(reply=lambda asked: reply) as server:
        (answer,) = ask(opened(server))
    assert (answer.tokens_in, answer.tokens_cached) == (1111, 100)


def throttled(code="ThrottlingException", status=429, message="Too many requests, please wait"):
    return Fault(code=code, status=status, message=message)


PASSING = [
    throttled(),
    throttled("TooManyRequestsException"),
    throttled("ServiceUnavailableException", 503),
    throttled("ModelNotReadyException"),
    throttled("ModelTimeoutException", 408),
    throttled("InternalServerException", 500),
    throttled("ModelErrorException", 424),
    Fault(drop=True),
    Fault(half=True),
    Fault(body='{"output": {"mess'),
    Fault(body="<html>busy</html>", status=503),
    Fault(body="<html>hello</html>"),
    Fault(body="[]"),
    Fault(body="{}"),
    Fault(body='{"output": {}, "stopReason": "end_turn"}'),
]


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: str(fault.code or fault.body))
def test_what_passes_is_tried_again(opened, fault):
    with fake_bedrock(faults=[fault, fault]) as server:
        (answer,) = ask(opened(server))
        assert (answer.error, answer.text, server.calls) == (None, "It says so.", 3)
        server.faults, server.calls = lambda asked: fault, 0
        (answer,) = ask(opened(server))
    assert answer.error and answer.error.endswith("(tried 3 times)") and not answer.lasting
    assert server.calls == 3


def test_a_slow_reply_is_given_up_and_asked_for_again(opened):
    with fake_bedrock(faults=[Fault(drip=0.05), Fault(hang=True)]) as server:
        chat = opened(server, more="").server
        chat._entry = chat._entry.model_copy(update={"timeout": 1.5})
        model = RemoteChat(
            "claude", chat, Decoding(), context=8192, concurrency=2, retries=2, back_off=0.01
        )
        started = time.monotonic()
        (answer,) = ask(model)
    assert (answer.text, answer.error) == ("It says so.", None)
    assert server.calls == 3 and time.monotonic() - started < 20


def test_a_server_that_throttles_is_asked_less_and_answers_everything(opened):
    with fake_bedrock(latency=0.02) as server:
        server.faults = lambda asked: throttled() if server.active > 6 else None
        answers = ask(opened(server, more="concurrency = 64").decoded(Decoding()), times=100)
        lost = [answer.error for answer in answers if answer.error]
    assert len(lost) < 5 and server.calls < 300


class Throttled:
    """Bedrock as it is after a burst: for a minute every call is refused."""

    where, remarks = "a model on Bedrock", ()
    calls = 0

    def __init__(self, until):
        self.until = until

    def identity(self, decoding):
        return "x"

    def connect(self):
        """Nothing to do."""

    async def send(self, messages, decoding):
        self.calls += 1
        await asyncio.sleep(0.05)
        if asyncio.get_running_loop().time() >= self.until:
            return Answer("Nevada")
        refused = exceptions.ClientError(
            {
                "Error": {"Code": "ThrottlingException", "Message": "Too many tokens"},
                "ResponseMetadata": {"HTTPStatusCode": 429},
            },
            "Converse",
        )
        return diagnose(refused, meanings("m", "us-east-1", "x.toml"))

    def advice(self, failure):
        return ""

    async def close(self):
        """Nothing is open."""


def test_a_minute_of_throttling_costs_little_and_loses_little():
    """On a clock that is moved by hand, with an entry's own retries, over many draws of waits."""
    entry = validated("x.toml", {"kind": "bedrock", "model": "m"}, AnyEntry)
    lost = calls = 0

    async def scenario():
        server = Throttled(until=60.0)
        chat = RemoteChat(
            "m", server, Decoding(), context=8192, concurrency=64, retries=entry.retries
        )
        answers = await asyncio.gather(*(chat.chat(CHAT) for _ in range(200)))
        return sum(answer.error is not None for answer in answers), server.calls

    for _ in range(20):
        found, asked = on_a_clock_that_skips(scenario())
        lost, calls = lost + found, calls + asked
    assert calls < 20 * 200 * 2.5  # a refusal halves the pace, and at one call at a time all wait
    assert lost <= 4  # of 4,000; an exam asks those again at its end


LASTING = [
    (Fault(code="AccessDeniedException", status=403,
           message="You don't have access to the model with the specified model ID."),
     ["Model access", "us-east-1"]),
    (Fault(code="AccessDeniedException", status=403,
           message="User: u is not authorized to perform: bedrock:InvokeModel"),
     ["bedrock:InvokeModel", "Model access"]),
    (Fault(code="ResourceNotFoundException", status=404,
           message="Model use case details have not been submitted for this account."),
     ["Model access"]),
    (Fault(code="ResourceNotFoundException", status=404, message="no such thing"),
     ["list-foundation-models --region us-east-1", "claude.toml"]),
    (Fault(code="ValidationException", message="The provided model identifier is invalid."),
     ["no such model in us-east-1", "list-foundation-models --region us-east-1", "claude.toml"]),
    (Fault(code="ValidationException",
           message="Invocation of model ID m with on-demand throughput isn’t supported. Retry "
                   "your request with the ID or ARN of an inference profile."),
     ["inference profile", "list-inference-profiles --region us-east-1", "us."]),
    (Fault(code="ExpiredTokenException", status=403,
           message="The security token included in the request is expired"),
     ["renew", "aws sso login"]),
    (Fault(code="UnrecognizedClientException", status=403,
           message="The security token included in the request is invalid."), ["renew"]),
    (Fault(code="InvalidSignatureException", status=403, message="Signature expired"), ["renew"]),
    (Fault(code="ThrottlingException", status=429,
           message="Too many tokens per day, please wait before trying again."), ["tomorrow"]),
    (Fault(code="ServiceQuotaExceededException", status=400, message="over"), ["Service Quotas"]),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "words"), LASTING, ids=lambda each: getattr(each, "code", ""))
def test_what_no_later_call_can_mend_stops_the_run_in_one_line(opened, fault, words):
    for act in (ask, preflight):
        with fake_bedrock(faults=lambda asked: fault) as server:
            line = complaint(act, opened(server))
        assert server.calls == 1
        assert all(word in line for word in [*words, HAIKU, "us-east-1"]), line
        assert fault.message[:20] in line and "Nevada" not in line


def test_credentials_that_expire_in_the_middle_stop_the_run(opened):
    expired = Fault(code="ExpiredTokenException", status=403, message="expired")
    with fake_bedrock(faults=lambda asked: expired if server.calls > 3 else None) as server:
        line = complaint(lambda model: ask(model, times=9), opened(server, more="concurrency = 1"))
    assert "aws sso login" in line


def test_a_chat_that_is_refused_for_what_it_says_is_lost_alone(opened):
    fault = Fault(code="ValidationException", message="Input is too long for requested model.")
    with fake_bedrock(faults=[fault]) as server:
        first, second = ask(opened(server, more="concurrency = 1"), times=2)
    assert first.error == "ValidationException: Input is too long for requested model."
    assert first.lasting and second.error is None and server.calls == 2


def test_a_model_that_reasons_is_not_refused_for_a_greeting_too_short(opened):
    said = "`max_tokens` must be greater than `thinking.budget_tokens`."
    with fake_bedrock(
        faults=lambda asked: (
            Fault(code="ValidationException", message=said)
            if asked["inferenceConfig"]["maxTokens"] < 1024
            else None
        )
    ) as server:
        preflight(opened(server, more="[decoding]\nmax_tokens = 2048"))
    assert [each["inferenceConfig"]["maxTokens"] for each in server.requests] == [1, 2048]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"AWS_DEFAULT_REGION": None}, ["no AWS region", "claude.toml", "AWS_DEFAULT_REGION"]),
        ({"AWS_PROFILE": "nobody"}, ["nobody", "list-profiles"]),
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, ["aws configure"]),
    ],
)
def test_what_is_missing_of_the_configuration_is_one_line(tmp_path, monkeypatch, settings, words):
    for name, value in settings.items():
        monkeypatch.delenv(name, raising=False)
        if value:
            monkeypatch.setenv(name, value)
    with fake_bedrock() as server, pytest.raises(UserError) as caught:
        preflight(Chats(write(tmp_path, server.url)).open("claude"))
    assert all(word in str(caught.value) for word in words), caught.value
    assert server.calls == 0


def test_a_region_that_has_no_bedrock_is_named(tmp_path):
    more = 'region = "nowhere-south-1"'
    chat = Chats(write(tmp_path, "http://127.0.0.1:9", more=more)).open("claude")
    line = complaint(preflight, chat)
    assert "nowhere-south-1" in line and "cannot be reached" in line


@pytest.mark.parametrize(
    ("entry", "region"),
    [
        ("", "us-east-1"),
        ('region = "eu-west-3"', "eu-west-3"),
        ('profile = "work"', "ap-south-1"),
    ],
)
def test_region_and_profile_are_aws_s_own_or_the_entry_s(
    tmp_path, monkeypatch, entry, region, opened
):
    config = tmp_path / "config"
    config.write_text("[profile work]\nregion = ap-south-1\naws_access_key_id = AKIDWORKER\n"
                      "aws_secret_access_key = s\n")  # fmt: skip
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    if "profile" in entry:
        monkeypatch.delenv("AWS_DEFAULT_REGION")
    with fake_bedrock() as server:
        ask(opened(server, more=entry))
        ask(opened(server, model=MODELS[6], more=entry.replace("region", "# region")))
    who = "AKIDWORKER" if "profile" in entry else "AKIDEXAMPLE"
    signatures = [headers["Authorization"] for headers in server.headers]
    assert f"Credential={who}/" in signatures[0] and f"/{region}/bedrock/" in signatures[0]
    assert "/eu-west-1/bedrock/" in signatures[1]  # an ARN says its region itself


def test_an_api_key_of_bedrock_is_hidden_and_sent_through_tls_alone(opened, monkeypatch):
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key-QUJDREVG0123")
    with fake_bedrock() as server:
        assert "HTTPS" in complaint(ask, opened(server))
    assert server.calls == 0
    assert redacted("bedrock-api-key-QUJDREVG0123 is wrong") == "*** is wrong"


def test_variables_that_name_another_server_do_not_act(tmp_path, monkeypatch):
    with fake_bedrock() as server:
        for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"):
            monkeypatch.setenv(name, server.url)
        chats = Chats(write(tmp_path))
        client = chats.open("claude").server._client
    assert client.meta.endpoint_url == "https://bedrock-runtime.us-east-1.amazonaws.com"


def test_a_proxy_of_the_environment_is_not_between_this_machine_and_itself(opened, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with fake_bedrock() as server:
        assert ask(opened(server))[0].error is None


def test_the_policy_is_asked_before_anything_is_sent(tmp_path, monkeypatch):
    registry = tmp_path / "registry"
    registry.mkdir()
    write(registry)
    policy = tmp_path / "policy.toml"

    def allow(*hosts):
        policy.write_text(f"{permissive('a' * 64, 'd' * 64)}[egress]\nsample = {list(hosts)}\n")

    def opens():
        return Chats(registry, [Sent("sample", "d" * 64)]).open("claude")

    allow("bedrock-runtime.eu-west-1.amazonaws.com")
    with pytest.raises(UserError, match=r"\"sample\" = \[\"bedrock-runtime\.us-east-1\."):
        opens()
    allow("bedrock-runtime.us-east-1.amazonaws.com")
    assert opens().name == "claude"
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org:3128")
    with pytest.raises(UserError, match=r"is at proxy\.example\.org"):
        opens()
    monkeypatch.delenv("HTTPS_PROXY")
    write(registry, "https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com")
    with pytest.raises(UserError, match="vpce-1"):
        opens()
    write(registry, "http://127.0.0.1:9")
    assert opens().name == "claude"  # nothing leaves


def test_without_a_data_set_it_is_identified_and_not_asked(tmp_path):
    chat = Chats(write(tmp_path)).open("claude")
    assert len(chat.identity) == 64
    with pytest.raises(UserError, match="nobody said what data"):
        preflight(chat)


def test_identity_is_what_moves_the_answers(tmp_path):
    def identity(more="", model=HAIKU, url="", name="claude"):
        return Chats(write(tmp_path, url, name=name, more=more, model=model)).open(name).identity

    vpc = "https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com"
    same = [{}, {"more": 'region = "eu-west-1"'}, {"more": 'profile = "p"'}, {"name": "other"},
            {"url": vpc}, {"more": "concurrency = 2"}, {"more": "context = 500"}]  # fmt: skip
    other = [
        {"model": MODELS[1]}, {"more": 'revision = "2"'}, {"more": "[decoding]\nmax_tokens = 5"},
        {"more": '[decoding]\nstop = ["x"]'}, {"more": "[extra_body]\ntop_k = 5"},
        {"url": "http://127.0.0.1:9"}, {"url": "https://amazonaws.com.evil.example"},
        {"url": "https://gateway-1.us-east-1.elb.amazonaws.com"},
        {"url": "https://abc.execute-api.us-east-1.amazonaws.com/llm"},
        {"url": "https://bedrock-runtime.elb.amazonaws.com.evil.example/x.amazonaws.com"},
    ]  # fmt: skip
    assert len({identity(**each) for each in same}) == 1
    assert len({identity(**each) for each in [{}, *other]}) == len(other) + 1


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("[decoding]\ntemperature = 1.5", ["temperature", "at most 1"]),
        ("[decoding]\nseed = 7", ["seed"]),
        ('region = "US East"', ["region"]),
        ('endpoint_url = "bedrock.local"', ["endpoint_url"]),
        ('endpoint_url = "http://me:pw@h"', ["endpoint_url"]),
        ('regin = "us-east-1"', ["region"]),
        ("[extra_body]\nmaxTokens = 5", ["decoding.max_tokens"]),
        ("[extra_body]\nmax_gen_len = 5", ["decoding.max_tokens"]),
        ("[extra_body]\nn = 5", ["one reply is asked for"]),
    ],
)
def test_a_mistake_in_an_entry_is_one_line(tmp_path, more, words):
    with pytest.raises(UserError) as caught:
        read_entry("claude", write(tmp_path, more=more))
    assert all(word in str(caught.value) for word in ["claude.toml", *words])
    assert "\n" not in str(caught.value) and "pw@" not in str(caught.value)


@pytest.mark.parametrize("model", ["", " ", "a b", "https://x y", "é"])
def test_what_is_no_id_is_refused(tmp_path, model):
    with pytest.raises(UserError, match="model"):
        read_entry("claude", write(tmp_path, model=model))


@pytest.mark.parametrize(
    ("model", "family"),
    list(zip(MODELS, FAMILIES, strict=True)),
)
def test_the_family_is_that_of_the_weights(tmp_path, model, family):
    assert family_of(read_entry("claude", write(tmp_path, model=model))) == family


def test_one_client_serves_a_model_and_its_judge(tmp_path):
    with fake_bedrock() as server:
        chats = Chats(write(tmp_path, server.url))
        (model,) = open_models(["claude"], tmp_path, chats)
        judge = chats.open("claude", 1024)
        assert judge.longest_answer == 1024 and judge.server is model.chat.server
        ask(judge)
        ask(model.chat)  # after the judge was closed
    assert [each["inferenceConfig"]["maxTokens"] for each in server.requests] == [1024, 96]


def test_no_more_calls_at_once_than_allowed_and_connections_are_kept(opened):
    with fake_bedrock(latency=0.02) as server:
        answers = ask(opened(server, more="concurrency = 5"), times=40)
    assert [answer.error for answer in answers] == [None] * 40
    assert server.peak == 5


def test_the_longest_wait_is_that_of_the_call_without_an_answer(opened):
    async def scenario(chat):
        call = asyncio.create_task(chat.chat(CHAT))
        async with asyncio.timeout(10):
            while not server.calls:  # noqa: ASYNC110 - the server lives in another thread
                await asyncio.sleep(0.01)
        said = str(chat.longest_wait)
        call.cancel()
        other = await chat.chat(CHAT)
        await chat.close()
        return said, other

    with fake_bedrock(faults=[Fault(hang=True)]) as server:
        said, other = asyncio.run(scenario(opened(server, more="concurrency = 1")))
    assert said.startswith("waiting for claude, ") and said.endswith("1 of 3 tries")
    assert other.error is None  # the cancelled call's place was free


def test_a_process_that_is_interrupted_does_not_wait_for_the_server(tmp_path):
    program = """
import asyncio, sys
from pathlib import Path
from models.chat import Message
from models.factory import Chats
chat = Chats(Path(sys.argv[1])).open("claude")
async def main():
    print("asking", flush=True)
    await asyncio.gather(*(chat.chat([Message("user", "x")]) for _ in range(4)))
asyncio.run(main())
"""
    with fake_bedrock(faults=lambda asked: Fault(hang=True)) as server:
        write(tmp_path, server.url)
        command = [sys.executable, "-c", program, str(tmp_path)]
        root = Path(__file__).parents[2]
        process = subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while server.active < 4 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert server.active == 4
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)  # the entry's timeout, times its retries, would be longer
    assert process.returncode != 0


def test_a_call_s_exception_is_the_caller_s_and_threads_are_used_again():
    async def scenario():
        threads, seen = Threads(), set()

        def work():
            import threading

            seen.add(threading.current_thread().name)
            raise LookupError("of the call")

        for _ in range(5):
            with pytest.raises(LookupError):
                await threads.run(work)
        started = threads._started
        threads.close()
        assert await threads.run(lambda: 5) == 5
        threads.close()
        return len(seen), started

    assert asyncio.run(scenario()) == (1, 1)


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["output", "message", "content", "text", "reasoningContent", "reasoningText", "usage",
             "inputTokens", "stopReason", "x"]
        ),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@pytest.fixture(scope="module")
def parsing(tmp_path_factory):
    """A server that says what it is told to, and a model there that asks once."""
    with fake_bedrock() as server:
        folder = write(tmp_path_factory.mktemp("parsing"), server.url, more="concurrency = 1")
        chat = Chats(folder).open("claude")
        chat._retries = 0
        yield server, chat


@given(body=JSONS | st.text(max_size=20))
@settings(max_examples=300)
def test_whatever_comes_is_an_answer(parsing, body):
    server, chat = parsing
    server.faults = lambda asked: Fault(body=body if isinstance(body, str) else json.dumps(body))
    answer = asyncio.run(chat.chat(CHAT))
    assert isinstance(answer, Answer) and isinstance(answer.text, str)


@pytest.mark.parametrize("block", [None, {"text": 5}, {"text": ["x"]}, {"reasoningContent": 5}])
def test_a_block_that_is_none_is_a_malformed_reply(parsing, block):
    """Some of which botocore lets pass."""
    server, chat = parsing
    server.faults = lambda asked: Fault(body=json.dumps(conversation(block)))
    answer = asyncio.run(chat.chat(CHAT))
    assert answer.error and answer.error.startswith("malformed reply")


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_of_botocore_is_a_failure(kind):
    failure = diagnose(made(kind), meanings("m", "us-east-1", "x.toml"))
    assert failure.reason and "\n" not in failure.reason and "{said}" not in failure.reason


def test_there_is_one_way_to_converse():
    assert users("models.bedrock.server.BedrockServer") == {"models/factory.py"}
    assert users(".converse") == {"models/bedrock/server.py"}


def test_decoding_has_no_parameter_that_converse_would_not_be_sent():
    assert {each.name for each in dataclasses.fields(Decoding)} == {
        "max_tokens", "temperature", "top_p", "stop", "seed"
    }  # fmt: skip
