"""Rows of what people say of answers: how their columns are read, in service and in training."""

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from common.errors import UserError
from common.reading import printable
from common.settings import nearest

THUMBS = {"up": 1.0, "down": 0.0}
"""Scores that are given by a word."""

OTHERWISE = {"corrected": "corrected answer"}


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


def thumb(value: Any) -> float | None:
    """The score that a word is; None where it is none.

    >>> thumb(" Up"), thumb("3")
    (1.0, None)
    """
    return THUMBS.get(value.strip().lower()) if isinstance(value, str) else None
