"""Training as a SageMaker job: against moto's S3 and SageMaker, and botocore's stubs for errors."""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from common.aws import clients as aws
from common.errors import UserError
from common.identity import file_digest
from models.manifest import Manifest, read_manifest, write_manifest
from models.registry import read_entry
from models.storage.left import read_left
from tests.builders.policies import permissive
from tests.builders.training_data import write_data
from tests.conftest import ROOT
from tests.seams import users
from training.data.examples import Meta, write_meta
from training.outcome.cost import Rates, note_cost
from training.outcome.delivery import Places
from training.sagemaker import __main__ as sagemaker
from training.sagemaker import artifacts, container, job, shipment

ROLE = "arn:aws:iam::123456789012:role/trainer"
REGION = "us-east-1"

RECIPE = """\
name: tiny-model
data: .exam/training/sft.jsonl
validation: .exam/training/sft.validation.jsonl
training: {max_steps: 2}
"""

# What stands for a trainer: it reads the recipe's data, and leaves what the real ones leave.
TRAINER = """\
import pathlib, sys
print(sys.argv[1:])
if "training.max_steps=-1" in sys.argv:
    sys.exit("ERROR: the loss is not a number at step 1")
rows = pathlib.Path(".exam/training/sft.jsonl").read_text()
run = pathlib.Path(".exam/training/runs/tiny-model")
run.mkdir(parents=True, exist_ok=True)
(run / "steps").write_text((run / "steps").read_text() + "x" if (run / "steps").exists() else "x")
adapter = pathlib.Path("models/adapters/tiny-model")
adapter.mkdir(parents=True)
(adapter / "adapter_config.json").write_text("{}")
(adapter / "adapter_model.safetensors").write_text(rows)
(adapter / "manifest.json").write_text('{"contracts": [], "cases": []}')
entry = pathlib.Path("models/registry/tiny-model.toml")
entry.parent.mkdir(parents=True, exist_ok=True)
adapter = "../adapters/tiny-model"
entry.write_text(f'kind = "local"\\nbase = "embedded:smollm2"\\nadapter = "{adapter}"\\n')
"""


def git(*words, cwd):
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", *identity, *words], cwd=cwd, check=True, capture_output=True)


def allow(work, line):
    policy = permissive("a" * 64, "d" * 64)
    (work / "models" / "policy.toml").write_text(f"{policy}[egress]\n{line}\n")


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A small checkout with a recipe and its data, as working directory."""
    work = tmp_path / "checkout"
    (work / "training" / "recipes").mkdir(parents=True)
    (work / "training" / "sagemaker").mkdir()
    (work / "training" / "__init__.py").write_text("")
    (work / "training" / "sagemaker" / "__init__.py").write_text("")
    container_code = ROOT / "training" / "sagemaker" / "container.py"
    shutil.copy(container_code, work / "training" / "sagemaker" / "container.py")
    (work / "training" / "sft.py").write_text(TRAINER)
    (work / "training" / "recipes" / "tiny.yaml").write_text(RECIPE)
    (work / "requirements.lock").write_text("# nothing\n")
    (work / "README.md").write_text("not sent\n")
    (work / ".gitignore").write_text(".exam/\n__pycache__/\n")
    data = work / ".exam" / "training"
    data.mkdir(parents=True)
    for name in ("sft.jsonl", "sft.validation.jsonl", "sft.meta.json"):
        (data / name).write_text(json.dumps({"file": name}) + "\n")
    (work / "models").mkdir()
    allow(work, '"*" = ["s3://bucket"]')
    git("init", "-q", cwd=work)
    git("add", ".", cwd=work)
    git("commit", "-qm", "start", cwd=work)
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def cloud(monkeypatch):
    """moto's S3 with a bucket, and its SageMaker, whose jobs have completed at once."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="bucket")
        yield boto3.client("s3"), boto3.client("sagemaker")


def typed(*more, method="sft", recipe="training/recipes/tiny.yaml", bucket="s3://bucket/team"):
    return [method, recipe, "--role", ROLE, "--bucket", bucket, *more]


def plan(settings=()):
    return shipment.plan_shipment("sft", Path("training/recipes/tiny.yaml"), settings)


def keys(s3):
    listed = s3.list_objects_v2(Bucket="bucket").get("Contents", [])
    return sorted(each["Key"] for each in listed)


