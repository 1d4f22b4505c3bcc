"""The store: kept, refused when foreign, whole when the disk is full."""

import asyncio
import contextlib
import sqlite3

import pytest

from common.errors import UserError
from evals.calls.journal import Journal
from evals.calls.rows import Row, answer_from, answer_row
from evals.calls.store import Store, masked
from evals.calls.unwritable import UnwritableError
from fixtures.cases import Contract
from fixtures.retrieval.passages import Passage
from models.chat import Answer

CONTRACT = Contract("c", "The term is two years. Either party may end it.")

ANSWER = Answer(
    "two years", 12, 3, 0.25, "stop",
    passages=(Passage("c", 12, 22, CONTRACT.text[12:22]),), confidence=-0.5,
)  # fmt: skip


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return str(tmp_path / "s.sqlite")
    return request.getfixturevalue("postgresql_url")


def message_of(url):
    with pytest.raises(UserError) as raised:
        Store(str(url))
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_answers_come_back_as_they_were(url):
    Store(url).add([answer_row("k", "m", ANSWER)])
    rows = Store(url).rows("answers", ["k", "absent"])
    assert set(rows) == {"k"}
    assert answer_from(rows["k"], CONTRACT) == ANSWER


def test_a_row_is_written_once(url):
    store = Store(url)
    store.add([Row("scores", "k", {"metric": "m", "value": 1.0, "reason": ""})])
    store.add([Row("scores", "k", {"metric": "m", "value": 0.0, "reason": ""})])
    assert store.rows("scores", ["k"])["k"].value == 1.0


def test_many_keys_are_read_in_pieces(url):
    store = Store(url)
    keys = [f"k{n}" for n in range(1700)]
    store.add([Row("retrievals", key, {"passages": "[]"}) for key in keys])
    assert set(store.rows("retrievals", keys)) == set(keys)


def test_corrupt_store_names_the_command_that_mends_it(tmp_path):
    path = tmp_path / "s.sqlite"
    path.write_bytes(b"this is not a database, it is a text" * 100)
    assert f"mv {path} {path}.broken" in message_of(path)


def test_foreign_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "s.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("create table accounts (id integer)")
    assert "another program" in message_of(path)
    with sqlite3.connect(path) as connection:
        tables = connection.execute("select name from sqlite_master").fetchall()
    assert tables == [("accounts",)]


def test_store_of_another_version_is_refused_and_kept(tmp_path):
    path = tmp_path / "s.sqlite"
    Store(str(path)).close()
    with sqlite3.connect(path) as connection:
        connection.execute("update meta set value = '0'")
    assert "version 0" in message_of(path)
    assert path.exists()


def test_unwritable_place_and_nonsense_url(tmp_path):
    (tmp_path / "file").write_text("")
    assert "--store" in message_of(tmp_path / "file" / "s.sqlite")
    assert "--store" in message_of("nonsense://x")


def test_passwords_are_not_shown():
    assert masked("--store postgresql://me:secret@host/x") == "--store postgresql://me:***@host/x"
    assert "secret" not in message_of("nonsense://me:secret@host/x")


def test_full_disk_keeps_everything_before(tmp_path):
    from sqlalchemy import event, text

    store = Store(str(tmp_path / "s.sqlite"))
    store.add([answer_row("before", "m", ANSWER)])

    @event.listens_for(store._engine, "connect")
    def limit(connection, _record):
        connection.execute("PRAGMA max_page_count=20")

    store._engine.dispose()
    big = [answer_row(f"k{n}", "m", Answer("x" * 5000)) for n in range(100)]
    with pytest.raises(UserError, match="what was answered is kept") as raised:
        store.add(big)
    assert "full" in str(raised.value)
    store.close()
    kept = Store(str(tmp_path / "s.sqlite"))
    assert set(kept.rows("answers", ["before", "k0"])) == {"before"}
    with kept._engine.connect() as connection:
        assert connection.execute(text("pragma integrity_check")).scalar_one() == "ok"


def test_a_row_that_came_after_the_store_had_failed_is_unkept_too(tmp_path):
    class Full(Store):
        def add(self, rows):
            raise UnwritableError("full", "space")

    store = Full(str(tmp_path / "s.sqlite"))

    async def write():
        async with Journal(store) as journal:
            await journal.add(Row("answers", "first", {}))
            with contextlib.suppress(UserError):
                journal.add(Row("answers", "second", {}))
            unkept.append(journal.unkept)

    unkept = []
    with pytest.raises(UserError):
        asyncio.run(write())
    store.close()
    assert unkept == [{"first", "second"}]
