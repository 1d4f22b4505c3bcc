"""Rows that a store holds and this program did not write."""

import json
import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

from common.errors import UserError

NUMBER = int | float

COLUMNS: Mapping[str, Mapping[str, Any]] = {
    "retrievals": {"passages": str},
    "answers": {
        "text": str,
        "tokens_in": int,
        "tokens_out": int,
        "latency": NUMBER,
        "finish_reason": str,
        "confidence": NUMBER | None,
        "passages": str,
        "reasoning": str | None,
        "cost": str | None,
    },
    "scores": {"value": NUMBER, "reason": str | None, "cost": str | None},
    "payments": {"exam": str, "call": str, "state": str, "cost": str},
}
"""What is read back, and of which kinds it must be."""

DOLLARS = r"[0-9]{1,16}(\.[0-9]{1,12})?"


def odd_row(url: str, dialect: str, table: str, key: str, fault: str) -> UserError:
    """The line about a row that this program did not write, with the way out."""
    where = f"delete from {table} where key = '{key}'"
    aside = f", or put the store aside: `mv {url} {url}.odd`" if dialect == "sqlite" else ""
    return UserError(
        f"store {url} holds an odd row: {table} {key[:16]} {fault}; remove it with the SQL "
        f"{where}{aside}"
    )


def odd(table: str, row: Any) -> str | None:
    """What is wrong with a row that was read, so that nobody works with it; None if nothing is.

    SQLite keeps whatever is put into a column.
    """
    for column, kinds in COLUMNS.get(table, {}).items():
        value = getattr(row, column)
        if not isinstance(value, kinds) or (isinstance(value, float) and not isfinite(value)):
            return f"has {column} = {value!r:.40}"
    if table in ("answers", "retrievals") and not _are_offsets(row.passages):
        return f"has passages = {row.passages!r:.40}, which is no list of offsets"
    cost = getattr(row, "cost", None)
    if cost is not None and not re.fullmatch(DOLLARS, cost):
        return f"has cost = {cost!r:.40}, which are no dollars"
    return None


def _are_offsets(passages: str) -> bool:
    try:
        pairs = json.loads(passages)
        return all(
            type(start) is int and type(end) is int and 0 <= start <= end for start, end in pairs
        )
    except (ValueError, TypeError, RecursionError):
        return False
