"""What commands left in an account: listed before it is made, shown, removed, and nothing else."""

import io
import os
import signal
import subprocess
import sys

import boto3
import pytest

from common.errors import UserError
from models import clean
from models.storage import left as listing
from models.storage.left import Left, gone, note, notes, read_left
from tests.builders.aws_server import Fault, environment, running
from tests.conftest import ROOT

ACCOUNT = "123456789012"


@pytest.fixture
def aws(tmp_path, monkeypatch):
    with running() as server:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in environment(server).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("BAR_EXAM_STATE", str(tmp_path / "state"))
        boto3.client("s3").create_bucket(Bucket="bucket")
        yield server


@pytest.fixture
def registry(tmp_path):
    (tmp_path / "registry").mkdir()
    return tmp_path / "registry"


def put(*names, listed=True, by="models.push x"):
    client = boto3.client("s3")
    for name in names:
        if listed:
            notes(client, by)(f"s3://bucket/{name}")
        client.put_object(Bucket="bucket", Key=name, Body=b"x")


def keys():
    found = boto3.client("s3").list_objects_v2(Bucket="bucket").get("Contents", [])
    return [each["Key"] for each in found]


def typed(registry, *words):
    return clean.main([*words, "--registry", str(registry)])


def places():
    return [left.place for left in read_left()]


def test_without_yes_it_is_shown_and_nothing_goes(aws, registry, capsys):
    put("a", "b")
    asked = len(aws.seen)
    assert typed(registry) == 0
    said = capsys.readouterr().out
    assert "s3://bucket/a" in said and "type the same line with --remove" in said
    assert len(aws.seen) == asked and keys() == ["a", "b"]


def test_what_is_listed_goes_and_what_others_put_there_stays(aws, registry, capsys):
    notes(boto3.client("s3"), "models.push x")("s3://bucket/team/x/abc/")
    put("team/x/abc/1", "team/x/abc/2", "team/x/other", "team/x/abc", listed=False)
    put("team/x/index.json")
    assert typed(registry, "--yes") == 0
    assert keys() == ["team/x/abc", "team/x/other"] and places() == []
    # What makes a model of the files goes before them.
    said = capsys.readouterr().out.partition("gone:")[2]
    assert said.index("index.json") < said.index("team/x/abc/")


def test_uploads_that_a_kill_left_go_too(aws, registry):
    client = boto3.client("s3")
    notes(client, "x")("s3://bucket/team/")
    client.create_multipart_upload(Bucket="bucket", Key="team/w")
    client.create_multipart_upload(Bucket="bucket", Key="others/w")
    assert typed(registry, "--yes") == 0
    (kept,) = client.list_multipart_uploads(Bucket="bucket")["Uploads"]
    assert kept["Key"] == "others/w"


def test_of_a_bucket_that_keeps_versions_none_stays(aws, registry):
    client = boto3.client("s3")
    versioning = {"Status": "Enabled"}
    client.put_bucket_versioning(Bucket="bucket", VersioningConfiguration=versioning)
    put("team/a", "team/a", "team/ab")
    gone(next(left for left in read_left() if left.place.endswith("ab")))
    assert typed(registry, "--yes") == 0
    found = client.list_object_versions(Bucket="bucket")
    assert [each["Key"] for each in found["Versions"]] == ["team/ab"]
    assert "DeleteMarkers" not in found


def test_what_is_gone_already_is_no_error(aws, registry, capsys):
    put("a")
    boto3.client("s3").delete_object(Bucket="bucket", Key="a")
    note(Left("objects", "s3://no-such-bucket/x/", "us-east-1", aws.url, "", "x"))
    note(Left("training job", "never-was", "us-east-1", aws.url, ACCOUNT, "x"))
    assert typed(registry, "--yes") == 0
    assert places() == [] and capsys.readouterr().out.count("gone:") == 3


def test_what_does_not_go_stays_on_the_list_with_the_reason(aws, registry, capsys):
    put("a", "b")
    aws.fault = lambda each: Fault(403, "AccessDenied") if "delete" in each.target else None
    assert typed(registry, "--yes") == 1
    assert "stays: objects s3://bucket/a: " in (said := capsys.readouterr().out)
    assert "access denied" in said and len(places()) == 2
    aws.fault = lambda each: None
    assert typed(registry, "--yes") == 0 and places() == []


def test_a_question_is_answered_by_the_number_and_by_nothing_else(aws, registry, monkeypatch):
    put("a", "b")
    for answer in ("", "y\n", "1\n"):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        assert typed(registry, "--remove") == 4
    assert keys() == ["a", "b"]
    monkeypatch.setattr("sys.stdin", io.StringIO("2\n"))
    assert typed(registry, "--remove") == 0
    assert keys() == []


def test_only_what_begins_so_goes(aws, registry):
    put("a/1", "b/1")
    assert typed(registry, "s3://bucket/a", "--yes") == 0
    assert keys() == ["b/1"] and places() == ["s3://bucket/b/1"]


def test_an_adapter_that_an_entry_names_stays(aws, registry):
    put("team/x/index.json", "team/x/d/w", "team/x2/w", "team/x/reports/1/index.json")
    (registry / "x.toml").write_text(
        f'kind = "local"\nbase = "b/b"\nadapter = "s3://bucket/team/x"\ndigest = "{"0" * 64}"\n'
    )
    assert typed(registry, "--yes") == 0
    assert keys() == ["team/x/d/w", "team/x/index.json"] and len(places()) == 2


