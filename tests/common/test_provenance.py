"""Which code ran: what makes a checkout one that no commit holds."""

import subprocess

import pytest

import common.provenance
from common.provenance import provenance

TRACKED = (
    "models/chat.py", "pyproject.toml", "requirements.lock", "evals/gate.toml",
    "evals/judges/data/reference.json", "fixtures/data/priors.json",
    "fixtures/data/sample/test.json", "models/registry/a.toml", "models/promotions.jsonl",
    "docs/x.md", "tests/test_x.py",
)  # fmt: skip


def git(folder, *words):
    who = ("-c", "user.name=t", "-c", "user.email=t@localhost")
    subprocess.run(["git", "-C", folder, *who, *words], capture_output=True, check=True)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    for name in TRACKED:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("as it is\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "--no-verify", "-m", "as it is")
    monkeypatch.setattr(common.provenance, "ROOT", tmp_path)
    return tmp_path


def dirty(folder):
    return provenance(folder)["dirty"]


def test_a_clean_checkout_is_its_commit(checkout):
    assert not dirty(checkout) and len(provenance(checkout)["commit"]) == 40


@pytest.mark.parametrize(
    "name",
    [
        "models/adapters/new/adapter_model.safetensors", "models/adapters/new/manifest.json",
        "models/registry/new.toml", "models/ledger/20260101-000000-abcd.json",
        "reports/runs/x.json", "mine.csv", "evals/mine.toml",
    ],
)  # fmt: skip
def test_what_a_candidate_brings_may_be_new(checkout, name):
    (checkout / name).parent.mkdir(parents=True, exist_ok=True)
    (checkout / name).write_text("new\n")
    assert not dirty(checkout)


@pytest.mark.parametrize("name", ["evals/metrics/new.py", "sitecustomize.py", "models/x/y.py"])
def test_code_that_is_new_is_of_no_commit(checkout, name):
    git(checkout, "config", "status.showUntrackedFiles", "no")
    (checkout / name).parent.mkdir(parents=True, exist_ok=True)
    (checkout / name).write_text("new\n")
    assert dirty(checkout)


@pytest.mark.parametrize("name", TRACKED)
def test_what_runs_or_moves_numbers_is_as_it_was_committed(checkout, name):
    (checkout / name).write_text("changed\n")
    known_otherwise = (
        "evals/gate.toml", "fixtures/data/sample/test.json", "models/registry/a.toml",
        "models/promotions.jsonl", "docs/x.md", "tests/test_x.py",
    )  # fmt: skip
    assert dirty(checkout) == (name not in known_otherwise)


@pytest.mark.parametrize("word", ["--assume-unchanged", "--skip-worktree"])
def test_a_change_that_the_index_overlooks_is_one(checkout, word):
    git(checkout, "update-index", word, "models/chat.py")
    (checkout / "models/chat.py").write_text("changed\n")
    assert dirty(checkout)


def test_another_repository_in_the_environment_does_not_speak_for_this_one(
    checkout, tmp_path_factory, monkeypatch
):
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert not dirty(checkout)
    (checkout / "models/chat.py").write_text("changed\n")
    assert dirty(checkout)


def test_outside_a_repository_nobody_knows(tmp_path):
    found = provenance(tmp_path)
    assert (found["commit"], found["dirty"]) == (None, True)
