"""The download, against a real HTTP server on the loopback interface that can misbehave."""

import hashlib
import json
import resource
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pytest

from fixtures import download, paths, transfer
from fixtures.archive import MANIFEST, STORED, installed
from fixtures.download import fetch, main
from fixtures.errors import UserError
from fixtures.transfer import Source

ROOT = Path(__file__).parents[1]
NEW = {"CUADv1.json": b'{"data": ["new"]}', "test.json": b'{"data": ["new test"]}'}
OLD = {"CUADv1.json": b'{"data": ["old"]}', "test.json": b'{"data": ["old test"]}'}


def packed(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


class Server(ThreadingHTTPServer):
    """Serves `body`; `cuts` holds after how many bytes each coming response is cut."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.ranges, self.status, self.cuts = b"", True, 200, []
        self.requests: list[tuple[str | None, int]] = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/data.zip"

    def source(self, body=None):
        return Source("loopback", self.url, sha256(self.body if body is None else body))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        wanted = self.headers["Range"]
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.ranges else 0
        if server.status != 200 or (start and start >= len(server.body)):
            server.requests.append((wanted, 0))
            self.send_error(server.status if server.status != 200 else 416)
            return
        rest = server.body[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(rest)))
        if start:
            total = len(server.body)
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        self.end_headers()
        sent = rest[: server.cuts.pop(0)] if server.cuts else rest
        self.wfile.write(sent)
        server.requests.append((wanted, len(sent)))

    def log_message(self, *args):
        pass


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def server():
    with Server() as running:
        running.body = packed(NEW)
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def closed_url():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return f"http://127.0.0.1:{port}/data.zip"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


def contents(folder):
    """What lies in a folder, without the lock."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file() and p.name != ".lock"}


def holds(folder, members):
    found = contents(folder)
    found.pop(MANIFEST)
    return found == {STORED[name]: body for name, body in members.items()}


def arguments(folder, source):
    return ["cuad", "--to", str(folder), "--url", source.url, "--sha256", source.sha256]


def run(folder, source):
    return main(arguments(folder, source))


def test_full_download_says_where_it_lies_and_what_is_next(server, tmp_path, capsys):
    folder = tmp_path / "a folder"
    assert run(folder, server.source()) == 0
    assert holds(folder, NEW)
    assert not (folder / ".unpack").exists()
    out, err = capsys.readouterr()
    assert err == ""
    assert str(folder) in out
    assert "CC BY 4.0" in out
    assert f"Next: pytest evals --dataset cuad --cuad-dir '{folder}' --limit 60" in out
    assert "arXiv 2103.06268" in json.loads((folder / MANIFEST).read_text())["attribution"]


def test_already_present_is_not_fetched_again(server, tmp_path, capsys):
    fetch(tmp_path, [server.source()])
    before = {p: p.stat().st_mtime_ns for p in tmp_path.iterdir() if p.suffix == ".json"}
    assert run(tmp_path, server.source()) == 0
    assert len(server.requests) == 1
    assert before == {p: p.stat().st_mtime_ns for p in tmp_path.iterdir() if p.suffix == ".json"}
    assert "already holds CUAD" in capsys.readouterr().out


def test_a_damaged_file_is_fetched_again(server, tmp_path):
    fetch(tmp_path, [server.source()])
    (tmp_path / "test.json").write_bytes(b"{}")
    fetch(tmp_path, [server.source()])
    assert holds(tmp_path, NEW)
    assert len(server.requests) == 2


def test_a_cut_connection_is_continued_with_the_rest_only(server, tmp_path):
    server.cuts = [100, 50]
    fetch(tmp_path, [server.source()])
    rest = len(server.body) - 150
    assert server.requests == [(None, 100), ("bytes=100-", 50), ("bytes=150-", rest)]
    assert holds(tmp_path, NEW)


def test_the_next_run_continues_what_a_dying_server_left(server, tmp_path, capsys):
    server.cuts = [100] + [0] * 4
    assert run(tmp_path, server.source()) == 4
    assert "cut the connection; the same command continues" in capsys.readouterr().err
    assert [body[:100] for body in contents(tmp_path).values()] == [server.body[:100]]
    server.requests.clear()
    assert run(tmp_path, server.source()) == 0
    assert server.requests == [("bytes=100-", len(server.body) - 100)]


def test_a_server_without_range_starts_again(server, tmp_path):
    server.ranges, server.cuts = False, [100]
    fetch(tmp_path, [server.source()])
    assert server.requests == [(None, 100), ("bytes=100-", len(server.body))]
    assert holds(tmp_path, NEW)


@pytest.mark.parametrize("length", [10, 100_000])
def test_a_foreign_part_is_thrown_away(server, tmp_path, length):
    (tmp_path / f".{server.source().sha256}.part").write_bytes(b"x" * length)
    fetch(tmp_path, [server.source()])
    assert holds(tmp_path, NEW)
    assert server.requests[-1] == (None, len(server.body))


def test_wrong_checksum_leaves_nothing(server, tmp_path, capsys):
    assert run(tmp_path, server.source(b"something else")) == 4
    assert contents(tmp_path) == {}
    err = capsys.readouterr().err
    assert err.startswith("ERROR: CUAD could not be fetched: 127.0.0.1:")
    assert sha256(server.body) in err
    assert err.count("\n") == 1


def test_wrong_checksum_keeps_the_old_files(server, tmp_path):
    fetch(tmp_path, [server.source()])
    before = contents(tmp_path)
    assert run(tmp_path, server.source(b"something else")) == 4
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "member", ["../test.json", "/etc/test.json", "a/../../test.json", "..\\test.json", "C:/x.json"]
)
def test_a_member_that_points_outside_is_refused(server, tmp_path, member, capsys):
    folder = tmp_path / "cuad"
    server.body = packed({**NEW, member: b"{}"})
    assert run(folder, server.source()) == 4
    assert "points outside" in capsys.readouterr().err
    assert contents(folder) == {}
    assert [p.name for p in tmp_path.iterdir()] == ["cuad"]