def test_what_holds_an_adapter_that_an_entry_names_stays(aws, registry):
    """It was pushed below what a job left."""
    put("job/", "job2/")
    put("job/team/x/d/w", listed=False)
    (registry / "x.toml").write_text(
        f'kind = "local"\nbase = "b/b"\nadapter = "s3://bucket/job/team/x"\ndigest = "{"0" * 64}"\n'
    )
    assert typed(registry, "--yes") == 0
    assert "job/team/x/d/w" in keys() and places() == ["s3://bucket/job/"]


def started(name):
    boto3.client("sagemaker").create_training_job(
        TrainingJobName=name,
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/r",
        AlgorithmSpecification={"TrainingInputMode": "File", "TrainingImage": "i"},
        OutputDataConfig={"S3OutputPath": "s3://bucket/output"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )


def listed_job(aws, account=ACCOUNT):
    started("job-1")
    note(Left("training job", "job-1", "us-east-1", aws.url, account, "training x"))
    note(Left("objects", "s3://bucket/output/job-1/", "us-east-1", aws.url, "", "training x"))
    put("output/job-1/output/model.tar.gz", listed=False)


def operation(request):
    return request.headers.get("X-Amz-Target", "").rpartition(".")[2]


def test_a_job_goes_and_its_output_with_it(aws, registry):
    listed_job(aws)
    deleted = []

    def delete(request):  # moto does not know it
        if operation(request) == "DeleteTrainingJob":
            deleted.append(request.body)
            return Fault(200, text="{}")
        return None

    aws.fault = delete
    assert typed(registry, "--yes") == 0
    assert deleted == [b'{"TrainingJobName": "job-1"}'] and keys() == [] and places() == []


def test_a_job_that_runs_is_stopped_and_its_files_wait_for_its_end(aws, registry, capsys):
    listed_job(aws)
    stopped = []

    def running_job(request):
        if operation(request) == "DescribeTrainingJob":
            return Fault(200, text='{"TrainingJobStatus": "InProgress"}')
        if operation(request) == "StopTrainingJob":
            stopped.append(request.body)
            return Fault(200, text="{}")
        return None

    aws.fault = running_job
    assert typed(registry, "--yes") == 1
    assert len(stopped) == 1 and len(places()) == 2 and len(keys()) == 1
    assert "it is stopping; type the same line again" in capsys.readouterr().out


def test_a_job_of_another_account_is_not_taken_for_one_that_is_gone(aws, registry, capsys):
    listed_job(aws, account="999999999999")
    assert typed(registry, "--yes") == 1
    assert "it is in account 999999999999, and you are signed in to" in capsys.readouterr().out
    assert len(places()) == 2


def test_what_lies_on_another_server_stays(aws, registry, monkeypatch, capsys):
    put("a")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert typed(registry, "--yes") == 1
    assert f"it is at {aws.url}, and this asks http://127.0.0.1:9" in capsys.readouterr().out


def test_no_secret_is_on_the_list(aws, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://me:pass123word@127.0.0.1:9/?key=hidden123")
    notes(boto3.client("s3"), "x")("s3://bucket/a")
    text = listing.list_path().read_text()
    assert "pass123word" not in text and "hidden123" not in text and "testing" not in text


def test_two_processes_list_what_each_makes(tmp_path, monkeypatch):
    monkeypatch.setenv("BAR_EXAM_STATE", str(tmp_path))
    script = (
        "import sys; from models.storage.left import Left, note\n"
        "for n in range(15): note(Left('objects', f's3://b/{sys.argv[1]}{n}', 'r', '', '', 'x'))"
    )
    both = [subprocess.Popen([sys.executable, "-c", script, name], cwd=ROOT) for name in "ab"]
    assert [each.wait(60) for each in both] == [0, 0]
    assert len(set(places())) == len(places()) == 30


@pytest.mark.parametrize("nth", [1, 4])
def test_a_kill_amid_a_line_costs_no_other(tmp_path, monkeypatch, nth):
    """The process dies as the list takes its place, the worst moment there is."""
    monkeypatch.setenv("BAR_EXAM_STATE", str(tmp_path))
    script = (
        "import os, signal\nfrom pathlib import Path\nfrom models.storage.left import Left, note\n"
        "replace, count = Path.replace, []\n"
        "def killed(self, target):\n    count.append(1)\n"
        f"    if len(count) == {nth}: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return replace(self, target)\n"
        "Path.replace = killed\n"
        "for n in range(9): note(Left('objects', f's3://b/{n}', 'r', '', '', 'x'))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert places() == [f"s3://b/{n}" for n in range(nth - 1)]
    note(Left("objects", "s3://b/late", "r", "", "", "x"))
    assert len(places()) == nth
    assert {path.name for path in tmp_path.iterdir()} <= {"left.jsonl", "left.lock"}


def test_a_line_of_another_release_stops_everything(aws, registry, capsys):
    put("a")
    with listing.list_path().open("a") as file:
        file.write('{"kind": "endpoint", "place": "x"}\n')
    assert typed(registry, "--yes") == 4
    assert "left.jsonl, line 2: " in capsys.readouterr().err
    with pytest.raises(UserError):
        read_left()
