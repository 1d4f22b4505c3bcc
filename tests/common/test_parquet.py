"""Rows of Parquet: whatever a column holds, each is a row or has a fault, and the next is read."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from common.rows.parquet import stream_parquet

UNITS = ("s", "ms", "us", "ns")
FIXED = [
    *(pa.timestamp(unit, zone) for unit in UNITS for zone in (None, "UTC", "Mars/Olympus")),
    *map(pa.duration, UNITS), *map(pa.time32, UNITS[:2]), *map(pa.time64, UNITS[2:]),
    pa.date32(), pa.date64(), pa.float64(), pa.float32(), pa.float16(), pa.int64(), pa.uint64(),
    pa.decimal128(38, 4), pa.decimal256(76, 10), pa.binary(16),
]  # fmt: skip
"""Types of values of one length: any bytes are one."""


def one(kind, raw):
    """A column of one value, of a type and of bytes that say anything."""
    data = pa.py_buffer(raw[: kind.bit_width // 8])
    return pa.Array.from_buffers(kind, 1, [None, data])


def texts(raw):
    """The same bytes as a text that may be none, and as bytes."""
    offsets = pa.py_buffer(len(raw).to_bytes(8, "little")[:4].rjust(8, b"\0"))
    return [
        pa.Array.from_buffers(kind, 1, [None, offsets, pa.py_buffer(raw)])
        for kind in (pa.string(), pa.binary())
    ]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(FIXED), st.binary(min_size=32, max_size=32) | st.just(b"\xff" * 32))
def test_every_row_is_one_or_has_a_fault(tmp_path_factory, kind, raw):
    path = tmp_path_factory.getbasetemp() / "any.parquet"
    columns = [*texts(raw), one(kind, raw)]
    nested = pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), columns[2])
    struct = pa.StructArray.from_arrays(columns[1:], ["bytes", "value"])
    tables = [
        pa.table({"id": ["r"], "odd": each})
        for each in (*columns, nested, struct)
    ]  # fmt: skip
    for table in tables:
        try:
            pq.write_table(table, path)
        except (pa.ArrowException, OSError):
            assume(False)
        (line,) = stream_parquet(path)
        assert (line.row is None) == bool(line.fault)
        assert "\n" not in line.fault
        line.text.encode()
        if line.row is not None:
            assert line.row["id"] == "r"
            assert json.dumps(line.row) != json.dumps({"id": "r"})


def test_values_are_what_json_would_have(tmp_path):
    path = tmp_path / "a.parquet"
    row = {
        "texts": [b"caf\xc3\xa9", "two"][:1],
        "when": datetime(2026, 1, 31, 12, tzinfo=UTC),
        "whole": Decimal("1767225600.00"),
        "part": Decimal("0.25"),
        "inner": {"day": datetime(2026, 1, 31).date(), "none": float("nan")},
    }
    pq.write_table(pa.Table.from_pylist([row]), path)
    (line,) = stream_parquet(path)
    assert line.row == {
        "texts": ["café"], "when": "2026-01-31T12:00:00+00:00", "whole": 1_767_225_600,
        "part": 0.25, "inner": {"day": "2026-01-31", "none": None},
    }  # fmt: skip


@pytest.mark.parametrize("names", [["id", "id"], ["a", "id", "a"]])
def test_a_column_that_stands_twice_is_a_fault(tmp_path, names):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array(["x"])] * len(names), names=names), path)
    (line,) = stream_parquet(path)
    assert line.row is None and "stands twice" in line.fault


def test_what_can_be_read_of_a_row_with_a_fault_is_its_text(tmp_path):
    """A purge finds a contract there."""
    path = tmp_path / "a.parquet"
    odd = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\x06\0\0\0"), pa.py_buffer(b"rent \xff")]
    )
    far = pa.array([2**62], pa.duration("s"))
    pq.write_table(pa.table({"when": far, "said": odd, "contract": ["ACME"]}), path)
    (line,) = stream_parquet(path)
    assert line.row is None and "the column 'when' holds what cannot be read" in line.fault
    assert "rent" in line.text and "ACME" in line.text
