"""Secrets are hidden wherever they stand, and nothing else is."""

import base64
import json
import re
import string
from urllib.parse import quote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from common.errors import UserError
from common.redaction import address, command_line, keep_secret, keep_secrets_of, redacted
from models.chat import Answer
from models.factory import open_models
from models.spoken import answered
from reports.archive import members
from tests.builders.report_data import written
from tests.seams import users

SECRET = st.text(string.ascii_letters + string.digits + "-_.~", min_size=8, max_size=40).filter(
    lambda text: any(map(str.isdigit, text)) and text.strip(".-_~") == text
)

PASSWORD = st.text(string.ascii_letters + string.digits + "!$*+,;=-_.~:/@#", min_size=3).filter(
    lambda text: text.strip("/@#:") == text and len(set(text)) > 2
)

AROUND = st.text(string.printable, max_size=30)


@given(SECRET, AROUND, AROUND)
@settings(max_examples=200)
def test_what_was_given_is_hidden_wherever_it_stands(secret, before, after):
    keep_secret(secret)
    for text in (f"{before}{secret}{after}", repr(secret), json.dumps({"a": secret}), secret * 2):
        assert secret not in redacted(text)
        assert redacted(redacted(text)) == redacted(text)
        assert secret not in str(UserError(text))
        assert secret not in answered(text).text


@given(
    st.sampled_from(["http", "https", "postgresql", "postgresql+psycopg", "mysql", "redis"]),
    st.text(string.ascii_lowercase, min_size=1, max_size=8),
    PASSWORD,
)
@settings(max_examples=200)
def test_a_password_in_a_url_is_found_whatever_it_holds(scheme, user, password):
    url_like = re.match(r"\d*[/#]", password) or re.search(r"@[^@/#:]+(?::\d*)?[/#]", password)
    assume(not (scheme.startswith("http") and url_like))  # host:80/@name, user:0@host/@name
    url = f"{scheme}://{user}:{password}@host.example/db"
    assert address(url).password == password
    assert "host.example/db" in address(url).bare
    assert redacted(url).endswith("***@host.example/db")


@given(st.sampled_from(["password", "api_key", "api-key", "token", "sig", "client_secret"]), SECRET)
@settings(max_examples=100)
def test_a_secret_looking_key_of_a_query_is_hidden(key, secret):
    said = redacted(f"at https://h.example/v1?v=2&{key}={secret}&limit=5: refused")
    assert secret not in said
    assert said.startswith("at https://h.example/v1?v=2&") and "limit=5" in said