def download(s3, prefix, folder):
    """What SageMaker does with a channel."""
    for key in keys(s3):
        if key.startswith(prefix):
            target = folder / key.removeprefix(prefix)
            target.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file("bucket", key, str(target))


def model_archive(folder):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        packed.add(folder, arcname=".")
    return buffer.getvalue()


def run_container(root, job_description, s3, monkeypatch, *settings):
    """Run a job as SageMaker would: download the channels, start the entry point's command."""
    for channel in job_description["InputDataConfig"]:
        prefix = aws.read_prefix(channel["DataSource"]["S3DataSource"]["S3Uri"]).path + "/"
        download(s3, prefix, root / "input" / "data" / channel["ChannelName"])
    code = root / "code"
    code.mkdir(exist_ok=True)
    with tarfile.open(root / "input" / "data" / "code" / "code.tar.gz") as packed:
        packed.extractall(code, filter="data")
    monkeypatch.chdir(code)
    arguments = job_description["AlgorithmSpecification"]["ContainerArguments"]
    return container.main([*arguments, *settings], root)


def test_from_recipe_to_installed_candidate(checkout, cloud, tmp_path, monkeypatch, capsys):
    s3, client = cloud
    assert sagemaker.main(typed("--spot")) == 0
    (summary,) = client.list_training_jobs()["TrainingJobSummaries"]
    found = client.describe_training_job(TrainingJobName=summary["TrainingJobName"])
    assert found["EnableManagedSpotTraining"] is True
    assert found["StoppingCondition"]["MaxWaitTimeInSeconds"] == 2 * 24 * 3600
    assert found["CheckpointConfig"]["S3Uri"].startswith("s3://bucket/team/checkpoints/")
    root = tmp_path / "ml"
    assert run_container(root, found, s3, monkeypatch) == 0
    assert (root / "checkpoints" / "tiny-model" / "steps").read_text() == "x"
    monkeypatch.chdir(checkout)
    artifact = aws.read_prefix(found["ModelArtifacts"]["S3ModelArtifacts"])
    s3.put_object(Bucket="bucket", Key=artifact.path, Body=model_archive(root / "model"))
    capsys.readouterr()
    assert sagemaker.main(typed("--spot", "--wait", "--every", "0")) == 0
    said = capsys.readouterr().out
    assert len(client.list_training_jobs()["TrainingJobSummaries"]) == 1
    assert "found tiny-model-sft-" in said
    assert "pytest evals --model tiny-model" in said
    adapter = checkout / "models" / "adapters" / "tiny-model"
    assert "sft.jsonl" in (adapter / "adapter_model.safetensors").read_text()
    entry = read_entry("tiny-model", checkout / "models" / "registry")
    assert (entry.adapter, entry.status) == (adapter, "candidate")


def test_a_restarted_container_finds_its_checkpoints(checkout, cloud, tmp_path, monkeypatch):
    s3, client = cloud
    assert sagemaker.main(typed()) == 0
    (summary,) = client.list_training_jobs()["TrainingJobSummaries"]
    found = client.describe_training_job(TrainingJobName=summary["TrainingJobName"])
    first, second = tmp_path / "first", tmp_path / "second"
    assert run_container(first, found, s3, monkeypatch) == 0
    shutil.copytree(first / "checkpoints", second / "checkpoints")
    assert run_container(second, found, s3, monkeypatch) == 0
    assert (second / "checkpoints" / "tiny-model" / "steps").read_text() == "xx"


def test_a_trainer_s_error_becomes_the_reason_of_the_failure(
    checkout, cloud, tmp_path, monkeypatch, capsys
):
    s3, client = cloud
    assert sagemaker.main(typed("--set", "training.max_steps=-1")) == 0
    (summary,) = client.list_training_jobs()["TrainingJobSummaries"]
    found = client.describe_training_job(TrainingJobName=summary["TrainingJobName"])
    root = tmp_path / "ml"
    assert run_container(root, found, s3, monkeypatch) == 1
    reason = (root / "output" / "failure").read_text()
    assert reason == "the loss is not a number at step 1"
    assert not (root / "model").exists()


