"""Model registries outside: a real MLflow server with SQLite, and moto's SageMaker."""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import boto3
import pytest

from common.files import write_whole
from fixtures.served import read_served
from models.promote import main as promote
from models.promotion.champion import read_champion
from models.promotion.place import Place
from models.promotion.record.file import read_records
from models.promotion.refused import RefusedError
from models.publish import main
from models.published.release import grounds_of
from models.published.settings import read_published
from models.serve.roster import Roster
from tests.builders.aws_server import Fault, environment, running
from tests.builders.in_service import Asked, local_entry
from tests.builders.in_service import in_service as serving
from tests.builders.mlflow_server import mlflow_server
from tests.builders.promotion_data import dynasty, identity_of, make_place, write_report
from tests.conftest import ROOT
from tests.models.test_promote import add_adapter, options, whole
from tests.models.test_serve import LAW, until, wanted

NAME = "contract-qa"


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory):
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as url:
        yield url


@pytest.fixture
def aws(tmp_path, monkeypatch):
    with running() as server:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in environment(server, BAR_EXAM_STATE=str(tmp_path / "state")).items():
            monkeypatch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="bucket")
        yield server


@pytest.fixture
def place(tmp_path):
    return make_place(tmp_path, "a", "b")


@pytest.fixture
def log(tmp_path):
    return tmp_path / "served"


def follow_mlflow(place, url, model):
    """Let an MLflow server follow; `model` is of this test alone."""
    text = f'[mlflow]\nuri = "{url}"\nmodel = "{model}"\n'
    (place.registry.parent / "publish.toml").write_text(text)


def follow_sagemaker(place):
    with (place.registry.parent / "publish.toml").open("a") as file:
        file.write(
            f'[sagemaker]\ngroup = "{NAME}"\nto = "s3://bucket/team"\n'
            'image = "1.example.com/vllm"\n'
        )


def client_of(url):
    pytest.importorskip("mlflow", reason="mlflow-skinny is not installed")
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow.tracking import MlflowClient

    return MlflowClient(url, url)


def in_service(url, model):
    """Whom the alias names, by identity."""
    found = client_of(url).get_model_version_by_alias(model, "champion")
    return found.tags["bar-exam-identity"]


def statuses(group=NAME):
    """Identity -> status of every package."""
    client = boto3.client("sagemaker")
    found = client.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    every = [client.describe_model_package(ModelPackageName=p["ModelPackageArn"]) for p in found]
    return {
        each["CustomerMetadataProperties"]["bar-exam-identity"]: each["ModelApprovalStatus"]
        for each in every
    }


def published(place, *words):
    return main([*words, *options(place)])


def test_a_candidate_is_put_there_once_with_card_metrics_and_verdict(place, mlflow, capsys):
    add_adapter(place, "tuned")
    write_report(place, "a")
    follow_mlflow(place, mlflow, "once")
    assert published(place, "tuned", "--to", "mlflow") == 0
    assert "tuned was not examined" in capsys.readouterr().out
    assert published(place, "a", "--to", "mlflow") == published(place, "a", "--to", "mlflow") == 0
    client = client_of(mlflow)
    tuned, a = sorted(client.search_model_versions("name='once'"), key=lambda v: int(v.version))
    assert a.tags["bar-exam-verdict"] == "PROMOTE" and a.tags["bar-exam-model"] == "a"
    metrics = client.get_run(a.run_id).data.metrics
    assert metrics["token_f1.low"] < metrics["token_f1"] < metrics["token_f1.high"]
    assert tuned.tags["bar-exam-verdict"] == "none" and tuned.source.endswith("/adapter")
    files = {each.path for each in client.list_artifacts(tuned.run_id, "adapter")}
    assert {"adapter/adapter_model.safetensors", "adapter/manifest.json"} <= files
    assert client.get_registered_model("once").aliases == {}


def test_the_alias_follows_promotion_and_rollback(place, mlflow, capsys):
    follow_mlflow(place, mlflow, "follows")
    write_report(place, "a")
    assert promote(["a", *options(place)]) == 0
    assert in_service(mlflow, "follows") == identity_of(place, "a")
    write_report(place, "b", against="a", id_="20260102-000000-aaaa")
    assert promote(["b", *options(place)]) == 0
    assert "follows@champion is version 2, b" in capsys.readouterr().out
    assert in_service(mlflow, "follows") == identity_of(place, "b")
    assert promote(["--rollback", *options(place)]) == 0
    assert in_service(mlflow, "follows") == identity_of(place, "a")
    assert promote(["--verify", *options(place)]) == 0
    assert "follows@champion" not in capsys.readouterr().out.split("unbroken")[-1]


