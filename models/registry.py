"""The registry: one TOML file a model, `models/registry/NAME.toml`."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, Union

from pydantic import Field, model_validator

from common.errors import UserError
from common.extensions import Table
from common.settings import nearest, read_toml
from fixtures.imports.source import FORMS, Form, Source
from models.bedrock.entry import BedrockEntry
from models.endpoint.entry import Served
from models.entry import Entry, Kind, Prompted, seen_from
from models.local.entry import LocalEntry, adapter_folder
from models.program.entry import ProgramEntry
from models.remote.entry import Remote

SHIPPED = Path(__file__).parent / "registry"
NAME = "^[a-zA-Z0-9][a-zA-Z0-9._-]*$"
"""A name is a name: nothing in it leads to another folder, or twice to one entry."""


class EndpointEntry(Remote, Served):
    """A chat model on an OpenAI-compatible server."""

    kind: Literal["endpoint"]
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"


class RecordedEntry(Entry):
    """Answers produced elsewhere, in a file of a form; `names` are those of its fields."""

    kind: Literal["recorded"]
    path: Path
    form: Form = Field(default="recorded", exclude_if=lambda form: form == "recorded")
    names: dict[str, str] = Field(default={}, exclude_if=lambda names: not names)

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        try:
            self.source.check_names()
        except UserError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def source(self) -> Source:
        """What is read, and how."""
        return Source(self.form, self.path, self.names)


class ExtractiveEntry(Entry):
    """The nearest sentence; below the cosine `threshold` it does not answer."""

    kind: Literal["extractive"]
    threshold: float = Field(default=0.0, strict=True, ge=-1, le=1)


class EchoEntry(Prompted):
    """Repeats the question."""

    kind: Literal["echo"]


SHIPPED_KINDS = (
    LocalEntry
    | EndpointEntry
    | BedrockEntry
    | ProgramEntry
    | RecordedEntry
    | ExtractiveEntry
    | EchoEntry
)
AnyEntry = Annotated[SHIPPED_KINDS, Field(discriminator="kind")]


KINDS: Table[Kind] = Table(
    Kind, taken=("local", "endpoint", "bedrock", "program", "recorded", "extractive", "echo")
)


def _shape() -> Any:
    """What an entry may be, kinds of a user's repository included."""
    if not KINDS:
        return AnyEntry
    added = tuple(kind.entry for kind in KINDS.values())
    return Annotated[Union[(SHIPPED_KINDS, *added)], Field(discriminator="kind")]


def read_entry(
    name: str, folder: Path = SHIPPED, option: str = "--model", beside: Sequence[str] = ()
) -> AnyEntry:
    """The entry of a model; `recorded:PATH`, and what else `Source` reads, needs no file.

    Relative paths in a file are relative to its folder. `option` is where the name was typed;
    `beside` are words that may stand there too.

    Raises:
        UserError: no such model (the nearest is named), or its file is malformed.
    """
    if source := Source.typed(name):
        names = dict(source.names)
        return RecordedEntry(kind="recorded", path=source.path, form=source.form, names=names)
    path = entry_path(name, folder, option)
    if name not in entry_names(folder):
        known = [*entry_names(folder), *beside]
        hint = nearest(name, known, otherwise="")
        raise UserError(
            f"{option} {name}: not in {folder}; {hint}{' ' if hint else ''}known are "
            f"{', '.join(known) or 'none'}"
        )
    entry: AnyEntry = read_toml(path, _shape())
    if isinstance(entry, RecordedEntry):
        return entry.model_copy(update={"path": seen_from(path, entry.path)})
    return entry.beside(path) if isinstance(entry, LocalEntry | ProgramEntry) else entry


def entry_path(name: str, folder: Path, option: str = "--model") -> Path:
    """Where the entry of a name lies, or would lie: the one place that makes a path of a name.

    Raises:
        UserError: it is no name.
    """
    if not re.fullmatch(NAME, name):
        forms = f"; answers are {', '.join(f'{form}:PATH' for form in FORMS)}" * (":" in name)
        raise UserError(
            f"{option} {name!r}: a name has letters, digits, dots, dashes and underscores, and no "
            f"path{forms}; known are {', '.join(entry_names(folder)) or 'none'}"
        )
    return folder / f"{name}.toml"


def entry_names(folder: Path) -> list[str]:
    """The names in a registry, as they are spelt there: some file systems find others too."""
    names = sorted(file.stem for file in folder.glob("*.toml") if file.is_file())
    return [name for name in names if re.fullmatch(NAME, name)]


def is_registered(name: str, folder: Path) -> bool:
    """Whether a registry has an entry of this name."""
    return name in entry_names(folder)


def parts_of(name: str, registry: Path) -> tuple[tuple[str, AnyEntry], ...]:
    """A model by name and entry, and what it is built on: of a program its generator.

    Raises:
        UserError: an entry is unknown or malformed, or the generator is no chat model.
    """
    entry = read_entry(name, registry)
    if not isinstance(entry, ProgramEntry):
        return ((name, entry),)
    where = f"{entry_path(name, registry)}: generator"
    generator = read_entry(entry.generator, registry, where)
    if not isinstance(generator, Prompted):
        raise UserError(
            f"{where} {entry.generator} is {generator.kind}: it answers cases, but cannot chat; "
            "name a chat model"
        )
    return ((name, entry), (entry.generator, generator))


def files_of(name: str, registry: Path) -> tuple[Path, ...]:
    """A model's own files and folders: entries, adapter or compiled program, recorded answers."""
    own: list[Path | None] = []
    for part, entry in parts_of(name, registry):
        own.append(None if Source.typed(part) else entry_path(part, registry))
        own.append(entry.path if isinstance(entry, RecordedEntry) else left_folder(entry))
        own.append(entry.file if isinstance(entry, ProgramEntry) else None)
    return tuple(each for each in own if each is not None)


def adapter_of(name: str, registry: Path) -> Path | None:
    """The folder of what an entry's training left: an adapter, or a compiled program."""
    return left_folder(read_entry(name, registry))


def left_folder(entry: Entry) -> Path | None:
    """The same of an entry that was read."""
    if isinstance(entry, ProgramEntry):
        return entry.folder
    return adapter_folder(entry) if isinstance(entry, LocalEntry) else None