def test_code_and_data_are_sent_and_nothing_else(checkout, cloud):
    (checkout / "secret.txt").write_text("untracked")
    (checkout / "training" / "scratch.py").write_text("untracked")
    sent = plan()
    names = [parcel.name for parcel in sent.code]
    assert names == sorted(
        [
            "requirements.lock",
            "training/__init__.py",
            "training/recipes/tiny.yaml",
            "training/sagemaker/__init__.py",
            "training/sagemaker/container.py",
            "training/sft.py",
        ]
    )
    s3, _ = cloud
    sagemaker.upload(s3, sent, aws.Prefix("bucket", ""))
    assert keys(s3) == [
        f"code/{sent.code_digest}/code.tar.gz",
        *(
            f"data/{sent.data_digest}/.exam/training/{name}"
            for name in ("sft.jsonl", "sft.meta.json", "sft.validation.jsonl")
        ),
    ]


def test_what_a_job_leaves_is_listed_before_it_is_made(checkout, cloud, monkeypatch):
    monkeypatch.setenv("BAR_EXAM_STATE", str(checkout.parent / "state"))
    s3, client = cloud
    create, listed = job.create, []

    def created(*given):
        listed.extend(left for left in read_left())
        return create(*given)

    monkeypatch.setattr(job, "create", created)
    assert sagemaker.main(typed()) == 0
    (summary,) = client.list_training_jobs()["TrainingJobSummaries"]
    name = summary["TrainingJobName"]
    (entry,) = [left for left in listed if left.kind == "training job"]
    assert (entry.place, entry.account, entry.region) == (name, "123456789012", REGION)
    places = {left.place for left in listed if left.kind == "objects"}
    assert {f"s3://bucket/{key}" for key in keys(s3)} <= places
    assert f"s3://bucket/team/output/{name}/" in places
    assert sagemaker.main(typed()) == 0
    assert len(read_left()) == len(listed)


def test_what_is_there_is_not_uploaded_again(checkout, cloud, capsys):
    s3, _ = cloud
    for _ in range(2):
        sagemaker.upload(s3, plan(), aws.Prefix("bucket", "p"))
    assert capsys.readouterr().out.count("uploading") == 4


def llama3_lines():
    """The lines of the documentation that train Llama 3 8B as a job, by method."""
    page = (ROOT / "docs" / "training.md").read_text("utf-8")
    start = "    python -m training.sagemaker "
    lines = [line.removeprefix(start) for line in page.splitlines() if line.startswith(start)]
    filled = {"arn:aws:iam::ACCOUNT:role/NAME": ROLE, "s3://BUCKET/PATH": "s3://bucket/team"}
    for old, new in filled.items():
        lines = [line.replace(old, new) for line in lines]
    return {line.split()[0]: line.split() for line in lines if "llama3" in line}


@pytest.mark.parametrize("method", ["sft", "dpo", "orpo"])
@pytest.mark.parametrize(
    "more",
    [(), ("--instance", "ml.g5.12xlarge", "--set", "training.gradient_accumulation_steps=4")],
    ids=["one", "four"],
)
def test_the_documented_lines_of_llama3_submit_a_job(method, more, checkout, cloud):
    s3, client = cloud
    shutil.copytree(ROOT / "training/recipes", checkout / "training/recipes", dirs_exist_ok=True)
    shutil.copytree(ROOT / "models/registry", checkout / "models/registry")
    start = checkout / "models/adapters/sft-llama3"
    if method == "dpo":  # it begins with what sft made
        start.mkdir(parents=True)
        (start / "adapter_config.json").write_text("{}")
    base = checkout / ".exam/bases/llama3"
    (base / ".cache/huggingface").mkdir(parents=True)
    (base / "config.json").write_text("{}")
    (base / ".cache/huggingface/config.json.metadata").write_text("when it was fetched")
    write_data(checkout / ".exam/training")
    for name, rows in (
        ("llama3", "sft"),
        ("llama3.validation", "sft.validation"),
        ("llama3-preferences", "pairs"),
        ("llama3-opposites", "pairs"),
    ):
        folder = checkout / ".exam/training"
        shutil.copy(folder / f"{rows}.jsonl", folder / f"{name}.jsonl")
    git("add", ".", cwd=checkout)
    git("commit", "-qm", "recipes", cwd=checkout)
    line = [word for word in llama3_lines()[method] if word != "--wait"]
    assert sagemaker.main([*line, *more]) == 0
    (summary,) = client.list_training_jobs()["TrainingJobSummaries"]
    found = client.describe_training_job(TrainingJobName=summary["TrainingJobName"])
    words = found["AlgorithmSpecification"]["ContainerArguments"]
    assert words[:3] == [method, f"training/recipes/{method}-llama3.yaml", f"{method}-llama3"]
    assert words[3:] == ["base=.exam/bases/llama3", *more[3:]]
    expected = more[1] if more else "ml.g5.2xlarge"
    assert found["ResourceConfig"]["InstanceType"] == expected
    sent = {key.partition("/data/")[2].partition("/")[2] for key in keys(s3)}
    assert ".exam/bases/llama3/config.json" in sent
    assert not any(".cache" in name for name in sent)


