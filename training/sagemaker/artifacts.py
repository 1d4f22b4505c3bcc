"""What comes back from a job in the cloud: model.tar.gz, unpacked safely, then installed."""

import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from common.aws import explained, read_prefix
from common.errors import UserError
from common.files import replacing
from common.identity import file_digest
from models.local.weights import PICKLES, weight_files
from models.manifest import FILE, read_manifest
from models.registry import LocalEntry, entry_path, read_entry
from training.outcome.delivery import Places, check_not_kept
from training.sagemaker.advice import ADVICE
from training.sagemaker.layout import ADAPTER, ENTRY

MODEL_LIMIT = 20 << 30
"""Bytes unpacked: an adapter is far smaller, an archive made to fill the disk is not."""


def fetch(client: Any, uri: str, target: Path) -> Path:
    """Download an object of S3 to `target`, whole or not at all.

    Raises:
        UserError: AWS refuses it, or the disk is full.
    """
    place = read_prefix(uri)
    with (
        replacing(target) as draft,
        explained(f"{uri} cannot be fetched", ADVICE),
        draft.open("wb") as file,
    ):
        client.download_fileobj(place.bucket, place.path, file)
    return target


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
    """Look at all that an unpacked delivery holds; a reward model has no registry entry.

    Raises:
        UserError: no safetensors adapter, a pickle, no manifest, or an entry for something else.
    """
    adapter = folder / ADAPTER
    weight_files(adapter)
    pickles = [file.name for file in adapter.rglob("*") if file.suffix in PICKLES]
    if pickles:
        raise UserError(f"the delivered adapter holds a pickle, {pickles[0]}; it is not installed")
    if read_manifest(adapter) is None:
        raise UserError("the delivered adapter has no manifest.json; it is not installed")
    if not (folder / ENTRY).is_file():
        return
    entry = read_entry(Path(ENTRY).stem, folder)
    expected = Path(f"../adapters/{name}")
    if not isinstance(entry, LocalEntry) or entry.adapter != (folder / expected).resolve():
        raise UserError(f"the delivered registry entry does not name {expected}")
    if entry.status != "candidate":
        raise UserError(f"the delivered registry entry says {entry.status}, not candidate")
    if entry.manifest not in {None, file_digest(adapter / FILE)}:
        raise UserError("the delivered manifest.json is not the one that the entry names")


def install(folder: Path, name: str, places: Places) -> Path:
    """Move a delivery to its places: the adapter, then the entry; returns the adapter's folder.

    What lies there under that name is replaced: `check_free` comes before the job,
    and what has gone into service since then is not replaced.

    Raises:
        UserError: see `check` and `check_not_kept`; or the disk is full.
    """
    check(folder, name)
    check_not_kept(name, places)
    adapter, entry = places.adapters / name, entry_path(name, places.registry)
    with replacing(adapter) as draft:
        shutil.copytree(folder / ADAPTER, draft)
        entry.unlink(missing_ok=True)
        shutil.rmtree(adapter, ignore_errors=True)
    if (folder / ENTRY).is_file():
        with replacing(entry) as draft:
            shutil.copy(folder / ENTRY, draft)
    return adapter
