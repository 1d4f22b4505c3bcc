"""Files: whole or not at all, and their owner's, and the group's where a umask was widened."""

import ast
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import files
from common.errors import UserError
from common.files import (
    private_file,
    private_folder,
    read_jsonl,
    remove_drafts,
    replacing,
    write_jsonl,
    write_whole,
)
from evals.calls.store import Store
from reports.archive import write_report
from tests.builders.report_data import written
from tests.seams import line_readers, renames, users

ROOT = Path(__file__).parents[2]
TEXT = st.text(max_size=30)
STORABLE = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
ROWS = st.lists(
    st.dictionaries(STORABLE, STORABLE | st.none() | st.booleans() | st.integers(), max_size=3),
    max_size=4,
)


def only(folder):
    return [path.name for path in folder.iterdir()]


def run(program, *words):
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@given(TEXT, TEXT | st.binary(max_size=30) | st.lists(TEXT, max_size=4), st.booleans())
@settings(max_examples=100, deadline=None)
def test_what_is_written_stands_there_alone(before, content, private):
    """Whatever stood there, and whatever is written: lone surrogates as escapes."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "a", "b.txt")
        write_whole(path, before)
        write_whole(path, content, private=private)
        found = path.read_bytes()
        assert only(path.parent) == ["b.txt"]
    text = content if isinstance(content, str | bytes) else "".join(content)
    assert found == (text if isinstance(text, bytes) else text.encode(errors="backslashreplace"))


class StoppedError(BaseException):
    """As Ctrl-C is: no Exception."""


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (OSError(28, "No space left on device"), UserError),
        (ValueError("no row"), ValueError),
        (UserError("a row is wrong"), UserError),
        (StoppedError(), StoppedError),
    ],
)
def test_whatever_fails_while_it_is_written_leaves_what_was_there(tmp_path, fault, raised):
    path = tmp_path / "a.txt"
    path.write_text("before")

    def lines():
        yield "half"
        raise fault

    with pytest.raises(raised):
        write_whole(path, lines())
    assert (only(tmp_path), path.read_text()) == (["a.txt"], "before")


@pytest.mark.parametrize("step", ["_flush", "private_opener"])
def test_a_full_disk_is_one_line_that_says_what_to_do(tmp_path, monkeypatch, step):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, step, full)
    with pytest.raises(UserError) as caught:
        write_whole(tmp_path / "a.txt", "text", mend="sweep the floor", private=True)
    assert str(caught.value) == (
        f"{tmp_path / 'a.txt'} cannot be written: No space left on device; sweep the floor"
    )
    assert only(tmp_path) == []


LIMITED = """
import resource, signal, sys
from pathlib import Path
from common.files import write_whole
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))
write_whole(Path(sys.argv[1]), ("x" * 999 + chr(10) for _ in range(100)))
"""


def test_a_system_that_takes_no_more_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    code, said = run(LIMITED, path)
    assert code == 1 and "UserError" in said and "File too large" in said
    assert (only(tmp_path), path.read_text()) == (["a.txt"], "before")


KILLED = """
import os, signal, sys
from pathlib import Path
from common.files import write_whole

def lines():
    yield "half"
    os.kill(os.getpid(), signal.SIGKILL)

