"""Cells of a row that somebody else wrote: named freely, and each text, name or time, or refused.

The one reader of what comes from service: feedback, and requests that were served.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from common.errors import UserError
from common.reading import printable
from common.redaction import outward
from common.rows.columns import shown
from common.settings import nearest

OTHERWISE = {"corrected": "corrected answer"}
FIRST = datetime.fromisoformat("2000-01-01T00:00:00+00:00").timestamp()
DAY = 86_400.0
WHEN = "write it as 2026-01-31T12:00:00Z, or as seconds since 1970"


def cells_of(row: Mapping[str, Any], columns: Collection[str]) -> dict[str, Any]:
    """The cells of a row that are there, by name; null is missing, as what is not there.

    Args:
        row: columns of any case, with `_` or `-` for spaces.
        columns: their names; others are left alone, unless they look like one that is missing.

    Raises:
        UserError: a column stands twice, or is nearly one of these.

    >>> cells_of({"Corrected_Answer": "two", "score": None, "id": 7}, ("corrected answer", "score"))
    {'corrected answer': 'two', 'id': 7}
    """
    named: dict[str, Any] = {}
    for given, value in row.items():
        name = " ".join(given.lower().replace("_", " ").replace("-", " ").split())
        name = OTHERWISE.get(name, name)
        if name in named:
            raise UserError(f"the column {printable(name)!r} stands twice")
        named[name] = value
    there = {name: value for name, value in named.items() if value is not None}
    missing = tuple(name for name in columns if name not in there)
    for name in there.keys() - {*columns}:
        if hint := _meant(name, missing):
            raise UserError(f"unknown column {printable(name)!r}; {hint}")
    return there


@lru_cache(1024)
def _meant(name: str, missing: tuple[str, ...]) -> str:
    """Which missing column a name nearly is, if any: computed once, and not in a million rows."""
    return nearest(name, missing, otherwise="", quoted=True, cutoff=0.75)


def text_cell(cells: Mapping[str, Any], name: str) -> str:
    """A text without space around it, storable and without secrets; empty where it is missing.

    Raises:
        UserError: it is none.
    """
    value = cells.get(name, "")
    if not isinstance(value, str):
        raise UserError(f"`{name}` is {shown(value)}; write it as one text")
    return outward(value.strip())


def name_cell(cells: Mapping[str, Any], name: str) -> str:
    """A text, or a whole number, as `text_cell`.

    Raises:
        UserError: it is neither.
    """
    value = cells.get(name, "")
    return str(value) if type(value) is int else text_cell(cells, name)


def texts_cell(cells: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A list of texts, or one, as `text_cell`; empty ones are none.

    Raises:
        UserError: it is no such list.
    """
    value = cells.get(name, [])
    several = [value] if isinstance(value, str) else value
    if not isinstance(several, list) or not all(isinstance(each, str) for each in several):
        raise UserError(f"`{name}` is {shown(value)}; write a list of texts")
    return tuple(outward(each.strip()) for each in several if each.strip())


def time_cell(value: Any, now: float) -> float:
    """When something happened, in seconds since 1970.

    Args:
        value: of a column `time`: ISO 8601 with a zone, or seconds since 1970.
        now: seconds since 1970; what is a day after it did not happen.

    Raises:
        UserError: it is no such time.
    """
    if value is None:
        raise UserError(f"`time` is missing; {WHEN}")
    if isinstance(value, str):
        try:
            read = datetime.fromisoformat(value.strip())
        except ValueError:
            raise UserError(f"`time` is {shown(value)}, which is no time; {WHEN}") from None
        if read.tzinfo is None:
            raise UserError(f"`time` is {shown(value)}, of no time zone; {WHEN}")
        seconds: int | float = read.timestamp()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value
    else:
        raise UserError(f"`time` is {shown(value)}; {WHEN}")
    if not FIRST <= seconds <= now + DAY:  # nor is NaN
        when = "lies in the future" if seconds > now else "is not after the year 2000"
        raise UserError(f"`time` is {shown(value)}, which {when}; {WHEN}")
    return float(seconds)


def flag_cell(cells: Mapping[str, Any], name: str) -> bool:
    """True or false; false where it is missing.

    Raises:
        UserError: it is neither.
    """
    value = cells.get(name, False)
    if not isinstance(value, bool):
        raise UserError(f"`{name}` is {shown(value)}; write true or false")
    return value


def amount_cell(cells: Mapping[str, Any], name: str) -> float | None:
    """A number, 0 or more; None where it is missing.

    Raises:
        UserError: it is none.
    """
    value = cells.get(name)
    if value is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value < 1e12:  # nor is NaN
        raise UserError(f"`{name}` is {shown(value)}; write a number, 0 or more")
    return float(value)


def count_cell(cells: Mapping[str, Any], name: str) -> int | None:
    """A whole number, 0 or more; None where it is missing.

    Raises:
        UserError: it is none.
    """
    value = amount_cell(cells, name)
    if value is not None and not value.is_integer():
        raise UserError(f"`{name}` is {shown(cells[name])}; write a whole number")
    return None if value is None else int(value)
