"""Rows of a Parquet file one by one, as those of JSON lines are read (`streaming.py`)."""

import json
import math
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.reading import check_texts
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
    try:
        (row,) = batch.to_pylist()
    except UnicodeDecodeError:
        return Line(number, "", None, "holds bytes that are not UTF-8; save it as UTF-8")
    plain = {name: _plain(value) for name, value in row.items()}
    text = json.dumps(plain, ensure_ascii=False, default=str)
    try:
        check_texts("", plain)
    except UserError as error:
        return Line(number, text, None, str(error).removeprefix(": "))
    return Line(number, text, plain)


def _plain(value: Any) -> Any:
    """What JSON would have in place of it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return None if math.isnan(value) else int(value) if value.is_integer() else value
    return value