def test_an_absurd_size_is_refused_before_it_is_written(server, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("fixtures.archive.MEMBER_LIMIT", 1 << 20)
    server.body = packed({"CUADv1.json": b"0" * (2 << 20)}, zipfile.ZIP_DEFLATED)
    assert run(tmp_path, server.source()) == 4
    assert "CUADv1.json unpacks to 2 MiB" in capsys.readouterr().err
    assert contents(tmp_path) == {}


def test_an_endless_archive_is_refused(server, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(transfer, "ARCHIVE_LIMIT", 100)
    assert run(tmp_path, server.source()) == 4
    assert "not CUAD" in capsys.readouterr().err
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>please log in</html>", "not a zip"),
        (packed({"test.json": b"{}"}), "no CUADv1.json"),
        (packed({"CUADv1.json": b"{}", "b/CUAD_v1.json": b"{}"}), "two members"),
    ],
)
def test_what_is_not_cuad_is_refused(server, tmp_path, body, reason, capsys):
    server.body = body
    assert run(tmp_path, server.source()) == 4
    assert reason in capsys.readouterr().err
    assert contents(tmp_path) == {}


def test_other_members_are_left_out(server, tmp_path):
    noise = {"__MACOSX/._CUADv1.json": b"x", "CUAD_v1/README.txt": b"x", "deep/test.json/": b""}
    server.body = packed({**NEW, **noise})
    fetch(tmp_path, [server.source()])
    assert holds(tmp_path, NEW)


def test_the_second_source_stands_in_and_is_improved_upon_later(server, tmp_path, capsys):
    first = Source("first", server.url.replace("data", "gone"), "0" * 64)
    archive = packed({"CUAD_v1/CUAD_v1.json": b'{"data": []}'})
    second = tmp_path / "CUAD_v1.zip"
    second.write_bytes(archive)
    sources = [first, Source("second", second.as_uri(), sha256(archive))]
    server.status = 503
    folder = tmp_path / "cuad"
    result = fetch(folder, sources)
    assert result.source == "second"
    assert list(result.files) == ["CUAD_v1.json"]
    assert "first answered 503 Service Unavailable; second stood in" in capsys.readouterr().err

    second.unlink()
    assert fetch(folder, sources) == result
    server.status = 200
    assert fetch(folder, [server.source(), sources[1]]).source == "loopback"
    assert holds(folder, NEW)


def test_without_a_test_split_the_closing_line_says_so(tmp_path, capsys):
    archive = packed({"CUAD_v1/CUAD_v1.json": b'{"data": []}'})
    (tmp_path / "z.zip").write_bytes(archive)
    source = Source("", (tmp_path / "z.zip").as_uri(), sha256(archive))
    assert run(tmp_path / "cuad", source) == 0
    out = capsys.readouterr().out
    assert "no test.json" in out
    assert "--split all --limit 60" in out


def test_files_that_are_no_longer_part_of_it_go(server, tmp_path):
    fetch(tmp_path, [server.source()])
    server.body = packed({"CUADv1.json": OLD["CUADv1.json"]})
    fetch(tmp_path, [server.source()])
    assert holds(tmp_path, {"CUADv1.json": OLD["CUADv1.json"]})


def test_offline_is_one_line(closed_url, tmp_path, capsys, monkeypatch):
    sources = (Source("first", closed_url, "0" * 64), Source("second", closed_url, "1" * 64))
    monkeypatch.setattr(download, "SOURCES", sources)
    assert main(["cuad", "--to", str(tmp_path)]) == 4
    err = capsys.readouterr().err
    assert "first cannot be reached (Connection refused); second cannot be reached (" in err
    assert "--url file:///" in err
    assert err.count("\n") == 1


def test_an_unknown_host_and_a_refusing_proxy_are_one_line_each(
    server, tmp_path, capsys, monkeypatch
):
    assert run(tmp_path, Source("", "http://nowhere.invalid/data.zip", "0" * 64)) == 4
    first = capsys.readouterr().err
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("https_proxy", server.url)
    assert run(tmp_path, Source("", "https://nowhere.invalid/data.zip", "0" * 64)) == 4
    second = capsys.readouterr().err
    assert "nowhere.invalid cannot be reached (" in first
    assert "nowhere.invalid cannot be reached (Tunnel connection failed: 501" in second
    assert first.count("\n") == second.count("\n") == 1


