"""What a registry entry of weights on this machine says: `kind = "local"`."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from common.aws.clients import Prefix, read_prefix
from common.errors import UserError
from models.entry import Prompted, seen_from
from models.manifest import Sha256
from models.storage.pulled import pulled_adapter


def _placed(value: object) -> object:
    """An address in S3 as such, before it is taken for a path.

    Raises:
        ValueError: it is none, or names no model there.
    """
    if isinstance(value, str) and value.startswith("s3://"):
        try:
            place = read_prefix(value)
        except UserError as error:
            raise ValueError(str(error)) from error
        if not place.path:
            raise ValueError(f"{value} is a bucket; give s3://BUCKET/PREFIX/NAME")
        return place
    if value is not None and not isinstance(value, str | Path | Prefix):
        raise ValueError("a folder, or s3://BUCKET/PREFIX/NAME")
    return value


class LocalEntry(Prompted):
    """Weights on this machine: `base` is `embedded:smollm2`, a folder or a Hugging Face id.

    `manifest` is the SHA-256 of the adapter's manifest.json, as its trainer wrote it. `made_by` is
    the command that makes the adapter where it is not there yet, and `parameters` how many weights
    the base has: what is missing is said before anything is fetched. An adapter may lie in S3, with
    the `digest` of what was pushed there: `adapter_folder` says where it lies here.
    """

    kind: Literal["local"]
    base: str
    revision: str | None = None
    adapter: Annotated[
        Path | Prefix | None, BeforeValidator(_placed), WithJsonSchema({"type": "string"})
    ] = None
    digest: Sha256 | None = None
    manifest: Sha256 | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    batch_tokens: int | None = Field(default=None, strict=True, ge=1, le=10**9)
    made_by: str = ""
    parameters: int | None = Field(default=None, strict=True, ge=1, le=10**13)

    @model_validator(mode="after")
    def _pinned(self) -> Self:
        """What lies where others write is known by its digest.

        Raises:
            ValueError: it is not, or there is a digest of nothing.
        """
        if isinstance(self.adapter, Prefix) != bool(self.digest):
            raise ValueError(
                "an adapter in S3 and `digest`, as `python -m models.push` says it, go together"
            )
        return self

    def beside(self, file: Path) -> Self:
        """The entry of a file, whose relative paths are relative to the file's folder."""
        moved: dict[str, object] = {}
        if isinstance(self.adapter, Path):
            moved["adapter"] = seen_from(file, self.adapter)
        if self.base.startswith((".", "~")):
            moved["base"] = str(seen_from(file, Path(self.base)))
        return self.model_copy(update=moved)


def adapter_folder(entry: LocalEntry) -> Path | None:
    """Where an entry's adapter lies on this machine; one in S3 is pulled when it is first used.

    Raises:
        UserError: it is to be pulled, and cannot be.
    """
    if isinstance(entry.adapter, Prefix):
        return pulled_adapter(entry.adapter, entry.digest or "")
    return entry.adapter
