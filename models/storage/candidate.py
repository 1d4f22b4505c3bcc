"""A candidate that travels: its own folder as `adapter/`, and `entry.toml`, checked on arrival."""

import shutil
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import replacing, write_whole
from common.identity import file_digest
from common.reading import file_text
from models.local.entry import LocalEntry
from models.local.weights import PICKLES, weight_files
from models.manifest import FILE
from models.program.entry import ProgramEntry
from models.registry import adapter_of, entry_path, read_entry
from models.storage.index import below
from models.storage.layout import ADAPTER, ENTRY


def candidate_files(name: str, registry: Path, work: Path) -> dict[str, Path]:
    """What travels of a registered model, by name; its entry is written anew, into `work`.

    Raises:
        UserError: no training left files of it, or they are not those of an adapter.
    """
    entry, folder = read_entry(name, registry, "models.push"), adapter_of(name, registry)
    if folder is None:
        raise UserError(
            f"{name} is {entry.kind} without an adapter or a compiled program: it has no files of "
            "its own to push"
        )
    if isinstance(entry, LocalEntry):
        check_adapter(folder)
    try:
        files = below(folder, ADAPTER)
    except OSError as error:
        raise UserError(f"{error.filename} cannot be read: {error.strerror}") from error
    write_whole(work / ENTRY, travelling_entry(name, registry))
    return {**files, ENTRY: work / ENTRY}


def travelling_entry(name: str, registry: Path) -> str:
    """An entry's text as it is elsewhere: a candidate, whose files lie in `adapters/NAME/`."""
    import tomlkit

    entry, home = read_entry(name, registry), f"../adapters/{name}"
    text: Any = tomlkit.parse(file_text(entry_path(name, registry)))
    text["status"] = "candidate"
    if isinstance(entry, ProgramEntry) and entry.compiled:
        text["compiled"] = f"{home}/{entry.compiled.name}"
    else:
        text["adapter"] = home
        text.pop("digest", None)
    return tomlkit.dumps(text)


def check_adapter(adapter: Path) -> None:
    """Look at what an adapter's folder holds.

    Raises:
        UserError: no safetensors, or a pickle.
    """
    weight_files(adapter)
    pickles = [file.name for file in adapter.rglob("*") if file.suffix in PICKLES]
    if pickles:
        raise UserError(f"{adapter} holds a pickle, {pickles[0]}, which goes nowhere; remove it")


def check_delivery(folder: Path, name: str) -> None:
    """Look at all that a delivery holds; a reward model has no registry entry.

    Raises:
        UserError: see `check_adapter`; or an entry for something else.
    """
    files, home = folder / ADAPTER, Path(f"../adapters/{name}")
    if not (folder / ENTRY).is_file():
        check_adapter(files)
        return
    entry = read_entry(Path(ENTRY).stem, folder)
    if isinstance(entry, LocalEntry):
        check_adapter(files)
        named = entry.adapter
    else:
        named = entry.folder if isinstance(entry, ProgramEntry) else None
    if named != (folder / home).resolve():
        raise UserError(f"the delivered registry entry does not name {home}")
    if entry.status != "candidate":
        raise UserError(f"the delivered registry entry says {entry.status}, not candidate")
    manifest, sealed = files / FILE, getattr(entry, "manifest", None)
    if sealed and not (manifest.is_file() and file_digest(manifest) == sealed):
        raise UserError(f"the delivered {FILE} is not the one that the entry names")


def copy_delivery(
    folder: Path, name: str, adapters: Path, registry: Path, *, over: bool = True
) -> Path:
    """Copy a delivery to its places: the adapter, then the entry; returns the adapter's folder.

    Args:
        folder: of the delivery.
        name: under which it is kept.
        adapters: folder of all adapters.
        registry: folder of all entries.
        over: whether what lies there under that name is replaced.

    Raises:
        UserError: the disk is full.
    """
    adapter, entry = adapters / name, entry_path(name, registry)
    if over or not adapter.exists():
        with replacing(adapter) as draft:
            shutil.copytree(folder / ADAPTER, draft)
            if over:
                entry.unlink(missing_ok=True)
                shutil.rmtree(adapter, ignore_errors=True)
    if (folder / ENTRY).is_file() and not entry.exists():
        with replacing(entry) as draft:
            shutil.copy(folder / ENTRY, draft)
    return adapter
