"""AWS's refusals as one line: every error that botocore has, and codes that AWS sends."""

import inspect
from string import Formatter

import boto3
import pytest
from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from common.aws.clients import ADVICE, explained, explanation, open_client, read_prefix
from common.errors import UserError
from common.redaction import redacted
from tests.builders.fake_server import fake_server

CLASSES = [
    each
    for _, each in inspect.getmembers(exceptions, inspect.isclass)
    if issubclass(each, BotoCoreError)
]


def made(kind):
    wanted = {name for _, name, _, _ in Formatter().parse(kind.fmt) if name}
    wanted |= {
        name
        for name, each in inspect.signature(kind).parameters.items()
        if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
    }
    return kind(**{name: f"the\n{name}" for name in wanted})


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_of_botocore_is_one_line_with_advice(kind):
    assert len(CLASSES) > 50
    with pytest.raises(UserError) as caught, explained("it was not done"):
        raise made(kind)
    line = str(caught.value)
    assert line.startswith("it was not done: ") and "\n" not in line and "{said}" not in line
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (exceptions.NoCredentialsError, "aws configure"),
        (exceptions.NoRegionError, "AWS_DEFAULT_REGION"),
        (exceptions.ProfileNotFound, "list-profiles"),
        (exceptions.UnauthorizedSSOTokenError, "aws sso login"),
        (exceptions.EndpointConnectionError, "network"),
        (exceptions.ReadTimeoutError, "network"),
        (exceptions.TokenRetrievalError, "aws sso login"),
    ],
)
def test_what_is_raised_before_aws_answers_is_told_by_its_kind(kind, said):
    assert said in explanation(made(kind))


def refusal(code, message="because\nof {this}"):
    return ClientError({"Error": {"Code": code, "Message": message}}, "PutObject")


@pytest.mark.parametrize("code", sorted(name for codes in ADVICE for name in codes))
def test_a_code_that_is_known_has_its_advice(code):
    line = explanation(refusal(code))
    (words,) = [words for codes, words in ADVICE.items() if code in codes]
    assert line == words.replace("{said}", f"{code}, PutObject: because of {{this}}")


@given(st.text(max_size=20), st.text(max_size=50))
def test_whatever_aws_says_is_one_line(code, message):
    assert "\n" not in explanation(refusal(code, message))


def test_who_asks_may_know_better():
    better = {("AccessDenied",): "ask Ann ({said})"}
    line = explanation(refusal("AccessDenied", "no"), better)
    assert line == "ask Ann (AccessDenied, PutObject: no)"
    assert "aws sso login" in explanation(refusal("ExpiredToken"), better)


def test_a_client_is_where_it_is_said_to_be(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert open_client("s3").meta.region_name == "eu-west-1"
    client = open_client("s3", "us-east-2", endpoint_url="http://localhost:9")
    assert (client.meta.region_name, client.meta.endpoint_url) == (
        "us-east-2",
        "http://localhost:9",
    )
    with pytest.raises(UserError, match="list-profiles"), explained("no"):
        open_client("s3", profile="nobody")
    assert boto3.DEFAULT_SESSION is None or boto3.DEFAULT_SESSION.region_name != "us-east-2"


@pytest.mark.parametrize("text", ["", "s3://", "s3:///x", "s3://a", "https://b/c", "s3://A B/c"])
def test_what_is_no_place_in_s3_is_refused(text):
    with pytest.raises(UserError, match="s3://BUCKET/PATH"):
        read_prefix(text)


def test_a_place_in_s3_is_read_with_and_without_its_scheme():
    assert read_prefix("s3://bucket/a/b/") == read_prefix("bucket/a/b")
    assert read_prefix("bucket").uri("x") == "s3://bucket/x"


def test_a_server_on_this_machine_is_not_asked_through_a_proxy(monkeypatch):
    """What is sent there would leave by it, and the policy was asked about this machine alone."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "MAX_ATTEMPTS"):
        monkeypatch.setenv(f"AWS_{name}", "1")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    with fake_server() as proxy:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        client = open_client("s3", "us-east-1")
        with pytest.raises(EndpointConnectionError):
            client.put_object(Bucket="bucket", Key="k", Body=b"of a contract")


def test_the_token_of_a_session_is_hidden_in_what_aws_says_of_a_signature():
    token = "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJHMEUCIQ"
    said = f"should have been 'POST\n/\nhost:\x1b[1m\nx-amz-security-token:{token}\n{'y' * 9999}"
    answer = {"Error": {"Code": "InvalidSignatureException", "Message": said}}
    line = redacted(explanation(ClientError(answer, "Converse")))
    assert token not in line and "renew them" in line and "\x1b" not in line and len(line) < 800
