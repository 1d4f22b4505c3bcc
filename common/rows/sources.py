"""Files of rows, wherever they lie: here, in a folder, or in S3, brought here one at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.aws.clients import explained, open_client, read_prefix
from common.aws.fetching import fetch
from common.errors import UserError
from common.files import private_folder
from common.identity import digest
from common.rows.columns import SUFFIXES

SCHEME = "s3://"
JSON_LINES = SUFFIXES[1:]
PACKED = (".gz", ".bz2", ".xz", ".zst")


def sources(given: str, suffixes: tuple[str, ...] = JSON_LINES) -> Iterator[str]:
    """What is to be read, one by one: a file, or all of a folder, or below an address with `/`.

    Args:
        given: a path, `s3://BUCKET/KEY`, or `s3://BUCKET/DIR/`.
        suffixes: of the files that count, in small letters.

    Raises:
        UserError: AWS refuses to list it, there is none below it, or one is compressed, as those
            who rotate logs do: to leave it out would be to say that nothing happened then.
    """
    if given.startswith(SCHEME) and given.endswith("/"):
        every = _listed(given)
    elif not given.startswith(SCHEME) and Path(given).is_dir():
        files = sorted(each for each in Path(given).iterdir() if each.is_file())
        every = [str(each) for each in files if not each.name.startswith(".")]  # a draft's
    else:
        yield given
        return
    packed = tuple(suffix + end for suffix in suffixes for end in PACKED)
    for each in every:
        if each.lower().endswith(packed):
            raise UserError(
                f"{each} is compressed, and its rows would not count; unpack it, or move it to "
                "another folder"
            )
    found = [each for each in every if each.lower().endswith(suffixes)]
    if not found:
        kinds = " or ".join(suffixes[:1] + suffixes[2:])
        raise UserError(f"{given}: no {kinds} file is below it; name one")
    yield from found


def _listed(given: str) -> list[str]:
    place = read_prefix(given)
    with explained(f"{given} cannot be listed"):
        client = open_client("s3")
        pages = client.get_paginator("list_objects_v2")
        asked = {"Bucket": place.bucket, "Prefix": f"{place.path}/" if place.path else ""}
        keys = [
            each["Key"] for page in pages.paginate(**asked) for each in page.get("Contents", [])
        ]
    return [f"{SCHEME}{place.bucket}/{key}" for key in sorted(keys)]


@contextmanager
def here(source: str, folder: Path) -> Iterator[Path]:
    """A source as a file of this machine; of one in S3 a copy, which goes with the block.

    Args:
        source: of `sources`.
        folder: below which a copy lies, in `fetched`.

    Raises:
        UserError: there is no such file, or AWS refuses it.
    """
    if not source.startswith(SCHEME):
        if not Path(source).is_file():
            raise UserError(f"{source} is not there; name a file, a folder or s3://BUCKET/DIR/")
        yield Path(source)
        return
    place = read_prefix(source)
    target = private_folder(folder / "fetched") / digest(source)[:16]
    try:
        yield fetch(_client(source), place.bucket, place.path, target)
    finally:
        target.unlink(missing_ok=True)


def _client(source: str) -> Any:
    with explained(f"{source} cannot be fetched"):
        return open_client("s3")
