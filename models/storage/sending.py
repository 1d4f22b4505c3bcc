"""A file to S3: in parts at once, checked by S3 part by part, and taken up where it was killed."""

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from common.aws.clients import NONE, Advice, explained
from common.aws.parts import ranges
from common.errors import UserError
from models.storage.measured import Measured, measure

AT_ONCE = 8


def send(
    client: Any,
    bucket: str,
    key: str,
    file: Path,
    sha256: str,
    note: Callable[[], object],
    better: Advice = NONE,
) -> bool:
    """Put a file under a key that is made of its digest; whether anything had to be sent.

    Whoever writes this key writes these bytes, so nothing else can be overwritten. An object that
    is there, and cannot be shown to be this file, is sent again.

    Args:
        client: of S3.
        bucket: where.
        key: under which; it holds a digest that `sha256` decides.
        file: to send.
        sha256: of the file when it was looked at.
        note: is called before anything is made there.
        better: advice that takes the place of the usual one for some errors.

    Raises:
        UserError: AWS refuses it, or the file is not what it was.
    """
    try:
        measured = measure(file)
        if measured.sha256 != sha256:
            raise UserError(f"{file} changed while it was sent; type the same line again")
        with explained(f"s3://{bucket} cannot be listed", better):
            if _is_there(client, bucket, key, measured):
                return False
        with explained(f"s3://{bucket}/{key} cannot be written", better):
            note()
            if len(measured.sha256s) == 1:
                _send_whole(client, bucket, key, file, measured)
            else:
                _send_parts(client, bucket, key, file, measured)
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}; mend that") from error
    return True


def _is_there(client: Any, bucket: str, key: str, measured: Measured) -> bool:
    # Listed first: of what is missing, the head is answered 403 where listing is not allowed.
    found = client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    if not any(each["Key"] == key for each in found.get("Contents", ())):
        return False
    return measured.is_object(client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED"))


def _send_whole(client: Any, bucket: str, key: str, file: Path, measured: Measured) -> None:
    content = _content(file, measured, 1, 0, measured.size)
    checksum = {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": measured.checksum(1)}
    client.put_object(Bucket=bucket, Key=key, Body=content, **checksum)


def _send_parts(client: Any, bucket: str, key: str, file: Path, measured: Measured) -> None:
    where = {"Bucket": bucket, "Key": key}
    upload, there = _upload(client, where, measured)

    def sent(number: int, offset: int, size: int) -> dict[str, Any]:
        checksum = measured.checksum(number)
        etag = there.get(number)
        if etag is None:
            content = _content(file, measured, number, offset, size)
            etag = client.upload_part(
                **where, UploadId=upload, PartNumber=number, Body=content, ChecksumSHA256=checksum
            )["ETag"]
        return {"PartNumber": number, "ETag": etag, "ChecksumSHA256": checksum}

    with ThreadPoolExecutor(AT_ONCE) as pool:
        parts = list(pool.map(lambda part: sent(*part), ranges(measured.size)))
    client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})


def _upload(
    client: Any, where: Mapping[str, str], measured: Measured
) -> tuple[str, dict[int, str]]:
    """An upload of this key that was begun, and the parts of ours that it holds; else a new one."""
    bucket, key = where["Bucket"], where["Key"]
    best: tuple[str, dict[int, str]] | None = None
    begun = client.list_multipart_uploads(Bucket=bucket, Prefix=key).get("Uploads", ())
    for each in begun:
        if each["Key"] == key and each.get("ChecksumAlgorithm", "SHA256") == "SHA256":
            there = _parts(client, where, each["UploadId"], measured)
            if best is None or len(there) > len(best[1]):
                best = each["UploadId"], there
    if best:
        return best
    made = client.create_multipart_upload(**where, ChecksumAlgorithm="SHA256")
    return str(made["UploadId"]), {}


def _parts(
    client: Any, where: Mapping[str, str], upload: str, measured: Measured
) -> dict[int, str]:
    sizes = {number: size for number, _, size in ranges(measured.size)}
    pages = client.get_paginator("list_parts").paginate(**where, UploadId=upload)
    return {
        each["PartNumber"]: each["ETag"]
        for page in pages
        for each in page.get("Parts", ())
        if sizes.get(each["PartNumber"]) == each["Size"]
        and measured.is_part(each["PartNumber"], each)
    }


def _content(file: Path, measured: Measured, number: int, offset: int, size: int) -> bytes:
    """The bytes of a part.

    Raises:
        UserError: they are not those that were measured.
    """
    with file.open("rb") as opened:
        opened.seek(offset)
        content = opened.read(size)
    if hashlib.sha256(content).digest() != measured.sha256s[number - 1]:
        raise UserError(f"{file} changed while it was sent; type the same line again")
    return content
