"""A folder in S3: its files below its digest, and last its index, without which there is none.

PREFIX/NAME/DIGEST/...     the files, under the SHA-256 of what they are
PREFIX/NAME/index.json     written last, once, and never over another
"""

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from common.aws.clients import Prefix, error_code, explained
from common.aws.fetching import AGAIN, fetch
from common.command import Say
from common.errors import UserError
from common.files import private_folder, replacing
from common.locks import locked
from common.paths import cache_dir
from models.storage.index import FILE, Index, read_index
from models.storage.sending import send


def push_folder(client: Any, place: Prefix, files: Mapping[str, Path], note: Say) -> Index:
    """Put files into S3 as one folder; it is there when all of it is.

    Args:
        client: of S3.
        place: of the folder.
        files: by their names in it.
        note: is told the address of what is about to be made, before it is; one that ends in `/`
            is all below it.

    Raises:
        UserError: another folder has that place, AWS refuses, or a file cannot be read.
    """
    index = Index.of(files)
    found = find_index(client, place)
    if found:
        _check_same(place, found, index)
    for file in index.files:
        key = place.key(index.digest, file.name)
        noted = partial(note, place.uri(index.digest) + "/")
        if send(client, place.bucket, key, files[file.name], file.sha256, noted):
            print(f"sent s3://{place.bucket}/{key}, {file.size:,} bytes")
    if not found:
        note(place.uri(FILE))
        _publish(client, place, index)
    return index


def _publish(client: Any, place: Prefix, index: Index) -> None:
    """Write the index, if nobody did meanwhile."""
    from botocore.exceptions import ClientError

    content = index.model_dump_json(indent=1).encode() + b"\n"
    with explained(f"{place.uri(FILE)} cannot be written"):
        try:
            client.put_object(
                Bucket=place.bucket, Key=place.key(FILE), Body=content, IfNoneMatch="*"
            )
        except ClientError as error:
            if error_code(error) not in {"PreconditionFailed", "ConditionalRequestConflict"}:
                raise
            found = find_index(client, place)
            if found is None:
                raise
            _check_same(place, found, index)


def _check_same(place: Prefix, found: Index, index: Index) -> None:
    if found.digest != index.digest:
        raise UserError(
            f"{place.uri()} holds another model or entry of this name ({found.digest[:12]}, this "
            f"one is {index.digest[:12]}), and nothing is pushed over it; give another prefix, or "
            "remove that one by `python -m models.clean` where it was pushed"
        )


def find_index(client: Any, place: Prefix) -> Index | None:
    """The index of a folder in S3; None where there is no whole folder.

    Raises:
        UserError: AWS refuses to give it, or it is none.
    """
    from botocore.exceptions import ClientError

    with explained(f"{place.uri(FILE)} cannot be read"):
        try:
            content = client.get_object(Bucket=place.bucket, Key=place.key(FILE))["Body"].read()
        except ClientError as error:
            if error_code(error) in {"NoSuchKey", "404"}:
                return None
            raise
    return read_index(place.uri(FILE), content)


def pull_folder(client: Any, place: Prefix, index: Index, target: Path) -> Path:
    """Bring a folder from S3 to `target`, whole or not at all; what is there is brought once.

    Two that bring the same wait for each other. The folder grows beside its place.

    Raises:
        UserError: AWS refuses, a digest is another, or the disk is full.
    """
    growing = target.with_name(f".{target.name[:50].lstrip('.')}-{index.digest[:12]}.pulling")
    try:
        private_folder(target.parent)
        locks = private_folder(cache_dir() / "pulled")
        with locked(locks / f"{index.digest}.lock", _say_waiting):
            if not target.exists():
                _grow(client, place, index, growing)
                with replacing(target, mend=f"free some space, and {AGAIN}", private=True) as draft:
                    growing.replace(draft)
    except OSError as error:
        raise UserError(
            f"{target} cannot be written: {error.strerror}; mend that, and {AGAIN}"
        ) from error
    return target


def _say_waiting() -> None:
    print("another pull of the same is under way; waiting for it", file=sys.stderr)


def _grow(client: Any, place: Prefix, index: Index, growing: Path) -> None:
    for file in index.files:
        path = growing / file.name
        private_folder(path.parent)
        if not (path.is_file() and path.stat().st_size == file.size):
            fetch(client, place.bucket, place.key(index.digest, file.name), path, file.sha256)
    wanted = {growing / file.name for file in index.files}
    for path in growing.rglob("*"):
        if path.is_file() and path not in wanted:  # a note of a transfer that was cut short
            path.unlink()
