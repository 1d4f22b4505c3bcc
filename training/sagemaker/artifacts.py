"""What comes back from a job in the cloud: model.tar.gz, unpacked safely, then installed."""

import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from common.aws.clients import read_prefix
from common.aws.fetching import fetch as fetch_object
from common.errors import UserError
from models.manifest import read_manifest
from models.storage.candidate import check_delivery, copy_delivery
from models.storage.layout import ADAPTER, ENTRY
from training.outcome.delivery import Places, check_not_kept
from training.sagemaker.advice import ADVICE

MODEL_LIMIT = 20 << 30
"""Bytes unpacked: an adapter is far smaller, an archive made to fill the disk is not."""


def fetch(client: Any, uri: str, target: Path) -> Path:
    """Download an object of S3 to `target`, whole or not at all.

    Raises:
        UserError: AWS refuses it, or the disk is full.
    """
    place = read_prefix(uri)
    target.parent.mkdir(parents=True, exist_ok=True)
    return fetch_object(client, place.bucket, place.path, target, better=ADVICE)


def unpack(archive: Path, folder: Path) -> None:
    """Write the adapter and the registry entry of a model.tar.gz into `folder`, which is new.

    Raises:
        UserError: damaged, oversized, a link, or a member that points outside.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        with tarfile.open(archive, "r:gz") as packed:
            for member in _wanted(packed):
                target = folder / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                content = packed.extractfile(member)
                with target.open("wb") as file:
                    shutil.copyfileobj(content, file)  # type: ignore[arg-type]
    except (tarfile.TarError, EOFError, zlib.error, UserError, OSError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise UserError(
            f"{archive} is refused ({reason}); delete it and type the same line again"
        ) from error


def _wanted(packed: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The plain files to keep; anything that is neither file nor folder is refused."""
    size = 0
    for member in packed:
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or "\\" in member.name:
            raise UserError(f"the member {member.name!r} points outside")
        if member.isdir():
            continue
        if not member.isfile():
            raise UserError(f"the member {member.name!r} is a link or a device")
        size += member.size
        if size > MODEL_LIMIT:
            raise UserError(f"it unpacks to more than {MODEL_LIMIT >> 30} GiB")
        if path.parts and (path.parts[0] == ADAPTER or path == PurePosixPath(ENTRY)):
            yield member


def check(folder: Path, name: str) -> None:
    """Look at all that an unpacked delivery holds.

    Raises:
        UserError: no manifest; or see `check_delivery`.
    """
    check_delivery(folder, name)
    if read_manifest(folder / ADAPTER) is None:
        raise UserError("the delivered adapter has no manifest.json; it is not installed")


def install(folder: Path, name: str, places: Places) -> Path:
    """Copy a delivery to its places, where it replaces what lies under that name.

    `check_free` comes before the job, and what has gone into service since then is not replaced.

    Raises:
        UserError: see `check` and `check_not_kept`.
    """
    check(folder, name)
    check_not_kept(name, places)
    return copy_delivery(folder, name, places.adapters, places.registry)