@pytest.mark.parametrize(
    "text",
    [
        "The Trade Secret: a recipe. Basic Agreement. Bearer shares; the token of esteem.",
        "max_tokens=96, tokenizer=x, api_key_env names the variable",
        "see https://www.example.com/path?page=2&lang=en#part or http://127.0.0.1:8000/v1",
        "http://[::1]:80/v1 and https://medium.com/@author/post, a@b.example",
        "Password: at least 8 characters. The key 30-day-notice-period; Authorization: Section 12.",
        "The API key is given within 30 days of the Effective-Date; Monkey: 12 apes",
        "sk-12 is short, and task-oriented is a word; the price=5",
    ],
)
def test_what_is_no_secret_is_left_alone(text):
    assert redacted(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcDEF123456789",
        "authorization: basic Ym9iOkhVTlRFUjI=",
        'x-api-key: "abcDEF123456789"',
        "Incorrect API key provided: sk-proj-abcDEF123456789",
        '{"password": "abcDEF123456789"}',
        "password=abcDEF123456789",
        "ghp_abcDEF123456789abcDEF",
        "eyJabcDEF123456789.eyJabcDEF123456789.abcDEF123456789",
        "gsk_abcDEF123456789abcDEF",
        "nvapi-abcDEF123456789abcDEF",
        "Authorization: abcDEF123456789",
        "Authorization: Token abcDEF123456789",
        "Set-Cookie: sid=abcDEF123456789; Path=/",
        "Ocp-Apim-Subscription-Key: abcDEF123456789",
        "https://h/v1?subscription-key=abcDEF123456789",
        "Incorrect API key provided: abcDEF123456789.",
        "PGPASSWORD=abcDEF123456789 psql",
        "DefaultEndpointsProtocol=https;AccountKey=abcDEF123456789==;x=y",
        "password: abcDEF123456789",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEabcDEF123456789\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_secret_is_hidden_though_nobody_gave_it(text):
    assert "123456789" not in redacted(text) and "Ym9i" not in redacted(text)


def test_a_users_credential_is_hidden_in_every_form_it_takes():
    taken = keep_secrets_of("https://bob:pass%20w0rd!@h.example/v1")
    for form in ("pass%20w0rd!", "pass w0rd!", taken.basic, quote("pass w0rd!", safe="")):
        assert form not in redacted(f"server says {form} is wrong")
    assert base64.b64decode(taken.basic) == b"bob:pass w0rd!"


def test_a_command_is_hidden_word_by_word():
    line = command_line(["pytest", "--store=postgresql://me:it's 1 secret@h/x", "--model", "a b"])
    assert "secret" not in line
    assert line == "pytest '--store=postgresql://me:***@h/x' --model 'a b'"


def test_short_and_empty_values_hide_nothing():
    keep_secret("", None, "secret", "EMPTY", "not-needed", "no-key")
    assert redacted("a trade secret is EMPTY, not-needed, no-key") == (
        "a trade secret is EMPTY, not-needed, no-key"
    )


def test_a_report_holds_no_secret_in_any_of_its_texts(sample):
    keep_secret("planted-value-0001")
    case = sample.cases[0]
    said = "planted-value-0001 \x1b[31m"
    report = written([case], {said: lambda _: Answer(said, reasoning=said, finish_reason=said)})
    text = json.dumps(members(report), ensure_ascii=False)
    assert "planted-value-0001" not in text and "\\u001b" not in text
    assert report.results[0].reasoning == "*** \\x1b[31m"


def test_the_key_of_an_entry_is_known_from_when_it_is_opened(tmp_path, monkeypatch):
    monkeypatch.setenv("ACME_KEY", "acme-value-0002")
    entry = 'kind = "endpoint"\nbase_url = "http://h/v1"\nmodel = "m"\napi_key_env = "ACME_KEY"\n'
    (tmp_path / "x.toml").write_text(entry)
    open_models(["x"], tmp_path)
    assert redacted("the key acme-value-0002") == "the key ***"


def test_keys_and_urls_are_noted_where_they_are_read():
    assert users("common.redaction.keep_secret") == {
        "models/bedrock/server.py",
        "models/endpoint/server.py",
        "models/endpoint/entry.py",
        "models/retrieval/served.py",
        "models/serve/access.py",
        "reports/comment/place.py",
    }
    assert users("common.redaction.keep_secrets_of") == {
        "evals/calls/address.py", "fixtures/retrieval/chroma.py", "models/endpoint/server.py",
        "models/endpoint/surroundings.py", "models/retrieval/served.py",
        "reports/comment/place.py",
    }  # fmt: skip
    readers = {path for path in users("os.environ") if path.startswith("models/")}
    # a host, a folder, a proxy, a name
    of_no_keys = {
        "models/egress.py", "models/libpq.py", "models/promotion/ledger/files.py",
        "models/factory.py", "models/endpoint/server.py", "models/retrieval/served.py",
        "models/retrieval/titan.py", "models/push.py",
        "models/published/following.py", "models/published/mlflow_registry.py",
        "models/promotion/record/people.py",
    }  # fmt: skip
    keys = {"models/endpoint/entry.py", "models/bedrock/server.py"}
    keys |= {"models/serve/access.py"}  # of those who ask us
    assert readers - of_no_keys == keys, "the keys of a protocol are read in one place"