def test_an_adapter_that_is_yet_to_be_made_is_no_start_of_a_job(checkout, cloud, mistake):
    shutil.copytree(ROOT / "training/recipes", checkout / "training/recipes", dirs_exist_ok=True)
    shutil.copytree(ROOT / "models/registry", checkout / "models/registry")
    write_data(checkout / ".exam/training")
    line = typed(
        *("--set", "data=.exam/training/pairs.jsonl"),
        method="dpo",
        recipe="training/recipes/dpo-llama3.yaml",
    )
    assert "`python -m training.sft training/recipes/sft-llama3.yaml` makes it" in mistake(
        sagemaker.main(line)
    )


def made_of(checkout, dataset):
    rows = checkout / ".exam" / "training" / "sft.jsonl"
    write_meta(rows, Meta(command="", dataset=dataset, dataset_identity="", model="m"))


def started_from(checkout, **manifest):
    """Settings of a job that starts from an adapter with this manifest."""
    adapter = checkout / "models" / "adapters" / "a"
    adapter.mkdir(parents=True)
    (adapter / "adapter_config.json").write_text("{}")
    if manifest:
        write_manifest(adapter, Manifest(cases=(), **{"contracts": (), **manifest}))
    return "--set", f"adapter={adapter.relative_to(checkout)}"


def unsent(checkout, cloud, mistake, *settings):
    """What is missing in the policy; nothing reached the bucket, and no job was submitted."""
    s3, client = cloud
    error = mistake(sagemaker.main(typed(*settings)))
    assert not keys(s3) and not client.list_training_jobs()["TrainingJobSummaries"]
    return error.partition("policy.toml: ")[2]


def test_rows_leave_only_where_a_line_lets_their_data_sets_go(checkout, cloud, mistake):
    made_of(checkout, "recorded:mine.csv + sample")
    allow(checkout, 'sample = ["*"]')
    line = unsent(checkout, cloud, mistake)
    assert line == '"recorded:mine.csv" = ["bucket.s3.amazonaws.com"]'
    allow(checkout, f'{line}\nsample = ["s3://another"]')
    assert unsent(checkout, cloud, mistake) == '"sample" = ["bucket.s3.amazonaws.com"]'
    allow(checkout, f'{line}\nsample = ["*.s3.amazonaws.com"]')
    assert sagemaker.main(typed()) == 0 and len(keys(cloud[0])) == 4


def test_rows_that_do_not_say_what_they_were_made_of_are_a_data_set_of_their_own(
    checkout, cloud, mistake
):
    allow(checkout, 'sample = ["*"]')
    made_of(checkout, "sample")
    with (checkout / ".exam" / "training" / "sft.jsonl").open("a") as file:
        file.write('{"of": "others"}\n')
    own = '".exam/training/sft.jsonl" = ["bucket.s3.amazonaws.com"]'
    assert unsent(checkout, cloud, mistake) == own


@pytest.mark.parametrize(
    ("manifest", "named"),
    [
        ({}, "models/adapters/a"),
        ({"datasets": ["sample", "recorded:mine.csv"]}, "recorded:mine.csv"),
        ({"data": {"dataset": "recorded:early.csv"}}, "recorded:early.csv"),
    ],
)
def test_an_adapter_leaves_as_what_it_was_trained_on_does(
    checkout, cloud, mistake, manifest, named
):
    made_of(checkout, "sample")
    allow(checkout, 'sample = ["*"]')
    settings = started_from(checkout, **manifest)
    line = f'"{named}" = ["bucket.s3.amazonaws.com"]'
    assert unsent(checkout, cloud, mistake, *settings) == line
    allow(checkout, f'sample = ["*"]\n{line}')
    assert sagemaker.main(typed(*settings)) == 0


def test_a_server_that_stands_for_s3_is_the_host(checkout, cloud, monkeypatch):
    allow(checkout, '"*" = ["s3://bucket"]')
    s3 = boto3.client("s3", endpoint_url="https://minio.example.com")
    with pytest.raises(UserError, match=r"s3://bucket is at minio\.example\.com"):
        sagemaker.upload(s3, plan(), aws.Prefix("bucket", ""))