def test_what_somebody_did_there_by_hand_is_mended_by_one_command(place, mlflow, capsys):
    follow_mlflow(place, mlflow, "by-hand")
    client = client_of(mlflow)
    dynasty(place, "a", "b")
    assert published(place, "a", "--to", "mlflow") == published(place, "--sync") == 0
    a, b = identity_of(place, "a"), identity_of(place, "b")
    assert in_service(mlflow, "by-hand") == b
    (wrong,) = client.search_model_versions(f"name='by-hand' and tags.`bar-exam-identity` = '{a}'")
    for spoil in (
        lambda: client.set_registered_model_alias("by-hand", "champion", wrong.version),
        lambda: client.delete_registered_model_alias("by-hand", "champion"),
        lambda: client.delete_model_version(
            "by-hand", client.get_model_version_by_alias("by-hand", "champion").version
        ),
        lambda: client.delete_registered_model("by-hand"),
    ):
        spoil()
        assert published(place, "--sync") == 0
        assert in_service(mlflow, "by-hand") == b
    assert "Traceback" not in capsys.readouterr().err


def test_one_package_is_approved_whoever_was_before(place, aws, capsys):
    follow_sagemaker(place)
    a, b = identity_of(place, "a"), identity_of(place, "b")
    write_report(place, "b", id_="20260101-000000-bbbb")
    assert published(place, "b", "--to", "sagemaker") == 0
    assert statuses() == {b: "PendingManualApproval"}
    write_report(place, "a", id_="20260101-000001-aaaa")
    assert promote(["a", *options(place)]) == 0
    assert statuses() == {a: "Approved", b: "PendingManualApproval"}
    write_report(place, "b", against="a", id_="20260102-000000-aaaa")
    assert promote(["b", *options(place)]) == 0
    assert statuses() == {a: "Rejected", b: "Approved"}
    assert promote(["--rollback", *options(place)]) == 0
    assert statuses() == {a: "Approved", b: "Rejected"}
    assert "is Rejected: rolled back by line 3" in capsys.readouterr().out


def test_what_sagemaker_serves_lies_where_the_package_says(place, aws):
    add_adapter(place, "tuned")
    follow_sagemaker(place)
    assert published(place, "tuned", "--to", "sagemaker") == 0
    client = boto3.client("sagemaker")
    (one,) = client.list_model_packages(ModelPackageGroupName=NAME)["ModelPackageSummaryList"]
    package = client.describe_model_package(ModelPackageName=one["ModelPackageArn"])
    (served,) = package["InferenceSpecification"]["Containers"]
    folder = served["ModelDataSource"]["S3DataSource"]["S3Uri"].removeprefix("s3://bucket/")
    objects = boto3.client("s3").list_objects_v2(Bucket="bucket", Prefix=folder)["Contents"]
    names = {each["Key"].removeprefix(folder) for each in objects}
    assert {"adapter_model.safetensors", "adapter_config.json", "manifest.json"} <= names


