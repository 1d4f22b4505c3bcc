"""Tables of what the product knows by name, and what a user's repository adds to them.

A table is a literal. Rows are added by the composition roots alone (`bar_exam.__main__` and
`bar_exam.plugin`), before anything is read, and are gone after what was typed is done.
"""

import importlib
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from common.errors import UserError
from common.identity import file_digest


class Named(Protocol):
    """What can stand in a table."""

    @property
    def name(self) -> str:
        """What it is called by: in options, in files, in reports."""


Row = TypeVar("Row", bound=Named)


class Table(Mapping[str, Row], Generic[Row]):
    """Rows by name, in the order in which they stand; `taken` are names that no row may have.

    >>> from pathlib import PurePath
    >>> files = Table(PurePath, [PurePath("a"), PurePath("b")])
    >>> with files.extended([PurePath("c")]):
    ...     list(files)
    ['a', 'b', 'c']
    >>> list(files)
    ['a', 'b']
    """

    def __init__(
        self, kind: type[Row], rows: Iterable[Row] = (), taken: Iterable[str] = ()
    ) -> None:
        self.kind = kind
        self.taken = frozenset(taken)
        self._rows = {row.name: row for row in rows}

    def __getitem__(self, name: str) -> Row:
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    @contextmanager
    def extended(self, rows: Iterable[Row]) -> Iterator[None]:
        """Hold these rows too, until the end of the `with`."""
        shipped = self._rows
        self._rows = shipped | {row.name: row for row in rows}
        try:
            yield
        finally:
            self._rows = shipped


@dataclass(frozen=True, slots=True)
class Extension:
    """One row that was added: `table`, `name`, and `source`, the dotted name it was loaded by.

    `digest` is the SHA-256 of the file that it is defined in.
    """

    table: str
    name: str
    source: str
    digest: str

    def __str__(self) -> str:
        return f"{self.table}: {self.name} ({self.source}, {self.digest[:12]})"


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Let modules of this folder be imported."""
    place = str(folder)
    sys.path.insert(0, place)
    try:
        yield
    finally:
        if place in sys.path:
            sys.path.remove(place)


def load(where: str, source: str, table: Table[Row], name: str) -> tuple[Row, Extension]:
    """The row that a dotted name stands for.

    Args:
        where: it was written, for errors.
        source: `module:name`.
        table: where the row is to stand.
        name: of the table.

    Raises:
        UserError: it cannot be imported, is no row of this table, or has the name of another.
    """
    module_name, _, attribute = source.partition(":")
    if not attribute:
        raise UserError(f"{where}: write it `module:name`")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise UserError(
            f"{where}: {module_name} cannot be imported ({type(error).__name__}: {error})"
        ) from error
    row = getattr(module, attribute, None)
    if not isinstance(row, table.kind):
        kind = f"{table.kind.__module__}.{table.kind.__qualname__}"
        what = "there is no such name" if row is None else f"it is a {type(row).__name__}"
        raise UserError(f"{where}: {what}; give a {kind}")
    if row.name in table or row.name in table.taken:
        raise UserError(f"{where}: {row.name!r} is taken; give it another name")
    return row, Extension(name, row.name, source, source_digest(module))


def source_digest(thing: object) -> str:
    """SHA-256 of the file that something is defined in; empty where there is none."""
    try:
        return file_digest(Path(inspect.getsourcefile(thing) or ""))  # type: ignore[arg-type]
    except (OSError, TypeError):
        return ""
