"""A step of a round that is a SageMaker job: found again after kill -9, fetched, never begun twice.

The job's machine is stood in for by an archive as `training.sagemaker.container` hands it over.
"""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import boto3
import pytest

from models.storage.layout import ADAPTER, ENTRY
from tests.builders.aws_server import environment, running
from tests.builders.loop import DRIVER, STAND_IN
from tests.conftest import ROOT
from training.loop.__main__ import main

JOB = ["--role", "arn:aws:iam::123456789012:role/t", "--bucket", "s3://bucket/t", "--every", "0.1"]
POLICY = f"""\
name = "t"
dataset = "sample"
registry = "models/registry"
approval = false
[start]
days = 1
[sft]
recipe = "tiny.yaml"
where = "sagemaker"
arguments = {json.dumps(JOB)}
"""
AT_WORK = (b'"TrainingJobStatus": "Completed"', b'"TrainingJobStatus":"InProgress"')


class Place:
    """A checkout with a loop, and the account that its jobs run in."""

    def __init__(self, folder, aws):
        self.work, self.aws, self.folder = folder / "checkout", aws, folder
        (self.work / "models" / "registry").mkdir(parents=True)
        (self.work / "tiny.yaml").write_text("name: t\ndata: rows.jsonl\n")
        (self.work / "loop.toml").write_text(POLICY)
        (self.work / ".gitignore").write_text(".exam/\n")
        self.git("init", "-q")
        self.git("add", ".")
        self.git("commit", "-qm", "start")
        (folder / "driver.py").write_text(DRIVER)
        (folder / "stand_in.py").write_text(STAND_IN)
        (folder / "said.json").write_text(json.dumps({"pytest": 4}))
        self.s3 = boto3.client("s3", endpoint_url=aws.url, region_name="us-east-1",
                               aws_access_key_id="t", aws_secret_access_key="t")  # fmt: skip
        self.s3.create_bucket(Bucket="bucket")
        self.environment = os.environ | environment(aws) | {
            "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", "BAR_EXAM_STATE": str(folder / "state"),
        }  # fmt: skip

    def git(self, *words):
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        subprocess.run(["git", *identity, *words], cwd=self.work, check=True, capture_output=True)

    def begun(self):
        """`python -m training.loop run`; the rows are stood in for, and the exam ends with 4."""
        scripts = (str(self.folder / name) for name in ("driver.py", "stand_in.py"))
        return subprocess.Popen(
            [sys.executable, *scripts, "training.data,pytest", "run"],
            cwd=self.work, env=self.environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip

    def asked(self, operation):
        heads = (each.headers.get("X-Amz-Target", "") for each in self.aws.seen)
        return sum(each.endswith(f".{operation}") for each in heads)

    def until_looked(self, process, times):
        """Until the step has looked so often whether its job has ended."""
        for _ in range(1200):
            if self.asked("DescribeTrainingJob") >= times:
                return
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.05)
        raise AssertionError("it never looked")

    def completes(self):
        """The job hands over what it trained."""
        sagemaker = boto3.client("sagemaker", endpoint_url=self.aws.url, region_name="us-east-1",
                                 aws_access_key_id="t", aws_secret_access_key="t")  # fmt: skip
        (job,) = sagemaker.list_training_jobs()["TrainingJobSummaries"]
        found = sagemaker.describe_training_job(TrainingJobName=job["TrainingJobName"])
        uri = found["ModelArtifacts"]["S3ModelArtifacts"]
        files = {
            f"{ADAPTER}/adapter_config.json": "{}",
            f"{ADAPTER}/adapter_model.safetensors": "weights",
            f"{ADAPTER}/manifest.json": '{"contracts": [], "cases": []}',
            ENTRY: 'kind = "local"\nbase = "embedded:smollm2"\nadapter = "../adapters/t-r1"\n',
        }
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for name, text in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
        self.s3.put_object(
            Bucket="bucket", Key=uri.removeprefix("s3://bucket/"), Body=packed.getvalue()
        )
        self.aws.altered = lambda request, body: body

    @property
    def step(self):
        journal = self.work / ".exam" / "loop" / "0001" / "round.json"
        return json.loads(journal.read_text())["steps"]["sft"]


@pytest.fixture
def place(tmp_path):
    with running() as aws:
        aws.altered = lambda request, body: body.replace(*AT_WORK)
        yield Place(tmp_path, aws)


def test_a_step_that_is_a_job_is_waited_for_fetched_and_begun_once(place):
    process = place.begun()
    place.until_looked(process, 1)
    step = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for each in (process.pid, *map(int, step)):
        os.kill(each, signal.SIGKILL)
    process.wait()

    looked = place.asked("DescribeTrainingJob")
    process = place.begun()
    place.until_looked(process, looked + 1)
    place.completes()
    said = process.communicate(timeout=120)[0]
    assert process.returncode == 4 and "found t-r1-sft-" in said, said
    assert "pytest evals --model t-r1" in said.splitlines()[-1]
    assert place.asked("CreateTrainingJob") == 1
    assert place.step["code"] == 0 and place.step["attempts"] == 2
    assert set(place.step["leaves"]) == {"models/registry/t-r1.toml", "models/adapters/t-r1"}
    adapter = place.work / "models" / "adapters" / "t-r1"
    assert (adapter / "adapter_model.safetensors").read_text() == "weights"

    # Killed before it was noted that the adapter is there: it is fetched again, not trained again.
    journal = place.work / ".exam" / "loop" / "0001" / "round.json"
    round_ = json.loads(journal.read_text())
    round_["steps"]["sft"]["code"] = None
    journal.write_text(json.dumps(round_))
    process = place.begun()
    said = process.communicate(timeout=120)[0]
    assert "done before: python -m training.data" in said, said
    assert place.asked("CreateTrainingJob") == 1 and place.step["code"] == 0


def test_a_job_installs_into_the_checkout_and_nowhere_else(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "loop.toml"
    file.write_text(POLICY.replace("models/registry", "elsewhere/registry"))
    assert main(["plan"]) == 4
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "sft.where: a SageMaker job installs what it" in error
