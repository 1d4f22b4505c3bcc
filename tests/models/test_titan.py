"""Titan Text Embeddings V2 against a scripted Bedrock on loopback, spoken to by boto3 itself."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import numpy as np
import pytest

from common.errors import UserError
from fixtures.retrieval.embedder import unit
from models.egress import Egress, Sent
from models.retrieval.entry import embedders_beside
from models.retrieval.opening import open_embedder
from tests.builders.policies import permissive

DATA = "d" * 64


class Bedrock(ThreadingHTTPServer):
    """Answers InvokeModel with a vector of the text, or with the next of `faults`."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.faults, self.lock = [], [], threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}"


def vector(text, dimensions):
    return [len(text) + 0.5, *(float(ord(text[n % len(text)]) % 7) for n in range(dimensions - 1))]


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.asked.append((unquote(self.path), body))
            fault = self.server.faults.pop(0) if self.server.faults else None
        if fault is None:
            found = vector(body["inputText"], body["dimensions"])
            fault = 200, "", {"embedding": found, "inputTextTokenCount": 3}
        status, code, said = fault
        sent = json.dumps(said if isinstance(said, dict) else {"message": said}).encode()
        self.send_response(status)
        if code:
            self.send_header("x-amzn-ErrorType", code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *args):
        pass


@pytest.fixture
def registry(tmp_path):
    (tmp_path / "registry").mkdir()
    (tmp_path / "embedders").mkdir()
    return tmp_path / "registry"


@pytest.fixture
def aws(monkeypatch, tmp_path):
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    return monkeypatch


@pytest.fixture
def bedrock(aws):
    server = Bedrock()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    aws.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", server.url)
    yield server
    server.shutdown()
    server.server_close()


def opened(registry, more=""):
    (embedders_beside(registry) / "t.toml").write_text(f'kind = "titan"\n{more}')
    return open_embedder("t", Egress(registry, (Sent("sample", DATA),)))


def refused(call):
    with pytest.raises(UserError) as caught:
        call()
    (line,) = str(caught.value).splitlines()
    return line


@pytest.mark.parametrize("dimensions", [256, 512, 1024])
def test_texts_become_unit_vectors_in_their_order(registry, bedrock, dimensions):
    texts = ["a" * n for n in range(1, 20)]
    vectors = opened(registry, f"dimensions = {dimensions}\n").embed(texts)
    np.testing.assert_allclose(
        vectors, unit([vector(text, dimensions) for text in texts]), atol=1e-6
    )
    path = "/model/amazon.titan-embed-text-v2:0/invoke"
    asked = [{"inputText": text, "dimensions": dimensions, "normalize": True} for text in texts]
    assert sorted(bedrock.asked, key=lambda each: len(each[1]["inputText"])) == [
        (path, body) for body in asked
    ]


def test_what_is_asked_is_what_the_service_takes():
    """By botocore's model of the service: the operation, its parameters, and the reply's body."""
    import botocore.session

    service = botocore.session.get_session().get_service_model("bedrock-runtime")
    invoke = service.operation_model("InvokeModel")
    assert {"modelId", "body", "contentType", "accept"} <= {*invoke.input_shape.members}
    pattern = invoke.input_shape.members["modelId"].metadata["pattern"]
    assert re.fullmatch(pattern, "amazon.titan-embed-text-v2:0")
    assert invoke.output_shape.members["body"].type_name == "blob"


def test_throttling_is_waited_for(registry, bedrock):
    bedrock.faults = [(429, "ThrottlingException", "Too many requests")] * 2
    assert opened(registry).embed(["a"]).shape == (1, 1024)
    assert len(bedrock.asked) == 3


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ((403, "AccessDeniedException", "You don't have access to the model"), "Model access"),
        ((403, "ExpiredTokenException", "The security token is expired"), "aws sso login"),
        ((404, "ResourceNotFoundException", "Could not resolve"), "another `region`"),
        ((400, "ValidationException", "The provided model identifier is invalid."),
         "check `model` and `region`"),
        ((200, "", {"embedding": [1.0]}), "without a vector of 1024 numbers"),
        ((200, "", {"vectors": []}), "without a vector of 1024 numbers"),
    ],
)  # fmt: skip
def test_what_bedrock_refuses_is_one_line(registry, bedrock, fault, said):
    bedrock.faults = [fault]
    line = refused(lambda: opened(registry).embed(["a"]))
    assert said in line
    assert line.startswith("embedder t (amazon.titan-embed-text-v2:0): ")


def test_a_server_on_this_machine_is_asked_through_no_proxy(registry, bedrock, aws):
    aws.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    aws.setenv("http_proxy", "http://127.0.0.1:9")
    aws.setenv("NO_PROXY", "")
    assert opened(registry).embed(["a"]).shape == (1, 1024)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"AWS_DEFAULT_REGION": None}, "no AWS region is set"),
        ({"AWS_PROFILE": "nobody"}, "aws configure list-profiles"),
    ],
)
def test_what_aws_lacks_is_said_before_anything_is_asked(registry, aws, setting, said):
    for name, value in setting.items():
        aws.setenv(name, value) if value else aws.delenv(name)
    assert said in refused(lambda: opened(registry))


def test_without_credentials_nothing_is_sent(registry, bedrock, aws):
    aws.delenv("AWS_ACCESS_KEY_ID")
    aws.delenv("AWS_SECRET_ACCESS_KEY")
    assert "there are no AWS credentials" in refused(lambda: opened(registry).embed(["a"]))
    assert not bedrock.asked


def test_contract_text_goes_to_bedrock_only_where_a_line_allows_it(registry, aws):
    line = refused(lambda: opened(registry, 'region = "eu-west-1"\n'))
    host = "bedrock-runtime.eu-west-1.amazonaws.com"
    assert line.startswith(f"embedder t is at {host}, where sample may not be sent")
    policy = registry.parent / "policy.toml"
    policy.write_text(permissive("a" * 64, DATA) + f'[egress]\nsample = ["{host}"]\n')
    assert opened(registry, 'region = "eu-west-1"\n').identity
    assert "us-east-1" in refused(lambda: opened(registry))
    aws.setenv("HTTPS_PROXY", "http://proxy.example.org:3128")
    assert "is at proxy.example.org" in refused(lambda: opened(registry, 'region = "eu-west-1"\n'))


def test_the_identity_is_of_what_moves_vectors(registry, bedrock):
    first = opened(registry).identity
    for more in ("dimensions = 256\n", 'revision = "2"\n', 'model = "amazon.other"\n'):
        assert opened(registry, more).identity != first
    for more in ('region = "eu-west-1"\n', "concurrency = 2\n", "timeout = 5.0\n"):
        assert opened(registry, more).identity == first
