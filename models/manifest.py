"""The training manifest: what an adapter was trained on, written beside its weights."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.errors import UserError
from common.files import write_whole
from common.reading import ending
from fixtures.cases import Contract
from fixtures.shingles import BITS, sketch

FILE = "manifest.json"

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Shingle = Annotated[int, Field(ge=0, lt=2**BITS)]


class TrainedContract(BaseModel):
    """A contract that a model has seen; `digest` is of its text, `sketch` of its wording."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    title: str
    digest: Sha256
    sketch: tuple[Shingle, ...]


class Manifest(BaseModel):
    """`contracts` and `cases` (identities) trained on; trainers add keys of their own.

    `sketches` names the method of the sketches: of two methods none can be compared.
    """

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    contracts: tuple[TrainedContract, ...]
    cases: tuple[Sha256, ...]
    sketches: Literal["8 words, 1 in 16"] = "8 words, 1 in 16"


def contract_entry(contract: Contract) -> TrainedContract:
    """What a manifest keeps of a contract; the text cannot be had back from it."""
    return TrainedContract(
        title=contract.id, digest=contract.digest, sketch=tuple(sorted(sketch(contract.text)))
    )


def read_manifest(adapter: Path) -> Manifest | None:
    """The manifest in an adapter's folder, or None where there is none.

    Raises:
        UserError: it cannot be read, or is malformed.
    """
    path = adapter / FILE
    try:
        return Manifest.model_validate_json(ending(path).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror}; restore it or train the adapter again"
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        reason = f"{where}: {first['msg'][0].lower()}{first['msg'][1:]}"
        raise UserError(
            f"{path} is not a training manifest ({reason}); restore it or train the adapter again"
        ) from error


def write_manifest(adapter: Path, manifest: Manifest) -> Path:
    """Write the manifest into an adapter's folder, whole or not at all, and return its path."""
    path = adapter / FILE
    write_whole(path, manifest.model_dump_json() + "\n", mend="give another folder")
    return path