write_whole(Path(sys.argv[1]), lines())
"""


def test_what_a_kill_leaves_is_gone_when_the_same_is_written_again(tmp_path):
    path, other = tmp_path / "a.txt", tmp_path / "b.txt"
    path.write_text("before")
    assert run(KILLED, path)[0] == -signal.SIGKILL
    assert run(KILLED, other)[0] == -signal.SIGKILL
    assert path.read_text() == "before" and len(only(tmp_path)) == 3
    write_whole(path, "after")
    assert path.read_text() == "after" and len(only(tmp_path)) == 2
    remove_drafts(tmp_path)
    assert only(tmp_path) == ["a.txt"]


def test_the_draft_of_one_who_still_writes_and_of_another_machine_stay(tmp_path, monkeypatch):
    with replacing(tmp_path / "a.txt") as draft:
        draft.write_text("long")
        write_whole(tmp_path / "a.txt", "short")
        remove_drafts(tmp_path)
        assert draft.is_file()
    assert (tmp_path / "a.txt").read_text() == "long"
    run(KILLED, tmp_path / "a.txt")
    monkeypatch.setattr("platform.node", lambda: "elsewhere")
    write_whole(tmp_path / "a.txt", "text")
    assert len(only(tmp_path)) == 2


def test_many_writers_of_one_file_each_write_it_whole(tmp_path):
    path, seen = tmp_path / "a.txt", set()
    texts = [f"{number}" * 50_000 for number in range(4)]
    path.write_text(texts[0])

    def write(text):
        for _ in range(10):
            write_whole(path, text)

    writers = [threading.Thread(target=write, args=[text]) for text in texts]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        seen.add(path.read_text())
    assert seen <= set(texts)
    assert only(tmp_path) == ["a.txt"]


def test_it_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda file: (done.append("disk"), fsync(file)))
    monkeypatch.setattr(Path, "replace", lambda *pair: (done.append("name"), replace(*pair)))
    write_whole(tmp_path / "a.txt", "text")
    with replacing(tmp_path / "folder") as draft:
        (draft / "inner").mkdir(parents=True)
        (draft / "one").touch()
        (draft / "inner" / "two").touch()
    assert done == ["disk", "name", "disk", "disk", "name"]


def test_a_folder_and_a_link_are_whole_too(tmp_path):
    with pytest.raises(ValueError, match="half"), replacing(tmp_path / "adapter") as draft:
        draft.mkdir()
        (draft / "weights").touch()
        raise ValueError("half")
    assert only(tmp_path) == []
    for target in ("one", "two"):
        with replacing(tmp_path / "latest") as draft:
            draft.symlink_to(target)
    assert only(tmp_path) == ["latest"] and (tmp_path / "latest").readlink() == Path("two")


def test_a_folder_that_may_only_be_written_to_is_written_to(tmp_path, monkeypatch):
    def closed(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", closed)
    write_whole(tmp_path / "a.txt", "text")
    assert (tmp_path / "a.txt").read_text() == "text"


def test_a_folder_with_something_in_it_is_not_replaced(tmp_path):
    (tmp_path / "a" / "precious").mkdir(parents=True)
    for content in ("file", "folder"):
        with pytest.raises(UserError, match="a cannot be written"):  # noqa: SIM117
            with replacing(tmp_path / "a") as draft:
                draft.touch() if content == "file" else draft.mkdir()
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "precious"]


def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path):
    (tmp_path / "far").write_text("far")
    (tmp_path / "a").symlink_to("far")
    write_whole(tmp_path / "a", "near")
    assert (tmp_path / "far").read_text() == "far"
    assert (tmp_path / "a").read_text() == "near" and not (tmp_path / "a").is_symlink()


@pytest.mark.parametrize("name", ["x" * 255, "ü" * 127, "\U0001d11e" * 63, ".a.", "a\nb"])
def test_any_name_that_a_file_can_have(tmp_path, name):
    write_whole(tmp_path / name, "text")
    assert run(KILLED, tmp_path / name)[0] == -signal.SIGKILL
    write_whole(tmp_path / name, "again")
    assert only(tmp_path) == [name]


@given(ROWS)
@settings(max_examples=100, deadline=None)
def test_rows_come_back_as_they_were_with_their_lines(rows):
    with TemporaryDirectory() as folder:
        path = Path(folder, "r.jsonl")
        write_jsonl(path, rows)
        assert list(read_jsonl(path)) == [
            (f"{path}, line {number}", row) for number, row in enumerate(rows, start=1)
        ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", ["not JSON", "JSON library"]),
        ("[1]", ["not list", "one object a line"]),
        ('{"a": 1, "a": 2}', ["'a' stands twice"]),
        (json.dumps({"a": "\ud800"}), ["`a`", "surrogate", "save it as UTF-8"]),
    ],
)
def test_a_line_that_is_no_row_is_named(tmp_path, line, words):
    path = tmp_path / "r.jsonl"
    path.write_text(f'{{"a": 1}}\n\n{line}\n')
    for unit, place in (("line", "line 3: "), ("row", "row 2: ")):
        with pytest.raises(UserError) as caught:
            list(read_jsonl(path, unit=unit))
        assert all(word in str(caught.value) for word in (f"{path}, {place}", *words))
        with pytest.raises(UserError, match=r"; make it anew$"):
            list(read_jsonl(path, unit=unit, mend="make it anew"))


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"cannot be read: No such file or directory; make it$"):
        list(read_jsonl(tmp_path / "r.jsonl", missing="make it"))


def test_whoever_writes_whole_or_reads_rows_does_it_here():
    """Beside it stand moves that are no drafts: CUAD's unpacked files, checkpoints set aside.

    And what grows over several processes until it is whole: files and folders from S3.
    """
    moves = {"fixtures/download/archive.py", "training/trainer/checkpoints.py"}
    moves |= {"common/aws/fetching.py", "models/storage/folders.py"}
    assert renames() == {"common/files.py"} | moves
    # A server's reply comes in lines too, and a judge's.
    assert line_readers() <= {"common/files.py", "models/endpoint/completion.py"}


PROGRAM = """
import os, sys
from pathlib import Path
from common.files import private_file, private_folder
os.umask(int(sys.argv[1], 8))
folder = private_folder(Path(sys.argv[2], "a", "b"))
file = private_file(folder / "f")
print(oct(folder.stat().st_mode & 0o777), oct(folder.parent.stat().st_mode & 0o777),
      oct(file.stat().st_mode & 0o777))
