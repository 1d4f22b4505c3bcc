"""Files of feedback that lie in S3, brought here one at a time, and removed when they were read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.aws import explained, open_client, read_prefix
from common.errors import UserError
from common.files import private_folder
from common.identity import digest
from common.rows import SUFFIXES
from models.storage.fetching import fetch

SCHEME = "s3://"


def sources(given: str) -> Iterator[str]:
    """What is to be read, one by one: a file, or every JSONL below an address that ends in `/`.

    Raises:
        UserError: AWS refuses to list it, or there is none below it.
    """
    if not given.startswith(SCHEME) or not given.endswith("/"):
        yield given
        return
    place, found = read_prefix(given), 0
    with explained(f"{given} cannot be listed"):
        client = open_client("s3")
        pages = client.get_paginator("list_objects_v2")
        asked = {"Bucket": place.bucket, "Prefix": f"{place.path}/" if place.path else ""}
        keys = [
            each["Key"] for page in pages.paginate(**asked) for each in page.get("Contents", [])
        ]
    for key in sorted(keys):
        if key.lower().endswith(SUFFIXES[1:]):
            found += 1
            yield f"{SCHEME}{place.bucket}/{key}"
    if not found:
        raise UserError(f"{given}: no .jsonl file is below it; name one")


@contextmanager
def here(source: str, folder: Path) -> Iterator[Path]:
    """A source as a file of this machine; of one in S3 a copy, which goes with the block.

    Raises:
        UserError: there is no such file, or AWS refuses it.
    """
    if not source.startswith(SCHEME):
        if not Path(source).is_file():
            raise UserError(f"{source}: no such file; give one of JSON lines, or s3://BUCKET/KEY")
        yield Path(source)
        return
    place = read_prefix(source)
    target = private_folder(folder / "fetched") / digest(source)[:16]
    yield fetch(_client(source), place.bucket, place.path, target)
    target.unlink()


def _client(source: str) -> Any:
    with explained(f"{source} cannot be fetched"):
        return open_client("s3")
