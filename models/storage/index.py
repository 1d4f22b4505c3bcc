"""What lies in a folder, file by file, as digests: the list by which a folder is whole."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from common.errors import UserError
from common.identity import digest, file_digest
from models.manifest import Sha256

FILE = "index.json"


class Listed(BaseModel):
    """One file: its path in the folder, its bytes, their SHA-256."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str
    size: Annotated[int, Field(ge=0)]
    sha256: Sha256

    @field_validator("name")
    @classmethod
    def _is_inside(cls, name: str) -> str:
        """A path below the folder.

        Raises:
            ValueError: it leads elsewhere, or no file system has it.
        """
        parts = PurePosixPath(name).parts
        plain = PurePosixPath(name).as_posix() == name and not PurePosixPath(name).is_absolute()
        if not parts or not plain or ".." in parts or re.search(r"[\\:\x00-\x1f]", name):
            raise ValueError(f"{name!r} is no path inside the folder")
        return name


class Index(BaseModel):
    """Every file of a folder, by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: Literal[1] = 1
    files: Annotated[tuple[Listed, ...], Field(min_length=1)]

    @field_validator("files")
    @classmethod
    def _in_order(cls, files: tuple[Listed, ...]) -> tuple[Listed, ...]:
        """Each file once, in order.

        Raises:
            ValueError: they are not.
        """
        names = [file.name for file in files]
        if names != sorted(set(names)):
            raise ValueError("its files do not stand in order, each once")
        return files

    @property
    def digest(self) -> str:
        """SHA-256 of names and contents; it is all that the folder is known by."""
        return digest("folder", self.version, [[file.name, file.sha256] for file in self.files])

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @classmethod
    def of(cls, files: Mapping[str, Path]) -> Self:
        """The index of files, by their names in the folder.

        Raises:
            UserError: a file cannot be read, or has a name that cannot travel.
        """
        try:
            listed = [
                Listed(name=name, size=path.stat().st_size, sha256=file_digest(path))
                for name, path in sorted(files.items())
            ]
        except OSError as error:
            raise UserError(f"{error.filename} cannot be read: {error.strerror}") from error
        except ValidationError as error:
            raise UserError(f"{_first(error)}; rename the file") from error
        return cls(files=tuple(listed))


def read_index(where: str, content: bytes) -> Index:
    """The index that bytes are.

    Raises:
        UserError: they are none; `where` names them.
    """
    try:
        return Index.model_validate_json(content)
    except ValidationError as error:
        raise UserError(
            f"{where} is no index that models.push wrote ({_first(error)}); push the model anew "
            "under another prefix"
        ) from error


def below(folder: Path, inside: str = "") -> dict[str, Path]:
    """The files of a folder by name, hidden ones left out.

    Raises:
        OSError: it cannot be read.
    """
    found = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    return {
        (PurePosixPath(inside) / name.as_posix()).as_posix(): path
        for name, path in found.items()
        if not any(part.startswith(".") for part in name.parts)
    }


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return str(first["msg"]).removeprefix("Value error, ")
