"""What a registry entry of a dspy program says: `kind = "program"`."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from models.entry import Entry, seen_from
from models.manifest import Sha256

SHIPPED = ("few-shot", "instruct", "rag", "rag-multihop")
"""Programs that an entry names without a file."""

CLASS = re.compile(r"(?P<file>.+\.py)(?::(?P<name>[A-Za-z_]\w*))?", re.DOTALL)
"""A user's program: a file, and one of its classes where it has several."""


class SearchOptions(BaseModel):
    """How a program searches a contract further, where its `forward` takes `search`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    retriever: str = "bm25"
    k: int = Field(default=3, strict=True, ge=1, le=1_000)
    chunk_size: int = Field(default=1000, strict=True, ge=1, le=10**6)
    chunk_overlap: int = Field(default=100, strict=True, ge=0, le=10**6)


class ExampleOptions(BaseModel):
    """Whose train split a program is shown examples of, where its `forward` takes `examples`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str
    k: int = Field(default=4, strict=True, ge=1, le=100)


class ProgramEntry(Entry):
    """A dspy program, and the chat model that its modules ask.

    `program` is a shipped one, or a file of one `dspy.Module` class, as in `careful.py` or
    `careful.py:Careful`. `compiled` is what a dspy optimiser saved of it as JSON, and `manifest`
    the SHA-256 of the manifest.json beside that. `options` are handed to the program's class. A
    relative path of a data set of examples begins with a dot.
    """

    kind: Literal["program"]
    program: str
    generator: str
    compiled: Path | None = None
    manifest: Sha256 | None = None
    options: dict[str, bool | int | float | str] = Field(default_factory=dict)
    passages: bool = True
    most_passages: int | None = Field(default=None, strict=True, ge=1, le=100_000)
    search: SearchOptions = SearchOptions()
    examples: ExampleOptions | None = None
    max_tokens: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] | None = None

    @field_validator("program")
    @classmethod
    def _is_program(cls, program: str) -> str:
        """A program that is shipped, or a file.

        Raises:
            ValueError: it is neither.
        """
        if program not in SHIPPED and not CLASS.fullmatch(program):
            raise ValueError(
                f"program must be one of {', '.join(SHIPPED)}, or a Python file such as careful.py"
            )
        return program

    @field_validator("compiled")
    @classmethod
    def _is_json(cls, compiled: Path | None) -> Path | None:
        """What can be read without running code.

        Raises:
            ValueError: it may be a pickle.
        """
        if compiled is not None and compiled.suffix != ".json":
            raise ValueError("compiled must be a .json file, as program.save('NAME.json') writes")
        return compiled

    @property
    def file(self) -> Path | None:
        """The user's file; None of a shipped program."""
        found = CLASS.fullmatch(self.program)
        return Path(found["file"]) if found else None

    @property
    def folder(self) -> Path | None:
        """What an optimiser left: the compiled program, with its manifest beside it."""
        return self.compiled.parent if self.compiled else None

    def beside(self, file: Path) -> "ProgramEntry":
        """The entry with its paths as they lead from its own file."""
        moved: dict[str, object] = {}
        if self.file:
            moved["program"] = self.program.replace(
                str(self.file), str(seen_from(file, self.file)), 1
            )
        if self.compiled:
            moved["compiled"] = seen_from(file, self.compiled)
        if self.examples and self.examples.dataset.startswith((".", "~")):
            dataset = str(seen_from(file, Path(self.examples.dataset)))
            moved["examples"] = self.examples.model_copy(update={"dataset": dataset})
        return self.model_copy(update=moved)