"""


@pytest.mark.parametrize(
    ("umask", "modes"),
    [
        *((each, "0o700 0o700 0o600") for each in ("022", "077", "027", "177", "020")),
        *((each, "0o770 0o770 0o660") for each in ("002", "007", "000", "005")),
    ],
)
def test_every_umask_gives_one_of_two_modes(umask, modes, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, umask, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    expected = modes if umask != "177" else "0o600 0o600 0o600"
    assert done.stdout.strip() == expected


def test_what_was_there_keeps_its_mode(tmp_path):
    folder, file = tmp_path / "shared", tmp_path / "shared" / "f"
    folder.mkdir()
    folder.chmod(0o755)
    file.write_text("x")
    file.chmod(0o644)
    assert stat.S_IMODE(private_folder(folder).stat().st_mode) == 0o755
    assert stat.S_IMODE(private_file(file).stat().st_mode) == 0o644
    assert file.read_text() == "x"


def test_a_file_in_the_way_of_a_folder_is_an_error(tmp_path):
    (tmp_path / "f").write_text("x")
    with pytest.raises(OSError, match="f"):
        private_folder(tmp_path / "f" / "a")
    with pytest.raises(UserError, match="cannot be written"):
        write_whole(tmp_path / "f" / "a", "x")


def test_a_report_and_every_file_of_a_store_are_private(tmp_path):
    write_report(written([], {}), tmp_path / "runs" / "r" / "report.json")
    store = Store(str(tmp_path / "kept" / "s.sqlite"))
    made = [path for top in ("runs", "kept") for path in (tmp_path / top).rglob("*")]
    assert {"report.json", "s.sqlite", "s.sqlite-wal"} <= {path.name for path in made}
    shared = bool(os.umask(os.umask(0o022)) == 0)
    assert shared or not [path for path in made if path.stat().st_mode & 0o077]
    store.close()


def test_whoever_makes_what_is_kept_makes_it_here():
    makers = (f"common.files.private_{kind}" for kind in ("folder", "file"))
    assert users(*makers) >= {
        "evals/calls/address.py",
        "evals/calls/locks.py",
        "fixtures/retrieval/chroma.py",
        "common/paths.py",
    }


def test_every_file_of_a_report_is_private():
    """Reports quote contracts: whoever writes one in `reports/` says so."""
    calls = [
        ast.unparse(node)
        for path in (ROOT / "reports").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "write_whole"
    ]
    assert calls and [call for call in calls if "private=True" not in call] == []
