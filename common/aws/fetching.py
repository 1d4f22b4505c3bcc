"""A file from S3: in parts at once, whole or not at all, and taken up where it was killed."""

import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.aws.clients import NONE, Advice, explained
from common.aws.parts import part_size, ranges
from common.errors import UserError
from common.files import private_file
from common.identity import file_digest

AT_ONCE = 8
TRIES = 4
"""Of one part, when the connection breaks amid its bytes, which botocore does not try again."""

CHUNK = 1 << 20
AGAIN = "the same line goes on where this one stopped"
CHANGED: Advice = {
    ("412", "PreconditionFailed"): "it was replaced meanwhile; type the same line again"
}


def fetch(
    client: Any,
    bucket: str,
    key: str,
    target: Path,
    sha256: str | None = None,
    better: Advice = NONE,
) -> Path:
    """Fetch an object to `target`, whole or not at all.

    What is under way lies beside it: a file that grows, and a file that says which parts of it are
    there.

    Args:
        client: of S3.
        bucket: where.
        key: of the object.
        target: the file to be, in a folder that is there.
        sha256: what the file must have; None where nobody knows.
        better: advice that takes the place of the usual one for some errors.

    Raises:
        UserError: AWS refuses it, the disk is full, or its digest is another.
    """
    uri = f"s3://{bucket}/{key}"
    try:
        with explained(f"{uri} cannot be fetched", {**CHANGED, **better}):
            resumed = _fetch(client, bucket, key, target)
            if resumed and not _is(_growing(target), sha256):
                _forget(target)  # cut short by more than a kill: a crash of the machine
                _fetch(client, bucket, key, target)
    except OSError as error:
        raise UserError(
            f"{target} cannot be written: {error.strerror or error}; free some space, and {AGAIN}"
        ) from error
    if not _is(_growing(target), sha256):
        _forget(target)
        raise UserError(
            f"{uri} is not what its index says (SHA-256 {sha256}): it was changed after it was "
            "pushed; whoever has the model removes that by `python -m models.clean` and pushes anew"
        )
    _growing(target).replace(target)
    _forget(target)
    return target


def _fetch(client: Any, bucket: str, key: str, target: Path) -> bool:
    """Bring what is missing of the growing file; whether some of it was there."""
    head = client.head_object(Bucket=bucket, Key=key)
    size, etag = head["ContentLength"], head["ETag"]
    growing = private_file(_growing(target))
    done = _Parts(target, f"{etag} {size} {part_size(size)}")
    there = done.read()
    missing = [part for part in ranges(size) if part[0] not in there and part[2]]
    needed = sum(part[2] for part in missing)
    if needed > (free := shutil.disk_usage(target.parent).free):
        raise UserError(
            f"{target.parent} has {free >> 20} MB left, and s3://{bucket}/{key} needs "
            f"{-(-needed >> 20)}; free some space, and {AGAIN}"
        )
    with _opened(growing, size) as file:

        def brought(number: int, offset: int, length: int) -> None:
            asked = {"Bucket": bucket, "Key": key, "IfMatch": etag}
            _write(
                client, {**asked, "Range": f"bytes={offset}-{offset + length - 1}"}, file, offset
            )
            os.fsync(file)
            done.add(number)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda part: brought(*part), missing))
    return bool(there)


def _write(client: Any, asked: dict[str, str], file: int, offset: int) -> None:
    """One part to its place; a connection that breaks is tried again."""
    from botocore.exceptions import HTTPClientError, IncompleteReadError

    for tried in range(TRIES):
        place = offset
        try:
            for chunk in client.get_object(**asked)["Body"].iter_chunks(CHUNK):
                os.pwrite(file, chunk, place)
                place += len(chunk)
            return
        except (IncompleteReadError, HTTPClientError):
            if tried == TRIES - 1:
                raise


class _Parts:
    """Which parts of the growing file are there; of another object none are."""

    def __init__(self, target: Path, about: str) -> None:
        self._path, self._about = _note(target), about
        self._lock = threading.Lock()

    def read(self) -> set[int]:
        """Their numbers. The note begins anew where it is of another object."""
        lines = self._path.read_text("utf-8").split("\n") if self._path.is_file() else []
        if lines[:1] != [self._about]:
            private_file(self._path).write_text(f"{self._about}\n", "utf-8")
            return set()
        return {int(line) for line in lines[1:-1] if line.isdigit()}

    def add(self, number: int) -> None:
        """One more, whose bytes are on the disk."""
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write(f"{number}\n")


@contextmanager
def _opened(path: Path, size: int) -> Iterator[int]:
    file = os.open(path, os.O_RDWR)
    try:
        os.ftruncate(file, size)
        yield file
    finally:
        os.close(file)


def _growing(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")


def _note(target: Path) -> Path:
    return target.with_name(f".{target.name}.parts")


def _forget(target: Path) -> None:
    for path in (_growing(target), _note(target)):
        path.unlink(missing_ok=True)


def _is(file: Path, sha256: str | None) -> bool:
    return sha256 is None or file_digest(file) == sha256