def in_another_process(script, folder, source, **options):
    return subprocess.run(
        [sys.executable, "-c", script, *arguments(folder, source)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_no_room_to_download_or_to_unpack(server, tmp_path, compression):
    fetch(tmp_path, [server.source()])
    before = contents(tmp_path)
    server.body = packed({"CUADv1.json": b"0" * (2 << 20)}, compression)
    done = in_another_process(
        "import sys; from fixtures.download import main; sys.exit(main())",
        tmp_path,
        server.source(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)),
    )
    assert done.returncode == 4
    assert "File too large" in done.stderr
    assert done.stderr.count("\n") == 1
    assert contents(tmp_path) == before
    assert not (tmp_path / ".unpack").exists()


KILLED_BEFORE_MOVE = """
import os, signal, sys
from pathlib import Path
from fixtures.download import main
moves, replace = [], Path.replace
def counted(self, target):
    if len(moves) == {moved}:
        os.kill(os.getpid(), signal.SIGKILL)
    moves.append(target)
    return replace(self, target)
Path.replace = counted
sys.exit(main())
"""


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_killed_between_moves_every_file_is_whole_and_the_next_run_finishes(
    server, tmp_path, moved, closed_url
):
    old = packed(OLD)
    server.body = old
    fetch(tmp_path, [server.source()])
    server.body = packed(NEW)
    source = server.source()
    done = in_another_process(KILLED_BEFORE_MOVE.format(moved=moved), tmp_path, source)
    assert done.returncode == -signal.SIGKILL
    names = ("CUADv1.json", "test.json")
    expected = [NEW[n] if i < moved - 1 else OLD[n] for i, n in enumerate(names)]
    found = [(tmp_path / STORED[n]).read_bytes() for n in names]
    assert found == expected
    assert (installed(tmp_path) is not None) == (moved == 0)

    fetch(tmp_path, [Source("offline", closed_url, source.sha256)])
    assert holds(tmp_path, NEW)
    assert not (tmp_path / ".unpack").exists()


def test_files_of_another_hand_are_left_alone(server, tmp_path):
    (tmp_path / "test.json").write_bytes(b"mine")
    with pytest.raises(UserError, match=r"test\.json was not written by this command"):
        fetch(tmp_path, [server.source()])
    assert contents(tmp_path) == {"test.json": b"mine"}


def test_two_at_once(server, tmp_path):
    from filelock import FileLock

    with FileLock(tmp_path / ".lock"), pytest.raises(UserError, match="another download"):
        fetch(tmp_path, [server.source()])


def test_an_interruption_keeps_what_arrived(server, tmp_path, capsys, monkeypatch):
    receive = transfer.receive

    def interrupted(source, part, show):
        server.cuts = [100]
        receive(source, part, show)
        raise KeyboardInterrupt

    monkeypatch.setattr(transfer, "receive", interrupted)
    assert run(tmp_path, server.source()) == 130
    assert "the same command continues" in capsys.readouterr().err
    assert list(contents(tmp_path).values()) == [server.body[:100]]


def test_a_folder_that_cannot_be(server, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert run(tmp_path / "file" / "cuad", server.source()) == 4
    assert "cannot write to" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ([], "required: dataset"),
        (["squad"], "invalid choice: 'squad'"),
        (["cuad", "--sha256", "0" * 64], "--sha256 goes with --url"),
        (["cuad", "--url", "data.zip"], "no http, https or file address"),
        (["cuad", "--url", "ftp://host/data.zip"], "no http, https or file address"),
        (["cuad", "--url", "http://host/data.zip", "--sha256", "abc"], "not 64 hexadecimal"),
    ],
)
def test_a_wrong_command_line_is_one_line(line, message, capsys):
    assert main(line) == 4
    err = capsys.readouterr().err
    assert err.startswith("ERROR: ")
    assert message in err
    assert err.count("\n") == 1


def test_a_mirror_without_checksum_must_be_the_official_archive():
    _, (source,) = download.chosen(
        download.parser().parse_args(["cuad", "--url", "https://mirror.example/data.zip"])
    )
    assert source.sha256 == download.SOURCES[0].sha256
    assert source.name == "mirror.example"


def test_the_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("BAR_EXAM_CACHE", str(tmp_path))
    assert paths.cuad_dir() == tmp_path / "cuad"
    assert download.chosen(download.parser().parse_args(["cuad"])) == (
        tmp_path / "cuad",
        download.SOURCES,
    )
    monkeypatch.setenv("BAR_EXAM_CACHE", "")
    assert paths.cache_dir().is_absolute()
    assert "bar-exam" in paths.cache_dir().parts


def test_the_real_archives_are_pinned():
    assert [(s.url.split("/")[2], len(bytes.fromhex(s.sha256))) for s in download.SOURCES] == [
        ("github.com", 32),
        ("zenodo.org", 32),
    ]
