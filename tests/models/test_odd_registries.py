"""Registries outside that are none, or no friends: what they answer is one line."""

import contextlib
import http.server
import os
import threading
import time

import boto3
import pytest

from common.errors import UserError
from models.promote import main as promote
from models.promotion.champion import read_champion
from models.published.mlflow_registry import ASKED, MlflowRegistry
from models.published.settings import Mlflow
from tests.builders.promotion_data import identity_of, make_place, write_report
from tests.models.test_promote import options, whole
from tests.models.test_publish import NAME, aws, follow_mlflow, follow_sagemaker, published

__all__ = ["aws"]  # a fixture


@pytest.fixture
def place(tmp_path):
    return make_place(tmp_path, "a", "b")


class Odd(http.server.BaseHTTPRequestHandler):
    """Answers as the test says; what was asked of it is counted."""

    def answer(self):
        self.server.asked.append(f"{self.command} {self.path}")
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.way(self)

    do_GET = do_POST = do_PUT = do_PATCH = answer  # noqa: N815 (the names of http.server)

    def log_message(self, *words):
        pass

    def say(self, code, body, **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def odd_server(way):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    server.way, server.asked, server.daemon_threads = way, [], True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", server.asked
    finally:
        server.shutdown()
        server.server_close()


PAGE = b"<html><title>Sign in</title>\x1b[2J</html>"


@pytest.mark.parametrize(
    "way",
    [
        lambda ask: ask.say(200, PAGE),
        lambda ask: ask.say(200, b"[]"),
        lambda ask: ask.say(200, b'{"model_versions": [{"version": "x"}]}'),
        lambda ask: ask.say(403, b'{"error_code": "PERMISSION_DENIED", "message": "no\\n\\nno"}'),
        lambda ask: ask.say(404, PAGE),
        lambda ask: ask.close_connection or ask.connection.close(),
    ],
)
def test_a_server_that_is_no_mlflow_lags_in_one_line(place, capsys, way):
    pytest.importorskip("mlflow", reason="mlflow-skinny is not installed")
    write_report(place, "a")
    with odd_server(way) as (url, asked):
        follow_mlflow(place, url, "odd")
        assert promote(["a", *options(place)]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert "lags:" in line and "--sync`" in line and line.isprintable() and asked
    assert read_champion(place.folder).model == "a" and whole(place) == {"a"}


def test_nothing_goes_where_a_server_sends_it(place, capsys):
    """The policy was asked about the one host alone."""
    pytest.importorskip("mlflow", reason="mlflow-skinny is not installed")
    write_report(place, "a")
    with odd_server(lambda ask: ask.say(200, b"{}")) as (other, reached):
        for code in (301, 302, 307, 308):
            with odd_server(lambda ask, code=code: ask.say(code, b"", Location=other)) as (url, _):
                follow_mlflow(place, url, "sent")
                assert published(place, "a", "--to", "mlflow") == 4
    assert reached == []
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("uri", "goes"),
    [
        ("mlflow-artifacts:/1/2/artifacts", True),
        ("mlflow-artifacts://127.0.0.1:5000/1/2", True),
        ("mlflow-artifacts://elsewhere.example.com/1/2", False),
        ("s3://bucket/1", False),
        ("file:///tmp/1", False),
        ("/tmp/1", False),
        ("http://elsewhere.example.com/1", False),
        ("", False),
    ],
)
def test_files_go_to_the_server_that_the_policy_was_asked_about(uri, goes):
    registry = MlflowRegistry(Mlflow(uri="http://127.0.0.1:5000", model="m"))
    if goes:
        registry._check_place(uri)
    else:
        with pytest.raises(UserError, match="does not keep files itself"):
            registry._check_place(uri)


def test_a_server_that_never_answers_holds_a_promotion_as_long_as_one_question(
    place, capsys, monkeypatch
):
    pytest.importorskip("mlflow", reason="mlflow-skinny is not installed")
    (seconds,) = (int(each) for name, each in ASKED.items() if name.endswith("TIMEOUT"))
    (again,) = (int(each) for name, each in ASKED.items() if name.endswith("RETRIES"))
    assert seconds * (1 + again) <= 20
    monkeypatch.setitem(ASKED, "MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setitem(ASKED, "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    write_report(place, "a")
    with odd_server(lambda ask: time.sleep(60)) as (url, asked):
        follow_mlflow(place, url, "slow")
        assert promote(["a", *options(place)]) == 3
        assert len(asked) == 1
    assert "lags:" in capsys.readouterr().err
    assert not {*ASKED} & {*os.environ}
    assert read_champion(place.folder).model == "a"


@pytest.mark.parametrize(
    "uri",
    [
        "https://ada:planted-pw-1@mlflow.example.com",
        "https://mlflow.example.com/?token=planted-pw-1",
        "https://mlflow.example.com#token=planted-pw-1",
        "https://mlflow.example.com/ x",
        "https://mlflow.example.com\nplanted",
    ],
)
def test_an_address_with_more_than_an_address_is_refused(place, capsys, uri):
    follow_mlflow(place, uri.replace("\n", "\\n"), "m")
    assert published(place, "a", "--to", "mlflow") == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert "mlflow.uri" in line and "pw-1" not in line


def test_packages_of_others_and_of_before_are_not_asked_about_one_by_one(place, aws):
    """However many candidates lie in a group: the champion and who was it are asked about."""
    follow_sagemaker(place)
    assert published(place, "b", "--to", "sagemaker") == 0
    write_report(place, "a")
    assert promote(["a", *options(place)]) == 0
    client = boto3.client("sagemaker")
    (first, *_) = client.list_model_packages(ModelPackageGroupName=NAME)["ModelPackageSummaryList"]
    assert first["ModelPackageDescription"].startswith("bar-exam-identity ")
    for number in range(12):
        client.create_model_package(
            ModelPackageGroupName=NAME,
            ModelPackageDescription=f"bar-exam-identity {number:064x}: other, verdict REJECT",
            ModelApprovalStatus="PendingManualApproval",
        )
    described = []
    aws.fault = lambda request: described.append(b"DescribeModelPackage" in _named(request))
    assert published(place, "--sync") == 0
    assert sum(described) <= 1
    assert statuses_of_ours(place) == {"a": "Approved", "b": "PendingManualApproval"}


def _named(request):
    return str(request.headers).encode() + request.body


def statuses_of_ours(place):
    client = boto3.client("sagemaker")
    found = client.list_model_packages(ModelPackageGroupName=NAME)["ModelPackageSummaryList"]
    return {
        name: each["ModelApprovalStatus"]
        for each in found
        for name in ("a", "b")
        if identity_of(place, name) in each["ModelPackageDescription"]
    }
