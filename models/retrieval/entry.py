"""Embedders by configuration: one TOML file each, `embedders/NAME.toml` beside the registry."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from common.errors import UserError
from common.settings import nearest, read_toml
from fixtures.retrieval.embedder import MINILM
from models.endpoint.entry import Served
from models.price import ReadingPrice
from models.registry import entry_names, entry_path

SENTENCES = "sentence-transformers:"
"""What the short form begins with; a folder or a Hugging Face id follows."""
OPTION = "--embedder"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str = ""
    price: ReadingPrice | None = None


class SentencesEntry(_Entry):
    """A model of sentence-transformers: `model` is a folder or a Hugging Face id.

    `dimensions` keeps the first so many of each vector, of models that are trained to be cut.
    """

    kind: Literal["sentence-transformers"]
    model: str
    revision: str | None = None
    dimensions: int | None = Field(default=None, strict=True, ge=1, le=100_000)
    device: Literal["auto", "cpu", "cuda"] = "auto"


class ServedEntry(_Entry, Served):
    """`/embeddings` of an OpenAI-compatible server.

    `dimensions` is asked for where it is given. The prefixes stand before every passage and every
    question, of models that were trained so. A call embeds `batch` texts.
    """

    kind: Literal["endpoint"]
    dimensions: int | None = Field(default=None, strict=True, ge=1, le=100_000)
    passage_prefix: str = ""
    query_prefix: str = ""
    batch: int = Field(default=32, strict=True, ge=1, le=2048)
    concurrency: int = Field(default=8, strict=True, ge=1, le=1_000)


class TitanEntry(_Entry):
    """Titan Text Embeddings V2 on Bedrock; None leaves region and profile to AWS's configuration.

    `model` may be an ARN of it. `timeout` is for one call, in seconds.
    """

    kind: Literal["titan"]
    model: str = "amazon.titan-embed-text-v2:0"
    dimensions: Literal[256, 512, 1024] = 1024
    revision: str = ""
    region: str | None = None
    profile: str | None = None
    concurrency: int = Field(default=8, strict=True, ge=1, le=1_000)
    timeout: float = Field(default=60.0, strict=True, gt=0, le=86_400)


AnyEmbedder = Annotated[SentencesEntry | ServedEntry | TitanEntry, Field(discriminator="kind")]


def embedders_beside(registry: Path) -> Path:
    """Where the entries of embedders lie."""
    return registry.parent / "embedders"


def read_embedder(name: str, registry: Path) -> AnyEmbedder:
    """The entry of an embedder that is not the embedded one; the short form needs no file.

    A relative folder in a file is relative to that file's.

    Raises:
        UserError: no such embedder (the nearest is named), or its file is malformed.
    """
    if name.startswith(SENTENCES):
        model = name.removeprefix(SENTENCES)
        return SentencesEntry(kind="sentence-transformers", model=model)
    folder = embedders_beside(registry)
    names = entry_names(folder)
    if name not in names:
        known = [MINILM, *names]
        hint = nearest(name, known, otherwise="")
        raise UserError(
            f"{OPTION} {name}: not in {folder}; {hint}{' ' if hint else ''}known are "
            f"{', '.join(known)}, and {SENTENCES}MODEL"
        )
    path = entry_path(name, folder, OPTION)
    entry: Any = read_toml(path, AnyEmbedder)
    if isinstance(entry, SentencesEntry) and entry.model.startswith((".", "~")):
        beside = str((path.parent / Path(entry.model).expanduser()).resolve())
        entry = entry.model_copy(update={"model": beside})
    found: AnyEmbedder = entry
    return found
