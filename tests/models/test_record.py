"""The record of promotions: a chain that shows every change, and lines that are whole or absent."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from models.promotion.champion import recover
from models.promotion.record.components import Components
from models.promotion.record.file import (
    FILE,
    append,
    drop_incomplete,
    read_records,
)
from models.promotion.record.line import (
    FIRST,
    Named,
    Record,
    chained,
    hash_of,
)
from models.promotion.refused import RefusedError
from tests.builders.promotion_data import dynasty, make_place
from tests.conftest import ROOT
from tests.seams import users


def record(model="a", statistics=None):
    return Record(
        kind="promotion",
        when="2026-01-01T00:00:00Z",
        who="Zoë",
        model=model,
        identity="1" * 64,
        parts=Components(adapter="2" * 64),
        manifest=None,
        code=None,
        dataset=None,
        gate=None,
        report=None,
        statistics=statistics,
        verdict="PROMOTE",
        previous=None,
        anchor=Named("a", "1" * 64),
    )


@pytest.fixture(scope="module")
def dynasty_of_three(tmp_path_factory):
    place = make_place(tmp_path_factory.mktemp("dynasty"), "a", "b", "c")
    dynasty(place, "a", "b", "c")
    return place


@pytest.fixture(scope="module")
def lines(dynasty_of_three):
    return (dynasty_of_three.folder / FILE).read_bytes().splitlines()


def quiet(line):
    """Swallow what is said."""


def test_lines_follow_each_other(lines):
    rows = [json.loads(line) for line in lines]
    assert [row["number"] for row in rows] == [1, 2, 3]
    assert [row["before"] for row in rows] == [FIRST, rows[0]["hash"], rows[1]["hash"]]
    assert len({row["hash"] for row in rows}) == 3


def test_no_file_is_no_promotion(tmp_path):
    assert read_records(tmp_path) == ()


@given(
    statistics=st.dictionaries(
        st.text(),
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    )
)
def test_what_is_appended_is_read_back(tmp_path_factory, statistics):
    folder = tmp_path_factory.mktemp("chain")
    if any(value in (float("inf"), float("-inf")) for value in statistics.values()):
        with pytest.raises(UserError, match="cannot be recorded"):
            chained((), record(statistics=statistics))
        return
    first = chained((), record(statistics=statistics))
    second = chained((first,), record("b"))
    append(folder, first)
    append(folder, second)
    assert read_records(folder) == (first, second)


def leaves(value, path=()):
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list) and value:
        for key, inner in enumerate(value):
            yield from leaves(inner, (*path, key))
    else:
        yield path


def other(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if value is None:
        return "0" * 64
    return f"{value}0" if value else "0"


def changed(line, path):
    row = json.loads(line)
    inner = row
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = other(inner[path[-1]])
    return json.dumps(row, sort_keys=True, separators=(",", ":")).encode()


@given(data=st.data())
def test_a_change_of_any_field_is_found_where_it_is(lines, tmp_path_factory, data):
    number = data.draw(st.integers(0, 2), label="line")
    path = data.draw(st.sampled_from(list(leaves(json.loads(lines[number])))), label="field")
    folder = tmp_path_factory.mktemp("tampered")
    forged = [*lines[:number], changed(lines[number], path), *lines[number + 1 :]]
    (folder / FILE).write_bytes(b"\n".join(forged) + b"\n")
    with pytest.raises(RefusedError, match=f"{FILE}, line {number + 1}: "):
        read_records(folder)


def test_every_field_is_among_those_changed(lines):
    fields = {path[0] for path in leaves(json.loads(lines[1]))}
    rare = {
        "reason",
        "override",
        "approval",
    }  # of other kinds of line: test_approve.py changes them
    assert fields == set(asdict(record())) - rare


def test_a_change_with_a_new_hash_is_found_in_the_next_line(lines, dynasty_of_three, tmp_path):
    forged = replace(read_records(dynasty_of_three.folder)[1], who="mallory")
    forged = replace(forged, hash=hash_of(forged))
    (tmp_path / FILE).write_bytes(b"\n".join([lines[0], forged.line, lines[2]]) + b"\n")
    with pytest.raises(RefusedError, match="line 3: it does not follow the line before"):
        read_records(tmp_path)


@pytest.mark.parametrize(
    ("kept", "found"), [((1, 2), 1), ((0, 2), 2), ((0, 2, 1), 2), ((0, 0, 1, 2), 2)]
)
def test_lines_removed_swapped_or_repeated_are_found(lines, tmp_path, kept, found):
    (tmp_path / FILE).write_bytes(b"".join(lines[number] + b"\n" for number in kept))
    with pytest.raises(RefusedError, match=f"line {found}: it does not follow"):
        read_records(tmp_path)


@pytest.mark.parametrize("line", [b"", b"[]", b"nonsense", b"{}", b"\xff", b"{" * 5])
def test_a_line_that_is_none_is_found(lines, tmp_path, line):
    (tmp_path / FILE).write_bytes(b"\n".join([lines[0], line, lines[1]]) + b"\n")
    with pytest.raises(RefusedError, match="line 2: it is not a promotion"):
        read_records(tmp_path)


@given(data=st.data())
def test_no_byte_can_be_changed_unseen(dynasty_of_three, data):
    place = dynasty_of_three
    path = place.folder / FILE
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != whole[at]))
    path.write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
    try:
        with pytest.raises(RefusedError):
            recover(place.folder, place.registry, quiet)
    finally:
        path.write_bytes(whole)


@given(data=st.data())
def test_a_line_cut_by_a_crash_is_dropped_and_said(lines, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("cut")
    length = data.draw(st.integers(1, len(lines[2]) - 1))
    (folder / FILE).write_bytes(b"\n".join([lines[0], lines[1], lines[2][:length]]))
    assert len(read_records(folder)) == 2
    assert f"incomplete last line ({length} bytes)" in drop_incomplete(folder)
    assert (folder / FILE).read_bytes() == lines[0] + b"\n" + lines[1] + b"\n"
    assert drop_incomplete(folder) is None


def test_a_whole_line_that_lost_its_end_is_kept(lines, tmp_path):
    (tmp_path / FILE).write_bytes(b"\n".join(lines))
    assert len(read_records(tmp_path)) == 3
    assert "it was added" in drop_incomplete(tmp_path)
    assert (tmp_path / FILE).read_bytes() == b"\n".join(lines) + b"\n"


def test_an_incomplete_line_that_the_champion_rests_on_is_not_dropped(tmp_path):
    place = make_place(tmp_path, "a", "b")
    dynasty(place, "a", "b")
    path = place.folder / FILE
    path.write_bytes(path.read_bytes()[:-9])
    cut = path.read_bytes()
    with pytest.raises(RefusedError, match="lines were removed"):
        recover(place.folder, place.registry, quiet)
    assert path.read_bytes() == cut


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from tests.models.test_record import record
from models.promotion.record.file import append, read_records
from models.promotion.record.line import chained
from common.errors import UserError
folder = Path(sys.argv[1])
append(folder, chained((), record()))
size = (folder / "promotions.jsonl").stat().st_size
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, size + 100))
try:
    append(folder, chained(read_records(folder), record("b")))
except UserError as error:
    print(error)
"""


def test_a_full_disk_leaves_the_record_as_it_was(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "nothing was promoted" in done.stdout
    assert [r.model for r in read_records(tmp_path)] == ["a"]
    assert drop_incomplete(tmp_path) is None


def test_what_is_examined_knows_nothing_of_promotion():
    inside = {path for path in users("models.promotion") if path.startswith("models/")}
    derived = ("models/promotion/", "models/published/")
    assert {path for path in inside if not path.startswith(derived)} == {
        "models/promote.py",
        "models/evidence.py",
        "models/publish.py",
        "models/approve.py",
        "models/push.py",
        "models/pull.py",
        "models/egress.py",  # where data may be sent stands in the policy
        *(f"models/serve/{name}.py" for name in ("__main__", "opened", "roster")),
    }