def test_there_is_no_other_way_to_a_bucket():
    assert users("boto3") == {"common/aws/clients.py"}
    sending = (".upload_fileobj", ".upload_file", ".put_object", ".copy_object", ".upload_part")
    rooms = {"models/storage/sending.py", "models/storage/folders.py"}
    assert users(*sending) == rooms
    # ... and whoever has them send asks the policy first.
    asking = {
        "models/push.py",
        "models/published/sagemaker_registry.py",
        "training/sagemaker/__main__.py",
    }
    own = users("models.storage.sending.send", "models.storage.folders.push_folder") - rooms
    assert own == asking == users("models.egress.bucket_url")


def test_an_untracked_recipe_is_sent(checkout):
    own = checkout / "mine.yaml"
    own.write_text(RECIPE)
    sent = shipment.plan_shipment("sft", Path("mine.yaml"))
    assert "mine.yaml" in [parcel.name for parcel in sent.code]


def test_a_changed_file_is_of_no_commit(checkout):
    clean = plan().commit
    with (checkout / "training" / "sft.py").open("a") as file:
        file.write("# changed\n")
    assert plan().commit == f"{clean}-dirty"


def test_a_start_adapter_travels_with_its_entry(checkout):
    registry, adapter = checkout / "models" / "registry", checkout / "models" / "adapters" / "a"
    registry.mkdir(parents=True)
    adapter.mkdir(parents=True)
    (registry / "a.toml").write_text(
        'kind = "local"\nbase = "embedded:smollm2"\nadapter = "../adapters/a"\n'
    )
    (adapter / "adapter_config.json").write_text("{}")
    sent = plan(("adapter=a",))
    names = {parcel.name for parcel in sent.data}
    assert {"models/registry/a.toml", "models/adapters/a/adapter_config.json"} <= names


def test_equal_contents_give_equal_archives(checkout):
    before = shipment.packed(plan().code)
    for parcel in plan().code:
        os.utime(parcel.file, (1, 1))
    assert shipment.packed(plan().code) == before


@pytest.mark.parametrize(
    "changed",
    ["training/sft.py", "training/recipes/tiny.yaml", ".exam/training/sft.jsonl"],
)
def test_a_change_of_code_recipe_or_data_is_another_job(checkout, changed):
    before = plan().digest
    with (checkout / changed).open("a") as file:
        file.write("\n")
    assert plan().digest != before


def test_method_and_settings_are_part_of_a_job(checkout):
    jobs = {plan().digest, plan(("seed=1",)).digest, replace(plan(), method="orpo").digest}
    assert len(jobs) == 3


def test_what_training_leaves_behind_does_not_change_the_job(checkout):
    before = plan().digest
    entry = checkout / "models" / "registry" / "tiny-model.toml"
    entry.parent.mkdir(parents=True)
    entry.write_text('kind = "echo"\n')
    git("add", ".", cwd=checkout)
    git("commit", "-qm", "candidate", cwd=checkout)
    assert plan().digest == before


@given(st.text(min_size=1, max_size=80), st.sampled_from(["sft", "reward"]))
def test_every_job_name_is_one_that_sagemaker_takes(name, method):
    recipe = shipment.Parcel(Path("r.yaml"), "r.yaml", "0")
    sent = shipment.Shipment(method, "r.yaml", (), name, "", (recipe,), ())
    import re

    assert re.fullmatch("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", f"{job.stem(sent)}-99")


def test_the_request_is_one_that_botocore_accepts(checkout):
    client = boto3.client(
        "sagemaker", region_name=REGION, aws_access_key_id="k", aws_secret_access_key="s"
    )
    machine = job.Machine(ROLE, "ml.g5.2xlarge", sagemaker.IMAGE.format(region=REGION), 1.5, True)
    sent = plan(("seed=1",))
    wanted = job.request(sent, machine, aws.Prefix("bucket", "x"), "name-1")
    with Stubber(client) as stubber:
        answer = {"TrainingJobArn": f"{ROLE}-long-enough"}
        stubber.add_response("create_training_job", answer, dict.fromkeys(wanted, ANY))
        job.create(client, wanted)
    words = wanted["AlgorithmSpecification"]
    texts = [*words["ContainerEntrypoint"], *words["ContainerArguments"]]
    assert max(map(len, texts)) <= 256
    assert words["ContainerArguments"][-1] == "seed=1"
    assert {"Key": "bar-exam:recipe", "Value": sent.recipe_digest} in wanted["Tags"]


