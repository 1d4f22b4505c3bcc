"""A pack, checked on a machine that has the product as a wheel, the pack, and nothing else."""

import os
import subprocess
import sys

import pytest

from models.evidence import main
from tests.builders.promotion_data import dynasty, make_place
from tests.models.test_promote import add_adapter, options
from tests.models.test_signing import make_key

ALONE = """
import socket, sys
def nowhere(*_):
    raise AssertionError("the network was used")
socket.socket.connect = socket.getaddrinfo = nowhere
sys.path.insert(0, sys.argv.pop(1))
from bar_exam.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def elsewhere(tmp_path, site):
    """(pack and key in a folder of their own, what types a line there)."""
    root = tmp_path / "here"
    root.mkdir()
    place = make_place(root, "first")
    add_adapter(place, "tuned")
    dynasty(place, "first", "tuned")
    folder = tmp_path / "there"
    (folder / "home").mkdir(parents=True)
    private, public = make_key(root / "key")
    (folder / "key.pub").write_bytes(public.read_bytes())
    pack = folder / "tuned.zip"
    assert main(["tuned", *options(place), f"--out={pack}", f"--sign={private}"]) == 0

    def typed(*words):
        line = [sys.executable, "-B", "-c", ALONE, str(site), *words]
        known = {"PATH": os.environ["PATH"], "HOME": str(folder / "home")}
        return subprocess.run(
            line, cwd=folder, env=known, capture_output=True, text=True, timeout=120, check=False
        )

    (root / "registry").rename(root / "gone")
    return folder, typed


def test_a_pack_is_checked_where_there_is_no_repository_and_no_network(elsewhere):
    folder, typed = elsewhere
    done = typed("evidence", "--verify", "tuned.zip", "--key", "key.pub")
    assert (done.returncode, done.stderr) == (0, "")
    assert "holds: signed by key.pub: every file, and the statement" in done.stdout
    assert "promotes tuned" in done.stdout
    pack = folder / "tuned.zip"
    pack.write_bytes(pack.read_bytes()[:-1])
    done = typed("evidence", "--verify", "tuned.zip")
    assert done.returncode == 4
    assert done.stderr.startswith("ERROR: tuned.zip is no archive")
    assert {path.name for path in folder.iterdir()} == {"home", "key.pub", "tuned.zip"}
