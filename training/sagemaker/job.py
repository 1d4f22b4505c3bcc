"""A SageMaker training job: the request, the job that is there already, and how it goes."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from common.aws.clients import Prefix, explained
from common.command import Say
from common.errors import UserError
from training.sagemaker.advice import ADVICE
from training.sagemaker.shipment import Shipment

# Runs `container.py` from the code sent; bash replaces itself, so signals arrive there.
ENTRYPOINT = (
    "mkdir -p /opt/ml/bar-exam && cd /opt/ml/bar-exam"
    " && tar -xzf /opt/ml/input/data/code/code.tar.gz"
    ' && exec "$(command -v python3 || command -v python)" -m training.sagemaker.container "$@"'
)

LOSS = r"'loss': '?([0-9.eE+-]+)"
EPOCH = r"'epoch': '?([0-9.eE+-]+)"
ENDED = frozenset({"Completed", "Failed", "Stopped"})
VOLUME_GB = 50


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a job runs, as whom, for how long at most (hours), and whether on spare capacity."""

    role: str
    instance: str
    image: str
    hours: float
    spot: bool


def stem(shipment: Shipment) -> str:
    """What the names of all jobs of this shipment begin with (SageMaker: letters, digits, `-`).

    >>> from pathlib import Path
    >>> from training.sagemaker.shipment import Parcel
    >>> recipe = Parcel(Path("r.yaml"), "r.yaml", "0")
    >>> sent = Shipment("sft", "r.yaml", (), "my_model.v2", "", (recipe,), ())
    >>> stem(sent)[:16]
    'my-model-v2-sft-'
    """
    words = re.findall(r"[a-zA-Z0-9]+", f"{shipment.name} {shipment.method}")
    return f"{'-'.join(words)[-40:].strip('-')}-{shipment.digest[:12]}"


def request(shipment: Shipment, machine: Machine, place: Prefix, job: str) -> dict[str, Any]:
    """The arguments of CreateTrainingJob.

    Raises:
        UserError: a text or number is one that SageMaker would refuse; its field is named.
    """
    seconds = int(machine.hours * 3600)
    waiting = {"MaxWaitTimeInSeconds": 2 * seconds} if machine.spot else {}
    wanted = {
        "TrainingJobName": job,
        "RoleArn": machine.role,
        "AlgorithmSpecification": _algorithm(shipment, machine.image),
        "InputDataConfig": [
            _channel("code", place.uri("code", shipment.code_digest)),
            _channel("data", place.uri("data", shipment.data_digest)),
        ],
        "OutputDataConfig": {"S3OutputPath": place.uri("output")},
        "CheckpointConfig": {
            "S3Uri": place.uri("checkpoints", shipment.digest),
            "LocalPath": "/opt/ml/checkpoints",
        },
        "ResourceConfig": {
            "InstanceType": machine.instance,
            "InstanceCount": 1,
            "VolumeSizeInGB": VOLUME_GB,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds, **waiting},
        "EnableManagedSpotTraining": machine.spot,
        # The container holds no git repository to ask.
        "Environment": {"BAR_EXAM_COMMIT": shipment.commit},
        "Tags": _tags(shipment),
    }
    _check(wanted)
    return wanted


def _algorithm(shipment: Shipment, image: str) -> dict[str, Any]:
    return {
        "TrainingImage": image,
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["/bin/bash", "-c", ENTRYPOINT, "container"],
        "ContainerArguments": [
            shipment.method,
            shipment.recipe,
            shipment.name,
            *shipment.settings,
        ],
        "MetricDefinitions": [
            {"Name": "loss", "Regex": LOSS},
            {"Name": "epoch", "Regex": EPOCH},
        ],
    }


def _tags(shipment: Shipment) -> list[dict[str, str]]:
    return [
        {"Key": f"bar-exam:{key}", "Value": value}
        for key, value in {
            "method": shipment.method,
            "name": shipment.name,
            "recipe": shipment.recipe_digest,
            "code": shipment.code_digest,
            "data": shipment.data_digest,
            "commit": shipment.commit,
        }.items()
    ]


def _check(wanted: dict[str, Any]) -> None:
    """Hold a request against the bounds that the service's own description gives.

    botocore itself checks types and least values alone.
    """
    import botocore.session

    service = botocore.session.get_session().get_service_model("sagemaker")
    shape = service.operation_model("CreateTrainingJob").input_shape
    found = next(_beyond(wanted, shape, ""), None)
    if found:
        raise UserError(
            f"a SageMaker job cannot have {found}; change what was typed (--set, --hours, --image, "
            "--role, --bucket), or the recipe"
        )