def test_the_entry_point_is_valid_bash_and_passes_its_arguments_on(tmp_path):
    script = job.ENTRYPOINT.replace("/opt/ml", str(tmp_path))
    code = tmp_path / "input" / "data" / "code"
    code.mkdir(parents=True)
    with tarfile.open(code / "code.tar.gz", "w:gz") as packed:
        for name, text in {
            "training/__init__.py": "",
            "training/sagemaker/__init__.py": "",
            "training/sagemaker/container.py": "import sys; print(sys.argv[1:])",
        }.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            packed.addfile(member, io.BytesIO(text.encode()))
    command = ["/bin/bash", "-c", script, "container", "sft", "a b.yaml", "name"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['sft', 'a b.yaml', 'name']"


@pytest.fixture
def stub():
    client = boto3.client(
        "sagemaker", region_name=REGION, aws_access_key_id="k", aws_secret_access_key="s"
    )
    with Stubber(client) as stubber:
        yield client, stubber


def described(status, secondary, **more):
    return {
        "TrainingJobName": "j", "TrainingJobArn": f"{ROLE}-long-enough",
        "ModelArtifacts": {"S3ModelArtifacts": "s3://b/m"}, "TrainingJobStatus": status,
        "SecondaryStatus": secondary, "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "ResourceConfig": {"VolumeSizeInGB": 1}, "StoppingCondition": {}, "CreationTime": 0, **more,
    }  # fmt: skip


def test_waiting_says_each_stage_once(stub):
    client, stubber = stub
    for response in (
        described("InProgress", "Starting"),
        described("InProgress", "Starting"),
        described(
            "InProgress",
            "Training",
            TrainingTimeInSeconds=90,
            FinalMetricDataList=[{"MetricName": "loss", "Value": 0.5, "Timestamp": 0}],
        ),
        described("Completed", "Completed"),
    ):
        stubber.add_response("describe_training_job", response)
    said = []
    assert job.wait(client, "j", 0, said.append)["TrainingJobStatus"] == "Completed"
    assert said == ["j: Starting", "j: Training, 1 min, loss 0.5", "j: Completed"]


def test_a_failed_job_gives_its_reason(stub):
    client, stubber = stub
    failed = described("Failed", "Failed", FailureReason="AlgorithmError: NaN\nexit code: 1")
    stubber.add_response("describe_training_job", failed)
    with pytest.raises(UserError, match=r"j failed: AlgorithmError: NaN exit code: 1; .*same line"):
        job.wait(client, "j", 0, lambda line: None)


def test_after_a_failure_the_same_line_is_a_new_job_with_the_old_checkpoints(
    checkout, cloud, monkeypatch
):
    _, client = cloud
    assert sagemaker.main(typed()) == 0

    def failed(client, sent):
        return [{"TrainingJobName": "x", "TrainingJobStatus": "Failed"}]

    monkeypatch.setattr(job, "jobs_of", failed)
    assert sagemaker.main(typed()) == 0
    names = [
        each["TrainingJobName"] for each in client.list_training_jobs()["TrainingJobSummaries"]
    ]
    assert len(names) == 2
    kept = {
        client.describe_training_job(TrainingJobName=name)["CheckpointConfig"]["S3Uri"]
        for name in names
    }
    assert len(kept) == 1


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("AccessDeniedException", "docs/training.md"),
        ("ResourceLimitExceeded", "Service Quotas"),
        ("ExpiredTokenException", "renew"),
        ("ValidationException", "--role"),
        ("NoSuchBucket", "aws s3 mb"),
        ("SomethingNew", "try again"),
    ],
)
def test_every_refusal_of_aws_is_one_line_with_advice(stub, code, advice):
    client, stubber = stub
    stubber.add_client_error("create_training_job", code, "because\nof this")
    wanted = job.request(sent_once(), job.Machine(ROLE, "ml.m5.large", "i", 1, False),
                         aws.Prefix("bucket", ""), "j")  # fmt: skip
    with pytest.raises(UserError, match=advice) as caught:
        job.create(client, wanted)
    assert "because of this" in str(caught.value)
    assert "\n" not in str(caught.value)


def sent_once():
    recipe = shipment.Parcel(Path("r.yaml"), "r.yaml", "0" * 64)
    return shipment.Shipment("sft", "r.yaml", (), "n", "c", (recipe,), ())


