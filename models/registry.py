"""The registry: one TOML file a model, `models/registry/NAME.toml`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from fixtures.errors import UserError
from fixtures.settings import nearest, read_toml
from models.decoding import Decoding
from models.manifest import Sha256

SHIPPED = Path(__file__).parent / "registry"
RECORDED = "recorded:"


class Entry(BaseModel):
    """What every entry may say of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str = ""
    status: Literal["base", "candidate", "champion", "retired", "rejected"] = "candidate"


class Prompted(Entry):
    """An entry that is asked through the prompt template."""

    passages: bool = True
    most_passages: int | None = Field(default=None, ge=1)
    system: str | None = None
    decoding: Decoding = Decoding()


class LocalEntry(Prompted):
    """Weights on this machine: `base` is `embedded:smollm2`, a folder or a Hugging Face id.

    `manifest` is the SHA-256 of the adapter's manifest.json, as its trainer wrote it.
    """

    kind: Literal["local"]
    base: str
    revision: str | None = None
    adapter: Path | None = None
    manifest: Sha256 | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    batch_tokens: int | None = Field(default=None, ge=1)


class EndpointEntry(Prompted):
    """An OpenAI-compatible server; the key is named by its environment variable, never given."""

    kind: Literal["endpoint"]
    base_url: str
    model: str
    api_key_env: str | None = None
    revision: str = ""
    context: int = Field(default=8192, ge=256)
    concurrency: int = Field(default=64, ge=1)
    timeout: float = Field(default=60.0, gt=0)
    retries: int = Field(default=6, ge=0)


class RecordedEntry(Entry):
    """Answers produced elsewhere."""

    kind: Literal["recorded"]
    path: Path


class ExtractiveEntry(Entry):
    """The nearest sentence; below the cosine `threshold` it does not answer."""

    kind: Literal["extractive"]
    threshold: float = Field(default=0.0, ge=-1, le=1)


class EchoEntry(Prompted):
    """Repeats the question."""

    kind: Literal["echo"]


AnyEntry = Annotated[
    LocalEntry | EndpointEntry | RecordedEntry | ExtractiveEntry | EchoEntry,
    Field(discriminator="kind"),
]


def read_entry(
    name: str, folder: Path = SHIPPED, option: str = "--model", beside: Sequence[str] = ()
) -> AnyEntry:
    """The entry of a model; `recorded:PATH` needs no file.

    Relative paths in a file are relative to its folder. `option` is where the name was typed;
    `beside` are words that may stand there too.

    Raises:
        UserError: no such model (the nearest is named), or its file is malformed.
    """
    if name.startswith(RECORDED):
        return RecordedEntry(kind="recorded", path=Path(name.removeprefix(RECORDED)))
    path = folder / f"{name}.toml"
    if not path.is_file():
        known = sorted(file.stem for file in folder.glob("*.toml"))
        known += beside
        hint = nearest(name, known, otherwise="")
        raise UserError(
            f"{option} {name}: not in {folder}; {hint}{' ' if hint else ''}known are "
            f"{', '.join(known) or 'none'}"
        )
    entry: AnyEntry = read_toml(path, AnyEntry)
    if isinstance(entry, LocalEntry):
        moved = {"adapter": _beside(path, entry.adapter) if entry.adapter else None}
        if entry.base.startswith((".", "~")):
            moved["base"] = str(_beside(path, Path(entry.base)))  # type: ignore[assignment]
        return entry.model_copy(update=moved)
    if isinstance(entry, RecordedEntry):
        return entry.model_copy(update={"path": _beside(path, entry.path)})
    return entry


def _beside(file: Path, path: Path) -> Path:
    return (file.parent / path.expanduser()).resolve()
