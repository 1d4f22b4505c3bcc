"""What was left in an account, removed: what is gone already is no error, what stays is said."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from common.aws.clients import error_code, explained, read_prefix
from common.errors import UserError
from models.storage.left import Left, server_of

Open = Callable[[str, str], Any]
"""A client, by service and region."""

AT_ONCE = 1000
"""Keys of one request, by S3."""

ENDED = frozenset({"Completed", "Failed", "Stopped"})


def remove(left: Left, open_client: Open) -> str | None:
    """Remove one thing; None where it is gone, else why it stays.

    Args:
        left: the thing.
        open_client: opens the clients that are needed.
    """
    removers = {"objects": _remove_objects, "training job": _remove_job}
    services = {"objects": "s3", "training job": "sagemaker"}
    try:
        with explained(f"{left.kind} {left.place} stays"):
            client = open_client(services[left.kind], left.region)
            if (server := server_of(client)) != left.server:
                return (
                    f"it is at {left.server or 'AWS'}, and this asks {server or 'AWS'}; set "
                    "AWS_ENDPOINT_URL as it was then"
                )
            if left.account and left.account != (now := _account(open_client, left.region)):
                return f"it is in account {left.account}, and you are signed in to {now}"
            return removers[left.kind](client, left.place)
    except UserError as error:
        return str(error)


def _account(open_client: Open, region: str) -> str:
    return str(open_client("sts", region).get_caller_identity()["Account"])


def _remove_objects(client: Any, place: str) -> str | None:
    """An object, or all below a prefix: begun uploads, then objects and their versions."""
    from botocore.exceptions import ClientError

    at, all_below = read_prefix(place), place.endswith("/")
    prefix = f"{at.path}/" if all_below else at.path
    try:
        for upload in _uploads(client, at.bucket, prefix):
            if all_below or upload["Key"] == prefix:
                client.abort_multipart_upload(
                    Bucket=at.bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                )
        found = _objects(client, at.bucket, prefix) if all_below else [{"Key": prefix}]
        kept, failed = _delete(client, at.bucket, found)
        if kept and not failed:
            versions = _versions(client, at.bucket, prefix)
            mine = [each for each in versions if all_below or each["Key"] == prefix]
            _, failed = _delete(client, at.bucket, mine)
    except ClientError as error:
        if error_code(error) != "NoSuchBucket":
            raise
        return None
    return failed


def _delete(client: Any, bucket: str, objects: Iterable[dict[str, str]]) -> tuple[bool, str | None]:
    """(whether the bucket keeps versions of them, what S3 says of one that it did not delete)."""
    wanted, kept = list(objects), False
    for start in range(0, len(wanted), AT_ONCE):
        some = {"Objects": wanted[start : start + AT_ONCE]}
        done = client.delete_objects(Bucket=bucket, Delete=some)
        if errors := done.get("Errors"):
            first = errors[0]
            return kept, f"s3://{bucket}/{first['Key']}: {first['Code']}, {first.get('Message')}"
        kept = kept or any(each.get("DeleteMarker") for each in done.get("Deleted", ()))
    return kept, None


def _objects(client: Any, bucket: str, prefix: str) -> Iterator[dict[str, str]]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from ({"Key": each["Key"]} for each in page.get("Contents", ()))


def _versions(client: Any, bucket: str, prefix: str) -> Iterator[dict[str, str]]:
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            yield {"Key": each["Key"], "VersionId": each["VersionId"]}


def _uploads(client: Any, bucket: str, prefix: str) -> Iterator[dict[str, str]]:
    pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        yield from page.get("Uploads", ())


def _remove_job(client: Any, name: str) -> str | None:
    """A job that runs is stopped, and stays until it has."""
    from botocore.exceptions import ClientError

    try:
        status = client.describe_training_job(TrainingJobName=name)["TrainingJobStatus"]
        if status not in ENDED:
            if status == "InProgress":
                client.stop_training_job(TrainingJobName=name)
            return "it is stopping; type the same line again in a minute"
        client.delete_training_job(TrainingJobName=name)
    except ClientError as error:
        missing = "not found" in str(error).lower() or "could not find" in str(error).lower()
        if error_code(error) in {"ValidationException", "ResourceNotFound"} and missing:
            return None
        raise
    return None