def test_a_missing_bucket_says_how_to_make_it(checkout, cloud, mistake):
    allow(checkout, '"*" = ["s3://not-there"]')
    assert "aws s3 mb" in mistake(sagemaker.main(typed(bucket="s3://not-there")))


def test_without_credentials_it_is_said_where_they_belong(checkout, tmp_path, monkeypatch, mistake):
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    assert "--region" in mistake(sagemaker.main(typed()))
    assert "aws configure" in mistake(sagemaker.main(typed("--region", REGION)))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (typed(recipe="no.yaml"), "no.yaml"),
        (typed(bucket="s3:///x"), "s3://BUCKET/PATH"),
        (typed("--role", "me"), "arn:aws:iam"),
        (typed("--hours", "0"), "--hours"),
        (typed("--set", "data=gone.jsonl"), "gone.jsonl"),
        (typed("--set", "data=../outside.jsonl"), "outside.jsonl"),
    ],
)
def test_a_mistake_is_one_line(checkout, cloud, mistake, arguments, said):
    (checkout.parent / "outside.jsonl").write_text("{}\n")
    assert said in mistake(sagemaker.main(arguments))


def test_outside_of_a_checkout_nothing_is_sent(checkout, cloud, mistake):
    shutil.rmtree(checkout / ".git")
    assert "git" in mistake(sagemaker.main(typed()))


def archive(tmp_path, *members):
    path = tmp_path / "model.tar.gz"
    with tarfile.open(path, "w:gz") as packed:
        for member, content in members:
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return path


def link(name, target):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


@pytest.mark.parametrize(
    "member",
    [
        tarfile.TarInfo("../adapter/x"),
        tarfile.TarInfo("/adapter/x"),
        tarfile.TarInfo("adapter/../../x"),
        tarfile.TarInfo("adapter\\..\\x"),
        link("adapter", "/etc"),
    ],
    ids=lambda member: member.name,
)
def test_an_archive_that_points_outside_is_refused(tmp_path, member):
    path = archive(tmp_path, (member, b""))
    with pytest.raises(UserError, match="is refused"):
        artifacts.unpack(path, tmp_path / "unpacked")
    assert not (tmp_path / "unpacked").exists()
    assert not (tmp_path / "x").exists()


def test_an_archive_too_large_is_refused_before_it_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(artifacts, "MODEL_LIMIT", 10)
    path = archive(tmp_path, (tarfile.TarInfo("adapter/w"), b"x" * 11))
    with pytest.raises(UserError, match="unpacks to more"):
        artifacts.unpack(path, tmp_path / "unpacked")


@given(st.integers(0, 300))
def test_an_archive_cut_short_is_refused(tmp_path_factory, length):
    folder = tmp_path_factory.mktemp("cut")
    path = archive(folder, (tarfile.TarInfo("adapter/w"), os.urandom(400)))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UserError, match="is refused"):
        artifacts.unpack(path, folder / "unpacked")


def delivered(folder):
    adapter = folder / "adapter"
    adapter.mkdir(parents=True)
    (adapter / "adapter_config.json").write_text("{}")
    (adapter / "adapter_model.safetensors").write_bytes(b"w")
    write_manifest(adapter, Manifest(contracts=(), cases=()))
    (folder / "entry.toml").write_text(
        'kind = "local"\nbase = "embedded:smollm2"\nadapter = "../adapters/n"\n'
    )
    return folder


def places(tmp_path):
    return Places(tmp_path / "models" / "registry", tmp_path / "models" / "adapters")


def test_a_delivery_replaces_what_lies_there(tmp_path):
    old = tmp_path / "models" / "adapters" / "n"
    old.mkdir(parents=True)
    (old / "old.txt").write_text("old")
    artifacts.install(delivered(tmp_path / "new"), "n", places(tmp_path))
    assert not (old / "old.txt").exists()
    assert (old / "adapter_model.safetensors").read_bytes() == b"w"
    assert read_entry("n", tmp_path / "models" / "registry").adapter == old


