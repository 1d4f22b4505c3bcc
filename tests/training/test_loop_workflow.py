"""`.github/workflows/loop.yml`: its own scripts, run as the runner of GitHub runs them."""

import subprocess

import pytest
import yaml

from tests.conftest import ROOT

WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "loop.yml").read_text())
JOBS = WORKFLOW["jobs"]


def script(job, name):
    return next(step["run"] for step in JOBS[job]["steps"] if step.get("name") == name)


def bash(text, folder, **environment):
    given = {"PATH": "/usr/bin:/bin", "HOME": str(folder.parent), **environment}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text], cwd=folder, env=given,
        capture_output=True, text=True,
    )  # fmt: skip


def git(folder, *words):
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *words], check=True, capture_output=True
    )
    return done.stdout.decode()


@pytest.fixture
def clones(tmp_path):
    """A bare repository, and a function that clones it as a job of the workflow does."""
    origin, first = tmp_path / "origin.git", tmp_path / "first"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(origin)], check=True)

    def cloned(name):
        subprocess.run(["git", "clone", "-q", str(origin), str(tmp_path / name)], check=True,
                       capture_output=True)  # fmt: skip
        return tmp_path / name

    first = cloned("first")
    git(first, "checkout", "-qb", "main")
    (first / ".gitignore").write_text("models/adapters/*\nloop.patch\n")
    (first / "models").mkdir()
    (first / "models" / "promotions.jsonl").write_text("{}\n")
    git(first, "add", "-A")
    git(first, "commit", "-qm", "start")
    git(first, "push", "-q", "origin", "main")
    return cloned


def test_only_the_job_that_runs_no_code_of_ours_may_write():
    assert WORKFLOW["permissions"] == {"contents": "read"} and set(JOBS) == {"loop", "keep"}
    assert "permissions" not in JOBS["loop"]
    assert JOBS["keep"]["permissions"] == {"contents": "write"}
    scripts = " ".join(step.get("run", "") for step in JOBS["keep"]["steps"])
    assert not any(word in scripts for word in ("python", "make", "pytest", "bar-exam"))
    assert WORKFLOW["concurrency"] == {"group": "loop"}
    known = (ROOT / ".github" / "workflows" / "gate.yml").read_text()
    used = [step["uses"] for job in JOBS.values() for step in job["steps"] if "uses" in step]
    assert used and all(f"uses: {each}\n" in known for each in used)
    kept = [s["with"] for s in JOBS["loop"]["steps"] if "actions/cache/" in s.get("uses", "")]
    assert [each["path"] for each in kept] == [kept[0]["path"]] * 2
    assert ".exam" in kept[0]["path"].split() and kept[0]["key"] == kept[1]["key"]


def test_what_a_night_leaves_is_pushed_though_the_branch_went_on(clones):
    night = clones("night")
    (night / "models" / "ledger").mkdir()
    (night / "models" / "ledger" / "exam.json").write_text("{}\n")
    adapter = night / "models" / "adapters" / "t-r1"
    adapter.mkdir(parents=True)
    (adapter / "weights").write_bytes(bytes(range(256)))
    (night / "elsewhere.py").write_text("untracked")
    assert bash(script("loop", "Pack what an exam and a promotion leave"), night).returncode == 0

    keeper, other = clones("keeper"), clones("other")
    (keeper / "loop.patch").write_bytes((night / "loop.patch").read_bytes())
    (other / "README.md").write_text("meanwhile\n")
    git(other, "add", "-A")
    git(other, "commit", "-qm", "meanwhile")
    git(other, "push", "-q", "origin", "HEAD:main")
    done = bash(script("keep", "Commit it"), keeper, BRANCH="main")
    assert done.returncode == 0, done.stderr
    after = clones("after")
    assert (after / "models" / "adapters" / "t-r1" / "weights").read_bytes() == bytes(range(256))
    assert (after / "models" / "ledger" / "exam.json").exists() and (after / "README.md").exists()
    assert not (after / "elsewhere.py").exists()


def test_a_night_that_left_nothing_commits_nothing(clones):
    night, keeper = clones("night"), clones("keeper")
    assert bash(script("loop", "Pack what an exam and a promotion leave"), night).returncode == 0
    (keeper / "loop.patch").write_bytes((night / "loop.patch").read_bytes())
    assert bash(script("keep", "Commit it"), keeper, BRANCH="main").returncode == 0
    assert git(clones("after"), "log", "--oneline").count("\n") == 1


@pytest.mark.parametrize(
    ("start", "code", "words", "returned"),
    [
        ("", 0, "run loop.toml", 0),
        ("it's time; rm -rf $HOME", 0, "run loop.toml --start it's time; rm -rf $HOME", 0),
        ("", 3, "run loop.toml", 0),
        ("", 1, "run loop.toml", 1),
        ("", 4, "run loop.toml", 4),
    ],
)
def test_waiting_for_a_person_is_no_failure_of_the_night(tmp_path, start, code, words, returned):
    python = tmp_path / "work" / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nshift 2\necho "$@" >> typed\n[ "$1" = status ] || exit {code}\n')
    python.chmod(0o755)
    work, summary = tmp_path / "work", tmp_path / "summary"
    environment = {"START": start, "GITHUB_STEP_SUMMARY": str(summary)}
    assert bash(script("loop", "Run"), work, **environment).returncode == returned
    assert (work / "typed").read_text().splitlines() == [words, "status loop.toml"]