def test_a_server_that_is_down_lags_and_the_champion_is_right(place, mlflow, capsys):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        follow_mlflow(place, f"http://127.0.0.1:{closed.getsockname()[1]}", "down")
        write_report(place, "a")
        assert promote(["a", *options(place)]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("MLflow at http://127.0.0.1:") and "lags:" in line
    assert "type `python -m models.publish --sync`" in line
    assert read_champion(place.folder).model == "a" and whole(place) == {"a"}
    follow_mlflow(place, mlflow, "down")
    assert published(place, "--sync") == 0
    assert in_service(mlflow, "down") == identity_of(place, "a")


def test_what_aws_refuses_lags_too(place, aws, capsys):
    follow_sagemaker(place)
    write_report(place, "a")
    aws.fault = lambda request: (
        Fault(400, "AccessDeniedException", '{"__type": "AccessDeniedException"}')
        if "ApprovalDescription" in request.body.decode(errors="replace")
        else None
    )
    assert promote(["a", *options(place)]) == 3
    assert "SageMaker's group contract-qa lags: " in capsys.readouterr().err
    assert statuses() == {identity_of(place, "a"): "PendingManualApproval"}
    aws.fault = lambda request: None
    assert promote(["--verify", *options(place)]) == 0
    assert statuses() == {identity_of(place, "a"): "Approved"}


def test_other_files_under_one_identity_are_refused(place, mlflow, capsys):
    follow_mlflow(place, mlflow, "other")
    assert published(place, "a", "--to", "mlflow") == 0
    path = place.registry / "a.toml"
    path.write_text(path.read_text() + "# a word more\n")
    assert published(place, "a", "--to", "mlflow") == 4
    assert "has this identity and other files than a here" in capsys.readouterr().err


def test_weights_go_where_the_policy_lets_their_data_go(place, capsys):
    add_adapter(place, "tuned")
    follow_mlflow(place, "http://mlflow.example.com:5000", NAME)
    assert published(place, "tuned", "--to", "mlflow") == 4
    said = capsys.readouterr().err
    assert "MLflow at http://mlflow.example.com:5000 is at mlflow.example.com" in said


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        ("", ["a", "--to", "mlflow"], "names no registry; write there [mlflow]"),
        ("", ["--sync"], "names no registry"),
        ("[mlflow]\nuri = 'x'\nmodel = 'm'\n", ["--sync"], "uri"),
        ("[mlflow]\nurl = 'http://x'\nmodel = 'm'\n", ["--sync"], "did you mean 'uri'?"),
        ("[mlflow]\nuri = 'http://me:secret@x'\nmodel = 'm'\n", ["--sync"], "uri"),
        ("[sagemaker]\ngroup = 'g'\nto = 's3://'\nimage = 'i'\n", ["--sync"], "no place in S3"),
        ("", ["a"], "give NAME --to KIND, or --sync"),
        ("", ["a", "--sync"], "give NAME --to KIND, or --sync"),
        ("", ["a", "--to", "mlfow"], "did you mean mlflow?"),
    ],
)
def test_usage_mistakes_exit_4(place, capsys, text, words, said):
    (place.registry.parent / "publish.toml").write_text(text)
    assert published(place, *words) == 4
    error = capsys.readouterr().err
    assert said in error and len(error.splitlines()) == 1 and "secret" not in error


def test_a_malformed_file_lags_and_undoes_no_promotion(place, capsys):
    write_report(place, "a")
    (place.registry.parent / "publish.toml").write_text("[mlfow]\n")
    assert promote(["a", *options(place)]) == 3
    assert "nothing outside follows" in capsys.readouterr().err
    assert read_champion(place.folder).model == "a"


def test_without_a_file_nothing_follows(place):
    assert read_published(place.registry).mlflow is None


def test_undecided_estimates_are_no_metrics():
    estimates = {"f1": {"mean": 0.5, "low": None, "high": 0.7}, "x": {"mean": None}, "y": None}
    assert dict(grounds_of(estimates, None, None).metrics) == {"f1": 0.5, "f1.high": 0.7}


# Types `models.promote` in a process of its own, which kills itself at the Nth thing that is done:
# a file replaced, a line synced, a request sent. What all of them import is imported once.
DRIVER = """
import contextlib, json, os, signal, sys
import boto3, botocore.httpsession, requests
from models.promote import main
with contextlib.suppress(ImportError):
    import mlflow.tracking
def counted(real):
    def call(*args, **more):
        global count
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **more)
    return call
def typed(words):
    os.dup2(2, 1)
    os.replace, os.fsync = counted(os.replace), counted(os.fsync)
    requests.Session.send = counted(requests.Session.send)
    session = botocore.httpsession.URLLib3Session
    session.send = counted(session.send)
    done = main(words)
    with open(log, "w") as file:
        file.write(str(count))
    sys.stderr.flush()
    os._exit(done)
log, count = sys.argv[1], 0
for line in sys.stdin:
    at, *words = json.loads(line)
    if not (child := os.fork()):
        typed(words)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
ASKED = "What of the fee?"


@dataclass
class Drill:
    """b in service after a, here, outside and in a service that two clients ask all along."""

    place: Place
    url: str
    service: Asked
    driver: subprocess.Popen
    files: dict
    heard: list = field(default_factory=list)

    def ask(self):
        """(status, model, identity, answer), which is kept with the request's id."""
        status, _, body = self.service.question(ASKED, [LAW])
        told = (status, body.get("model"), body.get("system_fingerprint"), body.get("answer"))
        self.heard.append((body.get("id"), told))
        return told

    def rolled_back(self, at):
        """(exit code of a rollback killed at its Nth step, how many it took if it was not)."""
        words = [at, "--rollback", *options(self.place)]
        print(json.dumps(words), file=self.driver.stdin, flush=True)
        code = int(self.driver.stdout.readline())
        return code, 0 if code else int((self.place.folder.parent / "count").read_text())

    def begin(self, number):
        """Put the files back, and let registries follow that know b alone."""
        for path, data in self.files.items():  # the pointer last, as a promotion writes it
            write_whole(path, data)
        follow_mlflow(self.place, self.url, f"drill-{number}")
        with (self.place.registry.parent / "publish.toml").open("a") as file:
            file.write(
                f'[sagemaker]\ngroup = "drill-{number}"\nto = "s3://bucket/drill-{number}"\n'
                'image = "1.example.com/vllm"\n'
            )
        assert published(self.place, "--sync") == 0
        assert self.agreed(number) == "b"

    def agreed(self, number):
        """Record, pointer, registry, alias, approval and service name one champion: who it is."""
        champion = read_champion(self.place.folder)
        assert champion.model == read_records(self.place.folder)[-1].model
        assert whole(self.place) == {champion.model}
        assert in_service(self.url, f"drill-{number}") == champion.identity
        approved = [
            key for key, status in statuses(f"drill-{number}").items() if status == "Approved"
        ]
        assert approved == [champion.identity]
        until(lambda: self.service.health()["champion"]["identity"] == champion.identity)
        assert self.ask()[:3] == (200, champion.model, champion.identity)
        assert self.service.health()["status"] == "ok"
        return champion.model


