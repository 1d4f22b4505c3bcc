"""Rows of a Parquet file one by one, as those of JSON lines are read (`streaming.py`)."""

import json
import math
from collections.abc import Iterator
from datetime import date, datetime
from datetime import time as clock
from decimal import Decimal
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.reading import check_texts, printable
from common.rows.streaming import Line

SUFFIX = ".parquet"
BATCH = 1_000
"""Rows in memory."""


def stream_parquet(path: Path) -> Iterator[Line]:
    """Every row of a file, numbered from 1; times with a zone as ISO 8601, NaN as missing.

    Raises:
        UserError: the file cannot be read as Parquet.
    """
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH):
                for place in range(batch.num_rows):
                    number += 1
                    yield _line(number, batch.slice(place, 1))
    except (pa.ArrowException, OSError) as error:
        said = " ".join(str(error).split())[:160]
        raise UserError(
            f"{path} cannot be read as Parquet: {said}; write it anew, or as JSON lines"
        ) from error


def _line(number: int, batch: Any) -> Line:
    """A row; the text of one with a fault has what can be read of it, which a purge looks at."""
    plain: dict[str, Any] = {}
    fault = ""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        value, why = _cell(column[0])
        twice = name in plain
        plain[f"{name} again" if twice else name] = value
        why = "stands twice" if twice else why
        fault = fault or (f"the column {printable(name)!r} {why}" if why else "")
    text = json.dumps(plain, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
    if fault:
        return Line(number, text, None, fault)
    try:
        check_texts("", plain)
    except UserError as error:
        return Line(number, text, None, str(error).removeprefix(": "))
    return Line(number, text, plain)


def _cell(scalar: Any) -> tuple[Any, str]:
    """The value of a cell, and why it is none."""
    import pyarrow as pa

    try:
        return _plain(scalar.as_py()), ""
    except UnicodeDecodeError:
        raw = scalar.as_buffer().to_pybytes() if hasattr(scalar, "as_buffer") else b""
        said = raw.decode("utf-8", "backslashreplace")
        return said, "holds bytes that are not UTF-8; save it as UTF-8"
    except (ValueError, ArithmeticError, pa.ArrowException) as error:
        return None, f"holds what cannot be read: {printable(str(error))}"


def _plain(value: Any) -> Any:
    """What JSON would have in place of it; bytes are text, as some write all their texts."""
    if isinstance(value, float | Decimal):
        return None if math.isnan(value) else _number(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, datetime | date | clock):
        return value.isoformat()
    return value if value is None or isinstance(value, str | int) else str(value)


def _number(value: float | Decimal) -> float:
    return int(value) if math.isfinite(value) and value == int(value) else float(value)
