"""Every exam is in the ledger before it asks anything, however it ends."""

import hashlib
import json
import os
import signal
import subprocess
import time

import pytest

from models.promotion.ledger.files import read_ledger
from tests.builders.fake_server import fake_server
from tests.house.test_resume import exam, registry


@pytest.fixture(scope="module")
def noted(tmp_path_factory):
    """A team's folder in git, after an exam that was killed, one that ended, and a part of one."""
    folder = tmp_path_factory.mktemp("noted")
    subprocess.run(["git", "init", "-q", folder], check=True)
    with fake_server(latency=0.2) as server:
        registry(folder / "registry", server.url)
        killed = exam(folder, "--limit=24")
        deadline = time.monotonic() + 60
        while server.calls < 6 and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(killed.pid, signal.SIGKILL)
        killed.communicate(timeout=30)
        found = read_ledger(folder / "ledger")
        server.latency = 0.0
        whole = exam(folder, "--limit=24").communicate(timeout=120)[0].decode()
        part = exam(folder, "--limit=24", "-k", "Parties").communicate(timeout=120)[0].decode()
        calls = server.calls
        refused = exam(folder, "--limit=40", f"--ledger={folder / 'store.sqlite'}")
        said = refused.communicate(timeout=120)[0].decode()
        assert server.calls == calls, "it asked before it knew that it could note it"
    return folder, found, whole, part, (refused.returncode, said)


def test_an_exam_that_was_killed_is_unfinished(noted):
    folder, (killed,), *_ = noted
    assert killed.ended is None
    assert killed.begun.cases == 24
    assert killed.begun.chosen.limit == 24
    assert [each.name for each in killed.begun.candidates] == ["served"]
    assert read_ledger(folder / "ledger")[0] == killed


def test_the_next_exam_says_how_often_these_contracts_judged(noted):
    folder, _, whole, *_ = noted
    entry = read_ledger(folder / "ledger")[1]
    assert "these contracts have judged 1 candidate in 1 exam before" in whole
    path = folder / "runs" / entry.begun.run / "report.json"
    report = json.loads(path.read_bytes())
    assert report["judged"] == {"exams": 1, "candidates": 1}
    assert entry.begun.policy == report["provenance"]["policy"]
    assert entry.ended.report == hashlib.sha256(path.read_bytes()).hexdigest()
    (said,), (verdict,) = entry.ended.verdicts, report["verdicts"]
    assert said.outcome == verdict["outcome"]
    assert len(entry.begun.texts) == len(set(entry.begun.texts)) == entry.begun.contracts
    assert {len(each) for each in (*entry.begun.texts, said.answers)} == {12}
    assert [(c.metric, c.outcome, c.p_value) for c in said.checks] == [
        (c["metric"], c["outcome"], c["p_value"]) for c in verdict["checks"]
    ]


def test_a_part_of_an_exam_is_noted_as_one(noted):
    folder, *_ = noted
    entries = read_ledger(folder / "ledger")
    assert [entry.begun.chosen.part for entry in entries] == [False, False, True]
    assert entries[2].begun.cases < 24
    assert entries[2].ended is not None


def test_what_to_commit_is_said_in_one_line(noted):
    folder, _, whole, part, _ = noted
    assert f"ledger: 2 files that no commit holds; git add {folder / 'ledger'}" in whole
    assert part.count("git add") == 1


def test_a_ledger_that_cannot_be_written_is_found_before_anything_is_asked(noted):
    *_, (code, said) = noted
    assert code == 4, said
    assert "store.sqlite" in said.split("cannot be written")[0].splitlines()[-1]