@contextmanager
def drilling(place, log, url):
    """The service lives through every kill; at the end all that was heard is one of the two."""
    dynasty(place, "a", "b")
    known = {(200, name, identity_of(place, name), wanted(place, name, ASKED)) for name in "ab"}
    paths = (place.folder / "promotions.jsonl", *sorted(place.registry.glob("*.toml")),
             place.folder / "champion.toml")  # fmt: skip
    stop = threading.Event()

    def ask():
        while not stop.wait(0.5):
            drill.ask()

    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(place.folder.parent / "count")],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with driver, serving(place, log) as service, ThreadPoolExecutor(2) as clients:
        drill = Drill(place, url, service, driver, {path: path.read_text() for path in paths})
        asking = [clients.submit(ask) for _ in range(2)]
        try:
            yield drill
        finally:
            stop.set()
        for each in asking:
            each.result()
        assert service.end() == 0
    assert {told for _, told in drill.heard} == known
    rows = read_served([log], log.parent / "aside")
    assert {row.id: (200, row.model, row.identity, row.answer) for row in rows} == dict(drill.heard)


def drilled(drill, number, at):
    """A rollback that is killed at its Nth step, and the command after it; False: no such step."""
    place = drill.place
    drill.begin(number)
    code, steps = drill.rolled_back(at)
    if 0 < steps < at:
        return False
    assert code == -signal.SIGKILL
    recorded = len(read_records_lenient(place)) == 3
    lags = read_champion(place.folder).model == "b"
    assert drill.ask()[0] == 200
    if recorded and lags:
        check_waits(place)
    word = "--rollback" if lags and at % 2 else "--verify"
    assert promote([word, *options(place)]) == 0
    assert drill.agreed(number) == ("b" if lags and word == "--verify" and not recorded else "a")
    assert len(read_records(place.folder)) <= 3, "rolled back twice"
    versions = client_of(drill.url).search_model_versions(f"name='drill-{number}'")
    identities = [each.tags["bar-exam-identity"] for each in versions]
    assert len(identities) == len(set(identities)), "a version was made twice"
    return True


def check_waits(place):
    """A service that begins before the command, while the pointer lags, names the command."""
    with pytest.raises(RefusedError, match=r"type `python -m models\.promote --verify`"):
        asyncio.run(Roster(place.folder, place.registry).start())


def read_records_lenient(place):
    lines = (place.folder / "promotions.jsonl").read_bytes().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith(b"\n")]


def test_a_rollback_that_is_killed_is_completed_everywhere_by_one_command(place, log, mlflow, aws):
    """At one of its steps; the heavy test takes all of them."""
    with drilling(place, log, mlflow) as drill:
        drill.begin("whole")
        code, steps = drill.rolled_back(0)
        assert code == 0 and steps > 12
        assert drill.agreed("whole") == "a"
        for at in sorted(random.Random(7).sample(range(2, steps - 3), 1)):
            assert drilled(drill, f"some-{at}", at)


@pytest.mark.heavy
@pytest.mark.usefixtures("one_thread")
def test_a_rollback_that_is_killed_at_every_step(place, log, mlflow, aws, tiny_base, tiny_adapters):
    """Of two adapters on one base, which the service swaps in memory."""
    for name, adapter in zip("ab", tiny_adapters, strict=True):
        local_entry(place, name, tiny_base, adapter)
    kills = 0
    with drilling(place, log, mlflow) as drill:
        while drilled(drill, f"every-{kills}", kills + 1):
            kills += 1
            print(f"{kills} kills; {len(drill.heard)} answers", flush=True)
    assert kills > 12
    print(f"{kills} kills, one command each to agree again")
