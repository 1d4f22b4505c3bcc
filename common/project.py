"""A user's own repository: what `[tool.bar-exam]` of its pyproject.toml says."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from common.errors import UserError
from common.reading import file_text
from common.settings import validated

FILE = "pyproject.toml"
Module = Annotated[str, Field(pattern=r"^[^\W\d]\w*(\.[^\W\d]\w*)*$")]


class Project(BaseModel):
    """Where things lie in a repository, and what it adds to the product.

    Paths are relative to `folder`, that of pyproject.toml; `dataset` is what `--dataset` takes.
    Additions are dotted names, `module:name`; suites are modules.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path = Field(default=Path(), exclude=True)
    registry: Path | None = None
    adapters: Path | None = None
    gate: Path | None = None
    dataset: str | None = None
    suites: tuple[Module, ...] = ()
    metrics: tuple[str, ...] = ()
    judges: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    retrievers: tuple[str, ...] = ()
    importers: tuple[str, ...] = ()

    @property
    def places(self) -> dict[str, str]:
        """Values of the options that say where things lie, by the option's name."""
        found = {
            name: str(self.folder / value)
            for name in ("registry", "adapters", "gate")
            if (value := getattr(self, name)) is not None
        }
        if self.registry:
            found["models"] = str((self.folder / self.registry).parent)
            found.setdefault("adapters", str((self.folder / self.registry).parent / "adapters"))
        if self.dataset:
            kind, colon, path = self.dataset.rpartition(":")
            beside = self.folder / path
            found["dataset"] = f"{kind}{colon}{beside}" if beside.exists() else self.dataset
        return found

    @property
    def added(self) -> dict[str, tuple[str, ...]]:
        """The dotted names of what it adds, by the table that they are rows of."""
        tables = ("metrics", "judges", "models", "retrievers", "importers")
        return {table: names for table in tables if (names := getattr(self, table))}

    @property
    def extends(self) -> bool:
        """Whether it adds anything."""
        return bool(self.added or self.suites)


def find_project(start: Path | None = None) -> Project:
    """The project of a folder: that of the nearest pyproject.toml, in it or above it.

    Raises:
        UserError: `[tool.bar-exam]` cannot be read, or says something that is not known.
    """
    folder = (start or Path.cwd()).resolve()
    found = (each for each in (folder, *folder.parents) if (each / FILE).is_file())
    root = next(found, None)
    return read_project(root) if root else Project()


def read_project(folder: Path) -> Project:
    """What the pyproject.toml in a folder says; an empty project where it says nothing.

    Raises:
        UserError: `[tool.bar-exam]` cannot be read, or says something that is not known.
    """
    table = read_table(folder)
    if table is None:
        return Project(folder=folder)
    if isinstance(table, dict) and "folder" in table:
        raise UserError(f"{folder / FILE} [tool.bar-exam]: unknown key 'folder'; remove it")
    project: Project = validated(f"{folder / FILE} [tool.bar-exam]", table, Project)
    return project.model_copy(update={"folder": folder})


def read_table(folder: Path) -> Any:
    """The table itself, as it stands in a pyproject.toml; None where there is none.

    Raises:
        UserError: the file cannot be read, or is no TOML.
    """
    path = folder / FILE
    try:
        tool = tomllib.loads(file_text(path)).get("tool", {})
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError(f"{path} is not TOML: {error}") from error
    return tool.get("bar-exam") if isinstance(tool, dict) else None
