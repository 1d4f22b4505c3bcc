"""A path that the system refuses is its user's mistake, wherever it is met."""

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bar_exam.plugin import _usage_errors
from common.command import Parser, run
from common.errors import LONGEST, of_path
from reports.compare.__main__ import main as compare
from tests.conftest import ROOT
from training.data.__main__ import main as make_data

LONG = "x" * 300


@settings(max_examples=200, deadline=None)
@given(path=st.text(min_size=1), number=st.sampled_from([13, 20, 21, 36, 40]))
def test_what_the_system_says_of_a_path_is_one_short_line(path, number):
    error = OSError(number, os.strerror(number), path)

    def work(options):
        raise error

    assert run(Parser().parse_args, work, []) == 4
    assert len(str(of_path(error))) < 2 * LONGEST + 200
    with pytest.raises(pytest.UsageError) as shown, _usage_errors():
        raise error
    assert "\n" not in str(shown.value)


def test_what_is_about_no_path_is_no_mistake_of_the_user():
    with pytest.raises(OSError, match="reset"):
        of_path(ConnectionResetError(104, "reset"))


@pytest.mark.parametrize("name", [LONG, "x/" * 2500])
def test_a_command_given_a_path_that_is_too_long_says_so(name, capsys, tmp_path):
    for main, words in (
        (compare, [name, name]),
        (make_data, ["--dataset", name]),
        (make_data, ["--registry", name]),
    ):
        assert main([*words]) == 4
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("ERROR: xxx" if name == LONG else "ERROR: x/x")


@pytest.mark.parametrize(
    "words",
    [
        ["--dataset", LONG],
        ["--model", f"recorded:{LONG}.csv"],
        ["--registry", LONG],
        ["--runs", "FILE/runs"],
    ],
)
def test_an_exam_given_such_a_path_says_so_before_it_asks(words, tmp_path):
    (tmp_path / "file").write_text("precious")
    words = [word.replace("FILE", str(tmp_path / "file")) for word in words]
    line = [
        sys.executable, "-m", "pytest", "evals", "-q", "-p", "no:cacheprovider", "--model=echo",
        "--limit=2", "--judge=none", "--retriever=bm25", f"--store={tmp_path / 's.sqlite'}",
        f"--runs={tmp_path / 'runs'}", *words,
    ]  # fmt: skip
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 4
    assert done.stderr.startswith("ERROR: ") and len(done.stderr.splitlines()) <= 2
    assert not (tmp_path / "runs").exists()
