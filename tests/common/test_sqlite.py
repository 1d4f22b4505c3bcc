"""All of a transaction, or nothing."""

import sqlite3

import pytest

from common.errors import UserError
from common.sqlite import transaction, usable


@pytest.fixture
def base(tmp_path):
    connection = sqlite3.connect(tmp_path / "a.sqlite", isolation_level=None)
    connection.execute("create table kept (n integer)")
    yield connection
    connection.close()


def rows(base):
    return [n for (n,) in base.execute("select n from kept")]


def test_what_fails_leaves_nothing_and_the_next_begins_anew(base):
    with pytest.raises(KeyboardInterrupt), transaction(base):
        base.execute("insert into kept values (1)")
        raise KeyboardInterrupt
    with transaction(base):
        base.execute("insert into kept values (2)")
    assert rows(base) == [2]


def test_a_full_disk_is_said_though_it_has_rolled_back_already(base):
    pages = base.execute("pragma page_count").fetchone()[0]
    base.execute(f"pragma max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError, match="full"), transaction(base):
        base.execute("create table more (text)")
        base.execute("insert into more values (zeroblob(1000000))")
    assert rows(base) == []
    base.execute("pragma max_page_count = 1000")
    with transaction(base):
        base.execute("insert into kept values (3)")
    assert rows(base) == [3]


@pytest.mark.parametrize("content", [b"no database, but long enough for a header" * 9, None])
def test_what_is_wrong_with_a_file_is_one_line(tmp_path, content):
    path = tmp_path / "a.sqlite"
    path.mkdir() if content is None else path.write_bytes(content)
    with (
        pytest.raises(UserError, match=r"a\.sqlite cannot be used: .*; name another"),
        usable(path, "name another"),
    ):
        sqlite3.connect(path).execute("select * from sqlite_master").fetchall()