def _beyond(value: Any, shape: Any, place: str) -> Iterator[str]:
    """What lies beyond the bounds of its shape, with its place."""
    if shape.type_name == "structure":
        for name, inner in value.items():
            yield from _beyond(inner, shape.members[name], f"{place}.{name}".strip("."))
    elif shape.type_name == "map":
        for name, inner in value.items():
            yield from _beyond(inner, shape.value, f"{place}.{name}")
    elif shape.type_name == "list":
        yield from _outside(len(value), "entries", shape, place)
        for number, inner in enumerate(value):
            yield from _beyond(inner, shape.member, f"{place}[{number}]")
    elif shape.type_name == "string":
        yield from _outside(len(value), "characters", shape, f"{place} {value[:40]!r}")
        if not re.fullmatch(_python(shape.metadata.get("pattern", "(?s:.*)")), value):
            yield f"{place} {value[:80]!r}, which holds a line end or another character not allowed"
    elif shape.type_name in {"integer", "long"}:
        yield from _outside(value, "", shape, place)


def _outside(size: int, unit: str, shape: Any, place: str) -> Iterator[str]:
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max", size)
    if not least <= size <= most:
        bound = f"at most {most}" if size > most else f"at least {least}"
        yield f"{place} of {size} {unit}".strip() + f" ({bound})"


def _python(pattern: str) -> str:
    """A pattern of the service's description, whose classes of Unicode Python writes otherwise."""
    return pattern.replace(r"\p{L}\p{Z}\p{N}", r"\w \xa0").replace(r"\p{Alnum}", "a-zA-Z0-9")


def _channel(name: str, uri: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"{uri}/"}
    whole = {**source, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": whole}}


def jobs_of(client: Any, shipment: Shipment) -> list[dict[str, Any]]:
    """Name and status of every job of this shipment, the newest first."""
    with explained("the jobs cannot be listed", ADVICE):
        pages = client.get_paginator("list_training_jobs").paginate(
            NameContains=stem(shipment), SortBy="CreationTime", SortOrder="Descending"
        )
        return [summary for page in pages for summary in page["TrainingJobSummaries"]]


def create(client: Any, wanted: dict[str, Any]) -> None:
    """Start a job.

    Raises:
        UserError: AWS refuses it.
    """
    with explained(f"the job {wanted['TrainingJobName']} was not started", ADVICE):
        client.create_training_job(**wanted)


def describe(client: Any, job: str) -> dict[str, Any]:
    """The job as SageMaker describes it."""
    with explained(f"the job {job} cannot be looked up", ADVICE):
        found: dict[str, Any] = client.describe_training_job(TrainingJobName=job)
    return found


def wait(client: Any, job: str, pause: float = 30.0, say: Say = print) -> dict[str, Any]:
    """Look every `pause` seconds until the job has completed, and say what is new.

    Raises:
        UserError: it failed or was stopped; the reason is SageMaker's.
    """
    said = ""
    while True:
        found = describe(client, job)
        now = progress(found)
        if now != said:
            say(f"{job}: {now}")
            said = now
        if found["TrainingJobStatus"] in ENDED:
            break
        time.sleep(pause)
    if found["TrainingJobStatus"] == "Completed":
        return found
    reason = " ".join(found.get("FailureReason", "it was stopped, or its hours were over").split())
    raise UserError(
        f"{job} {found['TrainingJobStatus'].lower()}: {reason}; its log is in CloudWatch under "
        "/aws/sagemaker/TrainingJobs; type the same line again, and it goes on from its checkpoint"
    )


def billed_seconds(found: dict[str, Any]) -> float | None:
    """What SageMaker bills for, over all instances; None where it does not say.

    >>> billed_seconds({"BillableTimeInSeconds": 60, "ResourceConfig": {"InstanceCount": 2}})
    120
    """
    seconds: float | None = found.get("BillableTimeInSeconds")
    count = found.get("ResourceConfig", {}).get("InstanceCount", 1)
    return None if seconds is None else seconds * count


def progress(found: dict[str, Any]) -> str:
    """One line on a job: what it does, SageMaker's message, minutes, loss and epoch.

    >>> progress({"SecondaryStatus": "Training", "TrainingTimeInSeconds": 125,
    ...           "FinalMetricDataList": [{"MetricName": "loss", "Value": 1.25}]})
    'Training, 2 min, loss 1.25'
    """
    steps = found.get("SecondaryStatusTransitions") or [{}]
    message = " ".join(str(steps[-1].get("StatusMessage", "")).split())
    parts = [found["SecondaryStatus"] + (f" ({message})" if message else "")]
    if seconds := found.get("TrainingTimeInSeconds"):
        parts.append(f"{seconds // 60} min")
    metrics = {each["MetricName"]: each["Value"] for each in found.get("FinalMetricDataList", ())}
    parts += [f"{name} {metrics[name]:.4g}" for name in ("loss", "epoch") if name in metrics]
    return ", ".join(parts)
