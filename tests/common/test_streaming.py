"""JSON lines one by one: what is no row is said to be none, and the next is read."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from common.rows import streaming
from common.rows.streaming import stream_jsonl

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


@given(st.lists(st.binary(max_size=40) | st.dictionaries(st.text(max_size=5), VALUES), max_size=8))
def test_every_line_is_a_row_or_has_a_fault(tmp_path_factory, lines):
    path = tmp_path_factory.getbasetemp() / "stream.jsonl"
    raw = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines]
    path.write_bytes(b'{"first": 1}\n' + b"\n".join(each.replace(b"\n", b" ") for each in raw))
    found = list(stream_jsonl(path))
    assert [each.number for each in found] == [
        1, *(n for n, each in enumerate(raw, start=2) if each.replace(b"\n", b" ").strip()),
    ]  # fmt: skip
    assert all((line.row is None) == bool(line.fault) for line in found)
    assert all("\n" not in line.fault for line in found)
    wanted = [each for each in lines if isinstance(each, dict) and "\0" not in json.dumps(each)]
    rows = [line.row for line in found[1:] if line.row is not None]
    assert all(each in rows for each in wanted if not _odd(each))


def _odd(value):
    """Holds what cannot be stored."""
    text = json.dumps(value, ensure_ascii=False)
    return "\\u0000" in text or any(0xD800 <= ord(char) <= 0xDFFF for char in text)


def test_a_line_without_end_is_passed_over_in_little_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "LONGEST", 1000)
    path = tmp_path / "long.jsonl"
    with path.open("wb") as file:
        file.write(b'{"a": 1}\n{"a": "')
        for _ in range(200):
            file.write(b"x" * 100_000)
        file.write(b'"}\n{"a": 2}\n{"a": 3}')
    tracemalloc.start()
    try:
        found = list(stream_jsonl(path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [line.row for line in found] == [{"a": 1}, None, {"a": 2}, {"a": 3}]
    assert "is longer than" in found[1].fault
    assert peak < 1_000_000


def test_a_mark_at_the_beginning_is_no_part_of_the_first_row(tmp_path):
    (tmp_path / "f.jsonl").write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\r\n{"a": 2}\r\n')
    assert [(line.number, line.row) for line in stream_jsonl(tmp_path / "f.jsonl")] == [
        (1, {"a": 1}),
        (3, {"a": 2}),
    ]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\x1f\x8b\x08\x00", "is compressed; type `gunzip"),
        ('{"a": 1}'.encode("utf-16"), "it is UTF-16"),
        ('{"a": 1}'.encode("utf-16-le"), "it is UTF-16"),
    ],
)
def test_what_is_no_text_is_one_line(tmp_path, data, says):
    (tmp_path / "f.jsonl").write_bytes(data)
    with pytest.raises(UserError, match=says):
        list(stream_jsonl(tmp_path / "f.jsonl"))


def test_an_empty_file_has_no_line(tmp_path):
    (tmp_path / "f.jsonl").write_bytes(b"")
    assert list(stream_jsonl(tmp_path / "f.jsonl")) == []
