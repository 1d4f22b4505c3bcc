"""What the entry of any kind of model says, and what a kind is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from models.chat import Decoding, Model
from models.price import Price


class Entry(BaseModel):
    """What every entry may say of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str = ""
    family: str = ""
    status: Literal["base", "candidate", "champion", "retired", "rejected"] = "candidate"
    price: Price | None = None


class Prompted(Entry):
    """An entry that is asked through the prompt template."""

    passages: bool = True
    most_passages: int | None = Field(default=None, strict=True, ge=1, le=100_000)
    system: str | None = None
    decoding: Decoding = Decoding()


def seen_from(file: Path, path: Path) -> Path:
    """What a path in an entry's file leads to: relative ones are relative to the file."""
    return (file.parent / path.expanduser()).resolve()


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of model beside the shipped ones: `kind = "NAME"` in an entry.

    Attributes:
        name: of the kind.
        entry: the shape of its file, with `kind: Literal[NAME]`.
        open: makes the model of a model's name and its entry; loads and asks nothing yet.
        hosts: where its models send what they are asked, or a function of an entry that says so,
            as the policy's `[egress]` names hosts; () sends nothing. Of a kind that does not say,
            a data set is asked that may be sent anywhere.
    """

    name: str
    entry: type[Entry]
    open: Callable[[str, Any], Model]
    hosts: Sequence[str] | Callable[[Any], Sequence[str]] | None = None

    def __post_init__(self) -> None:
        kind = self.entry.model_fields.get("kind")
        if kind is None or get_args(kind.annotation) != (self.name,):
            raise ValueError(f"{self.entry.__name__} needs `kind: Literal[{self.name!r}]`")
        if isinstance(self.hosts, str):
            raise ValueError(f"hosts of kind {self.name} are a tuple, as in ({self.hosts!r},)")

    def hosts_of(self, entry: Any) -> Sequence[str] | None:
        """Where the model of an entry sends what it is asked; None where the kind does not say."""
        return self.hosts(entry) if callable(self.hosts) else self.hosts
