"""`python -m training.sagemaker METHOD RECIPE`: train by the same recipe as a SageMaker job."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from common.aws.clients import Prefix, explained, open_client, read_prefix
from common.command import run
from common.identity import file_digest
from models.egress import Egress, bucket_url
from models.registry import is_registered
from models.storage.layout import ADAPTER, ENTRY
from models.storage.left import Left, note, notes, server_of
from models.storage.sending import send
from training.outcome.cost import Rates, note_cost
from training.outcome.delivery import Places, check_free
from training.preferences.formats import read_pairs, read_unpaired
from training.sagemaker import artifacts, job
from training.sagemaker.advice import ADVICE
from training.sagemaker.options import JobOptions, read_options
from training.sagemaker.shipment import Parcel, Shipment, packed, plan_shipment
from training.trainer.recipe import read_recipe

IMAGE = (
    "763104351884.dkr.ecr.{region}.amazonaws.com/"
    "huggingface-pytorch-training:2.9.0-transformers5.3.0-gpu-py312-cu130-ubuntu22.04"
)

PREFERENCES = {"dpo": read_pairs, "orpo": read_pairs, "reward": read_pairs, "kto": read_unpaired}
"""Who reads the rows of a method: what is no pair is refused here, and not in the cloud."""

DELIVERIES = Path(".exam/training/deliveries")
PLACES = Places(Path("models/registry"), Path("models/adapters"))
"""Of the working directory, which is the checkout that is sent."""


def submit_or_find(options: JobOptions) -> str:
    """Submit the job, or find it; with --wait, wait and install. Returns what to say at the end.

    Raises:
        UserError: the recipe, AWS, or what came back is not as it must be.
    """
    place = read_prefix(options.bucket)
    recipe = read_recipe(options.recipe, options.settings)
    check_free(recipe, PLACES, force=options.force)
    if reads := PREFERENCES.get(options.method):
        reads(recipe.data)
    shipment = plan_shipment(options.method, options.recipe, options.settings)
    with explained("AWS cannot be used", ADVICE):
        sagemaker = open_client("sagemaker", options.region)
        s3 = open_client("s3", options.region)
    where = machine(options, sagemaker.meta.region_name)
    job.request(shipment, where, place, f"{job.stem(shipment)}-1")  # refused before it is paid for
    name = found_job(sagemaker, shipment)
    if name is None:
        upload(s3, shipment, place)
        name = submit(sagemaker, shipment, place, where)
    if not options.wait:
        return "next: type the same line with --wait to install what it trains"
    described = job.wait(sagemaker, name, options.every)
    adapter = receive(s3, described, name, recipe.name, options.rates)
    examined = is_registered(recipe.name, PLACES.registry)
    examine = f"pytest evals --model {recipe.name} --baseline champion"
    then = f"\nnext: {examine}" if examined else ""
    return f"{adapter}: adapter, manifest and card{then}"


def found_job(client: Any, shipment: Shipment) -> str | None:
    """The job of this very shipment that is running or has completed, if any."""
    for each in job.jobs_of(client, shipment):
        if each["TrainingJobStatus"] in {"InProgress", "Completed"}:
            print(f"found {each['TrainingJobName']}: same method, recipe, code and data")
            return str(each["TrainingJobName"])
    return None


def upload(client: Any, shipment: Shipment, place: Prefix) -> None:
    """Put code and data into S3, under their digests; what is there is not sent again.

    Raises:
        UserError: no line of the policy lets the data go there, or AWS refuses it.
    """
    url = bucket_url(place.bucket, client.meta.endpoint_url)
    Egress(PLACES.registry, shipment.sent).check(url, f"s3://{place.bucket}", os.environ)
    noting = notes(client, made_by(shipment))
    with tempfile.TemporaryDirectory() as work:
        archive = Path(work) / "code.tar.gz"
        archive.write_bytes(packed(shipment.code))
        code = Parcel(archive, archive.name, file_digest(archive))
        sent = [(place.key("code", shipment.code_digest, code.name), code)]
        sent += [
            (place.key("data", shipment.data_digest, each.name), each) for each in shipment.data
        ]
        for key, parcel in sent:
            uri = f"s3://{place.bucket}/{key}"
            noted = partial(_uploading, noting, uri)
            send(client, place.bucket, key, parcel.file, parcel.sha256, noted, ADVICE)


def _uploading(noting: Callable[[str], None], uri: str) -> None:
    noting(uri)
    print(f"uploading {uri}")


def made_by(shipment: Shipment) -> str:
    """What the list of things left in an account says of a job and its files."""
    return f"training.sagemaker {shipment.name}"


def submit(client: Any, shipment: Shipment, place: Prefix, machine: job.Machine) -> str:
    """Start a job under a name that is free; what went before it failed or was stopped."""
    tries = len(job.jobs_of(client, shipment)) + 1
    name = f"{job.stem(shipment)}-{tries}"
    _note_job(client, shipment, place, machine, name)
    job.create(client, job.request(shipment, machine, place, name))
    print(f"submitted {name} on {machine.instance}")
    return name


def _note_job(
    client: Any, shipment: Shipment, place: Prefix, machine: job.Machine, name: str
) -> None:
    """List a job, and what it will write, before it is there."""
    region, server, account = client.meta.region_name, server_of(client), machine.role.split(":")[4]
    note(Left("training job", name, region, server, account, made_by(shipment)))
    for written in (place.uri("output", name), place.uri("checkpoints", shipment.digest)):
        note(Left("objects", f"{written}/", region, server, "", made_by(shipment)))


def machine(options: JobOptions, region: str) -> job.Machine:
    """Where to run, from what was typed."""
    image = options.image or IMAGE.format(region=region)
    return job.Machine(options.role, options.instance, image, options.hours, options.spot)


def receive(client: Any, described: dict[str, Any], name: str, model: str, rates: Rates) -> Path:
    """Fetch what a job trained, and install it as a candidate; returns the adapter's folder.

    What it cost goes into its manifest, as far as the job and `rates` say.
    """
    folder, uri = DELIVERIES / name, described["ModelArtifacts"]["S3ModelArtifacts"]
    archive = artifacts.fetch(client, uri, folder / "model.tar.gz")
    unpacked = folder / "unpacked"
    artifacts.unpack(archive, unpacked)
    artifacts.check(unpacked, model)
    note_cost(unpacked / ADAPTER, unpacked / ENTRY, rates, job.billed_seconds(described))
    adapter = artifacts.install(unpacked, model, PLACES)
    shutil.rmtree(folder, ignore_errors=True)
    return adapter


def main(argv: list[str] | None = None) -> int:
    """Train by a recipe as a SageMaker job; the same line finds the job again."""
    again = "the job goes on; type the same line to come back to it"
    return run(read_options, lambda options: print(submit_or_find(options)), argv, stopped=again)


if __name__ == "__main__":
    sys.exit(main())
