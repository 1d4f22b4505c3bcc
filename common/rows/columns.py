"""Rows of columns as users give them: CSV with commas, or JSON lines; both in UTF-8.

The one reader of recordings and labels. A cell that is missing is missing in every form in which
programs write that, and what is not text is refused with file and row, never turned into text.
"""

import csv
import io
import json
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import read_jsonl
from common.reading import MEND, check_texts, file_text, parse_json, printable

MISSING = frozenset(
    ["NaN", "nan", "-nan", "<NA>", "NaT", "None", "null", "NULL", "NA", "#N/A", "\\N"]
)
"""How data frames, spreadsheets and databases write a cell that is missing, letter by letter."""

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
SUFFIXES = (".csv", ".jsonl", ".ndjson")
Pairs = list[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file, numbered from 1; blank lines are no rows.

    `cells` by lower-case column; None is a cell that is missing.
    """

    file: Path
    number: int
    cells: dict[str, Any]

    @property
    def where(self) -> str:
        """Where it stands, as an error names it."""
        return f"{self.file}, row {self.number}"

    def has(self, *names: str) -> bool:
        """Whether one of these columns stands there, missing or not."""
        return any(name in self.cells for name in names)

    def text(self, *names: str) -> str | None:
        """The text under one of these names of a column, trimmed; None where it is missing.

        Raises:
            UserError: it is no text, or two of the names hold different texts.
        """
        name, value = self._value(names)
        if value is None or isinstance(value, str):
            return value
        raise UserError(f"{self.where}: `{name}` is {shown(value)}; write it as one text")

    def name(self, *names: str) -> str:
        """As `text`, empty where it is missing; a whole number is a name too."""
        name, value = self._value(names)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return self.text(name) or "" if name else ""

    def texts(self, *names: str) -> tuple[str, ...]:
        """The texts under one of these names: of one text, or of a list of texts.

        In CSV a list is written as JSON in the cell. An empty text, or list, is none.

        Raises:
            UserError: it is neither text nor list of texts, or two of the names differ.
        """
        name, value = self._value(names)
        listed = _listed(value)
        several = listed if listed is not None else [value] if value not in (None, "") else []
        check_texts(self.where, [(name, several)])
        odd = listed is None and isinstance(value, str) and _looks_listed(value)
        if odd or not all(isinstance(each, str) and each.strip() for each in several):
            raise UserError(
                f"{self.where}: `{name}` is {shown(value)}; write one text, or a list of texts as "
                'JSON does: ["one", "two"]'
            )
        return tuple(dict.fromkeys(each.strip() for each in several))

    def _value(self, names: Collection[str]) -> tuple[str, Any]:
        given = [(name, self.cells[name]) for name in names if self.cells.get(name) is not None]
        if any(value != given[0][1] for _, value in given):
            columns = " and ".join(f"`{name}`" for name, _ in given)
            raise UserError(f"{self.where}: {columns} differ; fill in one of them")
        return given[0] if given else ("", None)


def read_rows(path: Path, known: Collection[str], mend: str = "") -> Iterator[Row]:
    """The rows of a `.csv`, `.jsonl` or `.ndjson` file, one by one.

    Args:
        path: of the file.
        known: names of the columns that mean something; others are left alone.
        mend: what to do about a row that is refused, if not what its own fault asks for.

    Raises:
        UserError: the file, or a row, cannot be read as columns; the row is named.
    """
    if path.suffix.lower() == ".csv":
        rows = _csv_rows(path, known, mend)
    else:
        objects = enumerate(read_jsonl(path, mend=mend, unit="row"), start=1)
        rows = ((row, list(found.items())) for row, (_, found) in objects)
    for number, pairs in rows:
        where = f"{path}, row {number}"
        cells: dict[str, Any] = {}
        for given, value in pairs:
            name = given.strip().lower()
            if name in cells:
                raise UserError(f"{where}: the column {name[:80]!r} stands twice; name each once")
            cells[name] = _present(value)
        yield Row(path, number, cells)


def raw_rows(path: Path) -> Iterator[list[str]]:
    """The cells of every row of a CSV file as they stand there, its header first.

    Raises:
        UserError: it cannot be read as rows.
    """
    csv.field_size_limit(2**31 - 1)
    try:
        yield from csv.reader(io.StringIO(file_text(path), newline=""), strict=True)
    except csv.Error as error:
        raise UserError(f"{path} cannot be read as rows of columns: {error}") from error


def row_text(cells: Collection[str]) -> str:
    """A row of CSV, with its line end."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def shown(value: Any) -> str:
    """What a cell holds, in a few words."""
    if value is None:
        return "null"
    kinds = {str: "text", list: "a list", dict: "an object", bool: "a flag"}
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"{kinds.get(type(value), 'a number')} ({printable(text)})"


def _csv_rows(path: Path, known: Collection[str], mend: str) -> Iterator[tuple[int, Pairs]]:
    csv.field_size_limit(2**31 - 1)
    text = io.StringIO(file_text(path), newline="")
    rows = (cells for cells in csv.reader(text, strict=True) if cells)
    number = 0
    try:
        header = _header(path, next(rows, []), known)
        for cells in rows:
            number += 1
            if any(cells):
                where = f"{path}, row {number}"
                pairs = _columns(where, header, cells)
                check_texts(where, pairs, mend or MEND)
                yield number, pairs
    except csv.Error as error:
        raise UserError(
            f"{path}, row {number + 1} cannot be read as rows of columns: {error}; put a cell that "
            "holds a quotation mark or a comma into quotation marks"
        ) from error


def _header(path: Path, cells: list[str], known: Collection[str]) -> list[str]:
    """The names of the columns, of which one at least is known."""
    if not cells or _known(cells, known):
        return cells
    for separator, name in SEPARATORS.items():
        if _known(",".join(cells).split(separator), known):
            raise UserError(
                f"{path} cannot be read as rows of columns: {name} separate its columns; save it "
                "with commas, as UTF-8"
            )
    raise UserError(
        f"{path} cannot be read as rows of columns: its first row, {shown(cells)}, names none of "
        f"{', '.join(known)}; write the names of the columns there, with commas, as UTF-8"
    )


def _known(cells: Collection[str], known: Collection[str]) -> bool:
    return any(cell.strip().strip('"').lower() in known for cell in cells)


def _columns(where: str, header: list[str], cells: list[str]) -> Pairs:
    """Cells with the name above them; a column without a name, as an index has, is left out."""
    unnamed = [place for place, name in enumerate(header) if place and not name.strip()]
    if len(cells) != len(header) or any(cells[place].strip() for place in unnamed):
        raise UserError(
            f"{where}: {len(cells)} cells under {sum(bool(n.strip()) for n in header)} names of "
            "columns; put a cell that holds a comma into quotation marks, and write every cell"
        )
    return [(name, cell.strip() or None) for name, cell in zip(header, cells, strict=True) if name]


def _present(value: Any) -> Any:
    """The value of a cell, text trimmed; None where it is missing."""
    if isinstance(value, float) and math.isnan(value):
        return None
    text = value.strip() if isinstance(value, str) else value
    return None if isinstance(text, str) and text in MISSING else text


def _listed(value: Any) -> list[Any] | None:
    """The list that a cell is, or that its text writes as JSON; None where it is none."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = parse_json("", value)
        except UserError:
            return None
    return value if isinstance(value, list) else None


def _looks_listed(text: str) -> bool:
    """Whether it is the list of a programming language, which no one writes as an answer."""
    return text.startswith(("['", '["')) and text.endswith(("']", '"]'))
