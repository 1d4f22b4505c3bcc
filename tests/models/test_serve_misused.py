"""The champion in service: sent nonsense, left in the middle, or without what it stands on."""

import asyncio
import contextlib
import json
import signal
import socket
import time
from dataclasses import replace

import pytest

from common.errors import UserError
from fixtures.retrieval.retrieval import Retriever, RetrieverOptions
from fixtures.served import Served, read_served, writing
from models.serve.asked import question_of
from models.serve.log import KEY, Log
from models.serve.roster import Roster
from models.serve.service import Service
from tests.builders.in_service import in_service
from tests.builders.promotion_data import dynasty, make_place

LAW = "This Agreement is governed by the law of Ohio."
ROW = Served("1", time.time(), "Q?", "", (), "yes", "a")


@pytest.fixture
def place(tmp_path):
    return make_place(tmp_path / "repository", "a", "b")


@pytest.fixture
def log(tmp_path):
    return tmp_path / "served"


def sent(port, head, body=b"", *, reads=True):
    """Bytes as they are; the first line of what came back, where it is waited for."""
    given = f"Host: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        with contextlib.suppress(OSError):  # it may be refused before its end
            connection.sendall(head.replace("HERE", given).encode() + body)
        return connection.recv(4096).split(b"\r\n")[0].decode() if reads else ""


POST = "POST /v1/answers HTTP/1.1\r\nHERE"


def test_nonsense_and_clients_that_go_away_leave_it_answering_and_no_traceback(place, log):
    dynasty(place, "a")
    asked = json.dumps({"question": "Which law?", "passages": [LAW] * 500}).encode()
    whole = f"{POST}Content-Length: {len(asked)}\r\n\r\n"
    with in_service(place, log) as service:
        for head, body in (
            ("\x16\x03\x01\x02", b"\xff\0"),
            (f"{POST}Content-Length: -5\r\n\r\n", b""),
            (f"{POST}Content-Length: 5\r\nContent-Length: 7\r\n\r\n", b"abcde"),
            (f"{POST}Transfer-Encoding: chunked\r\n\r\n", b"zz\r\n"),
            (f"{POST}Content-Length: 40000000\r\n\r\n", b"x" * 40_000_000),
        ):
            assert " 400 " in sent(service.port, head, body)
        for _ in range(5):
            sent(service.port, f"{POST}Content-Length: 500\r\n\r\n", b'{"quest', reads=False)
            sent(service.port, whole, asked, reads=False)
        odd = [b'{"question": "%s", "passages": ["x"]}' % each for each in (b"\\ud800", b"\xff")]
        for body in (*odd, b"[" * 100_000, b"9" * 5_000, b"\x1f\x8b", b"", b"null"):
            status, _, said = service.send("POST", "/v1/answers", body)
            assert (status, said["error"]["code"]) == (400, "bad_request")
        assert service.question("Which law?", [LAW])[0] == 200
        assert service.health()["status"] == "ok"
        assert service.end() == 0
    assert "Traceback" not in service.said


def test_what_is_said_to_be_written_can_be_read_and_a_row_too_long_is_lost(log):
    kept = Log(log)

    async def run():
        long = replace(ROW, id="long", passages=("word " * 1_000_000, "x" * 4_000_000))
        return [await kept.write(each) for each in (ROW, long, replace(ROW, id="2"))]

    assert asyncio.run(run()) == [True, False, True]
    assert (kept.written, kept.lost, kept.why) == (2, 1, "")
    assert [row.id for row in read_served([log], log.parent)] == ["1", "2"]


@pytest.mark.parametrize("key", [b"", b"ab", b"no key at all", b"\xff\xfe\0"])
def test_a_key_that_is_none_never_digests_a_name(log, key):
    """With an empty key anybody could guess who asked."""
    log.mkdir()
    (log / KEY).write_bytes(key)
    kept = Log(log)

    async def run():
        assert not await kept.write(ROW, "ann")
        assert ".key" in kept.why
        assert await kept.write(ROW)
        (log / KEY).unlink()
        assert await kept.write(replace(ROW, id="2"), "ann")

    asyncio.run(run())
    assert [bool(row.user) for row in read_served([log], log.parent)] == [False, True]


def test_it_ends_though_another_process_holds_the_log_and_says_what_is_lost(place, log):
    dynasty(place, "a")
    with in_service(place, log, "--grace", "1") as service:
        assert service.chat("Why?")[1]["x-served-log"] == "written"
        with writing(log):
            assert service.chat("Why?")[1]["x-served-log"] == "lost"
            assert service.end(signal.SIGTERM) == 0
        assert "1 answered requests are not in the log" in service.said
        assert "Traceback" not in service.said
    assert len(list(read_served([log], log.parent))) == 1


def test_passages_that_cannot_be_found_are_this_machines_fault_and_logged(place, log, tmp_path):
    dynasty(place, "a")
    (tmp_path / "file").write_text("in the way")
    roster = Roster(place.folder, place.registry)

    class Broken(Retriever):
        def retrieve(self, *_):
            raise UserError("the index is broken; free space there")

    service = Service(roster, Log(log), Broken(RetrieverOptions(kind="bm25"), "s", tmp_path))
    asked = question_of(json.dumps({"question": "Q?", "text": LAW}).encode())

    async def run():
        await roster.start()
        return await service.answer(asked, "answer")

    given = asyncio.run(run())
    assert given.logged and "the index is broken" in given.answer.error
    (row,) = read_served([log], log.parent)
    assert row.answer == "" and "the index is broken" in row.error