def test_what_a_job_cost_is_in_its_manifest_and_the_entry_names_that(tmp_path):
    folder = delivered(tmp_path / "new")
    adapter, entry = folder / "adapter", folder / "entry.toml"
    digest = file_digest(adapter / "manifest.json")
    entry.write_text(f'{entry.read_text()}manifest = "{digest}"  # kept\n')
    found = {"BillableTimeInSeconds": 1800, "ResourceConfig": {"InstanceCount": 2}}
    rates = Rates(Decimal("1.21"), Decimal("0.023"))
    note_cost(adapter, entry, rates, job.billed_seconds(found))
    installed = artifacts.install(folder, "n", places(tmp_path))
    cost = read_manifest(installed).model_dump()["cost"]
    assert cost["training"] == {"seconds": 3600, "usd_per_hour": "1.21", "usd": "1.2100"}
    assert cost["storage"]["usd_per_gb_month"] == "0.023"
    assert read_entry("n", tmp_path / "models" / "registry").manifest == file_digest(
        installed / "manifest.json"
    )


def test_what_a_job_does_not_say_is_unknown(tmp_path):
    folder = delivered(tmp_path / "new")
    before = (folder / "adapter" / "manifest.json").read_bytes()
    note_cost(folder / "adapter", folder / "entry.toml", Rates(), job.billed_seconds({}))
    assert (folder / "adapter" / "manifest.json").read_bytes() == before
    note_cost(folder / "adapter", folder / "entry.toml", Rates(hour=Decimal(1)), None)
    cost = read_manifest(folder / "adapter").model_dump()["cost"]
    assert cost["training"] == {"seconds": None, "usd_per_hour": "1", "usd": None}


def test_a_reward_model_is_installed_without_an_entry(tmp_path):
    folder = delivered(tmp_path / "new")
    (folder / "entry.toml").unlink()
    adapter = artifacts.install(folder, "n", places(tmp_path))
    assert (adapter / "adapter_model.safetensors").is_file()
    assert not list((tmp_path / "models" / "registry").glob("*"))


def test_a_name_that_is_taken_is_refused_before_anything_is_paid_for(checkout, cloud, capsys):
    s3, client = cloud
    entry = checkout / "models" / "registry" / "tiny-model.toml"
    entry.parent.mkdir(parents=True)
    entry.write_text('kind = "echo"\n')
    assert sagemaker.main(typed()) == 4
    assert "--force" in capsys.readouterr().err
    assert (keys(s3), client.list_training_jobs()["TrainingJobSummaries"]) == ([], [])
    assert sagemaker.main(typed("--force")) == 0


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("adapter/adapter_model.safetensors", None, "safetensors"),
        ("adapter/manifest.json", None, "manifest"),
        ("adapter/training_args.bin", "x", "pickle"),
        ("entry.toml", 'kind = "echo"\n', "registry entry"),
        (
            "entry.toml",
            'kind = "local"\nbase = "b/b"\nadapter = "../adapters/other"\n',
            "registry entry",
        ),
        (
            "entry.toml",
            'kind = "local"\nbase = "b/b"\nadapter = "../adapters/n"\nstatus = "champion"\n',
            "champion",
        ),
        (
            "entry.toml",
            f'kind = "local"\nbase = "b/b"\nadapter = "../adapters/n"\nmanifest = "{"0" * 64}"\n',
            "manifest",
        ),
    ],
)
def test_a_delivery_that_is_not_a_candidate_leaves_nothing(tmp_path, file, content, said):
    folder = delivered(tmp_path / "new")
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(content)
    with pytest.raises(UserError, match=said):
        artifacts.install(folder, "n", places(tmp_path))
    assert not (tmp_path / "models" / "adapters" / "n").exists()
    assert not (tmp_path / "models" / "registry" / "n.toml").exists()


def test_pins_that_are_not_met_are_named():
    import pydantic

    lock = f"# pins\npydantic=={pydantic.VERSION}\nnot-a-package==1.0 ; python_version > '3'\n"
    assert container.missing(lock) == ["not-a-package==1.0"]


@pytest.mark.parametrize(("count", "launched"), [(0, False), (1, False), (4, True)])
def test_several_gpus_are_launched_by_accelerate(count, launched):
    command = container.training_command("python", count)
    assert ("accelerate.commands.launch" in command) is launched
    assert command[-1] == "-m"
    assert ("4" in command) is launched


def test_the_container_needs_the_standard_library_alone():
    script = "import sys, training.sagemaker.container; print(sorted(set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "training.sagemaker.container" in done.stdout


def test_an_error_of_the_client_keeps_its_cause():
    cause = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject")
    with pytest.raises(UserError) as caught, aws.explained("this"):
        raise cause
    assert caught.value.__cause__ is cause
    assert "PutObject" in str(caught.value)
