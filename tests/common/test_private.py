"""What is written is its owner's, and the group's only where a umask was widened on purpose."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bar_exam.common.errors import UserError
from bar_exam.common.private import private_file, private_folder
from bar_exam.evals.calls.store import Store
from bar_exam.reports.archive import write_whole
from tests.seams import users

ROOT = Path(__file__).parents[2]

PROGRAM = """
import os, sys
from pathlib import Path
from bar_exam.common.private import private_file, private_folder
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
    write_whole(tmp_path / "runs" / "r" / "report.json", "lone \ud800")
    store = Store(str(tmp_path / "kept" / "s.sqlite"))
    made = [path for top in ("runs", "kept") for path in (tmp_path / top).rglob("*")]
    assert {"report.json", "s.sqlite", "s.sqlite-wal"} <= {path.name for path in made}
    shared = bool(os.umask(os.umask(0o022)) == 0)
    assert shared or not [path for path in made if path.stat().st_mode & 0o077]
    store.close()


def test_whoever_makes_what_is_kept_makes_it_here():
    assert users("bar_exam.common.private") >= {
        "evals/calls/address.py",
        "evals/calls/locks.py",
        "fixtures/retrieval/index.py",
        "common/paths.py",
        "reports/archive.py",
    }
