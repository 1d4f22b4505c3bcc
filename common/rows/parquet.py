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
    import pyarrow as pa

    plain: dict[str, Any] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name in plain:
            return Line(number, "", None, f"the column {printable(name)!r} stands twice")
        try:
            plain[name] = _plain(column[0].as_py())
        except UnicodeDecodeError:
            return Line(number, "", None, "holds bytes that are not UTF-8; save it as UTF-8")
        except (ValueError, ArithmeticError, pa.ArrowException) as error:
            said = printable(str(error))
            return Line(number, "", None, f"`{printable(name)}` cannot be read: {said}")
    text = json.dumps(plain, ensure_ascii=False)
    try:
        check_texts("", plain)
    except UserError as error:
        visible = text.encode("utf-8", "backslashreplace").decode()
        return Line(number, visible, None, str(error).removeprefix(": "))
    return Line(number, text, plain)


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
