"""What a training job in the cloud is sent: the code, and the files that its recipe names.

Both are known by the SHA-256 of what they hold, so the same job is recognized, and nothing is
uploaded twice.
"""

import gzip
import io
import subprocess
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from common.identity import digest, file_digest
from models.egress import Sent
from models.local.entry import LocalEntry
from models.registry import entry_path, is_registered, read_entry
from training.data.examples import meta_path
from training.sagemaker.origins import made_of
from training.trainer.loading import find_adapter
from training.trainer.recipe import Recipe, read_recipe

CODE = ("common", "fixtures", "models", "evals", "training", "pyproject.toml", "requirements*.lock")

NOT_CODE = ("models/registry/", "models/adapters/", "models/promotions.jsonl",
            "models/champion.toml", "models/signatures/", "models/policy.toml", "models/ledger/",
            "training/recipes/")  # fmt: skip
"""Tracked below `CODE`, yet they change without changing what a job does."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A file, the relative path (POSIX) under which it arrives, and its SHA-256."""

    file: Path
    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Shipment:
    """One job: what to run, and every file that it needs.

    `recipe` is a relative path; `settings` are KEY=VALUE on top of it; `name` is the adapter's;
    `sent` are the data sets that `data` was made of.
    """

    method: str
    recipe: str
    settings: tuple[str, ...]
    name: str
    commit: str
    code: tuple[Parcel, ...]
    data: tuple[Parcel, ...]
    sent: tuple[Sent, ...] = ()

    @property
    def code_digest(self) -> str:
        """Of names and contents of the code; the recipe is part of it."""
        return _digest(self.code)

    @property
    def data_digest(self) -> str:
        """Of names and contents of the data."""
        return _digest(self.data)

    @property
    def recipe_digest(self) -> str:
        """Of the recipe's bytes."""
        return next(parcel.sha256 for parcel in self.code if parcel.name == self.recipe)

    @property
    def digest(self) -> str:
        """Of all that decides what comes out: method, recipe, settings, code and data."""
        return digest(self.method, self.recipe, self.settings, self.code_digest, self.data_digest)


def plan_shipment(
    method: str, recipe: Path, settings: tuple[str, ...] = (), work: Path = Path()
) -> Shipment:
    """Find what `training.METHOD RECIPE` needs, all of it below the working directory `work`.

    Raises:
        UserError: a file is missing or lies outside `work`, or `work` is no checkout.
    """
    parsed = read_recipe(work / recipe, settings)
    code = {*tracked_code(work), _inside(recipe, work)}
    return Shipment(
        method,
        _inside(recipe, work),
        settings,
        parsed.name,
        _commit(work),
        _parcels(code, work),
        _parcels(named_files(parsed, work), work),
        made_of(parsed, work),
    )


def _commit(work: Path) -> str:
    """The commit, with `-dirty` where tracked files differ: they are shipped as they are."""
    changed = _git(work, "status", "--porcelain", "--untracked-files=no").strip()
    return _git(work, "rev-parse", "HEAD").strip() + ("-dirty" if changed else "")


def tracked_code(work: Path) -> list[str]:
    """The tracked files that a trainer may import or read, as they are now."""
    listed = _git(work, "ls-files", "-z", "--", *CODE).split("\0")
    return [
        name
        for name in listed
        if name and not name.startswith(NOT_CODE) and (work / name).is_file()
    ]


def named_files(recipe: Recipe, work: Path) -> set[str]:
    """The files that a recipe names: data with their meta, base folder, adapters, entries."""
    data = [file for file in (recipe.data, recipe.validation) if file]
    files = [*data, *(meta_path(file) for file in data if (work / meta_path(file)).is_file())]
    if (work / recipe.base).is_dir():
        files += _below(work / recipe.base)
    for adapter in (recipe.adapter, recipe.reward_model):
        files += _adapter_files(adapter, work / "models" / "registry") if adapter else []
    return {_inside(file, work) for file in files}


def _adapter_files(named: str, registry: Path) -> list[Path]:
    """An adapter's folder; for a registry name also its entry, and its base where that is local."""
    files = _below(find_adapter(named, registry))
    if is_registered(named, registry):
        files.append(entry_path(named, registry))
        parsed = read_entry(named, registry)
        base = Path(parsed.base) if isinstance(parsed, LocalEntry) else None
        files += _below(base) if base and base.is_dir() else []
    return files


def _below(folder: Path) -> list[Path]:
    """The files of a folder, but for what a download notes beside them, which has its time."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    return [file for file in files if ".cache" not in file.relative_to(folder).parts]


def _inside(file: Path, work: Path) -> str:
    """The path of a file relative to the working directory."""
    whole = (work / file).resolve()
    if not whole.is_file():
        raise UserError(f"{file} is not there; docs/training.md says how to make it")
    if not whole.is_relative_to(work.resolve()):
        raise UserError(f"{file} lies outside {work.resolve()}; a job takes what is below it alone")
    return whole.relative_to(work.resolve()).as_posix()


def _parcels(names: Iterable[str], work: Path) -> tuple[Parcel, ...]:
    return tuple(Parcel(work / n, n, file_digest(work / n)) for n in sorted(set(names)))


def _digest(parcels: tuple[Parcel, ...]) -> str:
    return digest([(parcel.name, parcel.sha256) for parcel in parcels])


def packed(parcels: Iterable[Parcel]) -> bytes:
    """A tar.gz of the files: no times, owners or modes, so equal files give equal bytes."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as squeezed,
        tarfile.open(fileobj=squeezed, mode="w") as archive,
    ):
        for parcel in parcels:
            content = parcel.file.read_bytes()
            member = tarfile.TarInfo(parcel.name)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _git(work: Path, *words: str) -> str:
    command = ["git", "-C", str(work), *words]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise UserError(
            f"{work.resolve()} is no git checkout with a commit, and git says which code to send; "
            "type the line in the root of this repository"
        ) from error
