"""What is typed wrong ends in one line and exit 4, whichever command it is; run as typed."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.seams import ROOT, commands

LINE = re.compile("ERROR: .*\n")


def typed(*words, folder=ROOT, **variables):
    """A command in the environment of a user who has nothing but PATH and HOME."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env={**environment, "OMP_NUM_THREADS": "1", **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def only_line(done):
    """The one line of a user's mistake."""
    assert done.returncode == 4, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("ERROR: ")
    return line


@pytest.mark.fault("PATH-4")
@pytest.mark.fault("USE-14")
def test_an_option_that_no_command_has_is_one_line_and_exit_4():
    with ThreadPoolExecutor(2) as pool:
        every = list(pool.map(lambda name: (name, typed(name, "--nosuch")), commands()))
    wrong = [
        name
        for name, done in every
        if done.returncode != 4 or done.stdout or not LINE.fullmatch(done.stderr)
    ]
    assert wrong == []


@pytest.mark.fault("PATH-4")
@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("reports.compare", ["only-one"]),
        ("evals.cuad", ["predictions.json", "--cuad", "test.json", "--mode", "nonsense"]),
        ("evals.leakage", ["--threshold", "half"]),
        ("evals.judges.align", ["--labels", "none.csv"]),
        ("fixtures.priors", []),
        ("reports.page", []),
        ("reports.history", ["--metric"]),
    ],
)
def test_a_missing_or_a_bad_word_is_one_line_and_exit_4(command, words):
    only_line(typed(command, *words))


@pytest.mark.fault("USE-14")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--judge", "gpt4"], "--judge gpt4: "),
        (["--judge", "refrence"], "did you mean reference?"),
        (["--baseline", "champoin"], "--baseline champoin: "),
    ],
)
def test_an_exam_names_what_was_typed(tmp_path, words, said):
    places = ["--runs", str(tmp_path / "runs"), "--store", str(tmp_path / "s.sqlite")]
    done = typed("pytest", "evals", "--model", "echo", "--limit", "2", *words, *places)
    assert done.returncode == 4
    assert said in next(line for line in done.stderr.splitlines() if line.startswith("ERROR"))


@pytest.mark.fault("USE-14")
def test_an_entry_of_another_kind_is_refused_in_our_words(tmp_path):
    from common.errors import UserError
    from models.registry import read_entry

    (tmp_path / "claude.toml").write_text('kind = "sagemaker"\nmodel = "claude"\n')
    with pytest.raises(UserError) as caught:
        read_entry("claude", tmp_path)
    line = str(caught.value)
    assert "'sagemaker'" in line and "endpoint" in line
    assert "tag" not in line  # which is pydantic's word
