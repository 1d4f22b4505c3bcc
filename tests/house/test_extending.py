"""What docs/extending.md shows, as a repository outside the checkout that is examined."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib

import pytest

from bar_exam.extensions import extended, tables
from common.errors import UserError
from common.project import Project, read_project
from models.entry import Kind
from models.registry import EchoEntry
from tests.house.extending import PAGE, blocks, example, repository

LINE = shlex.split("exam --model lead --retriever openings --judge none")
LONGEST = 25
"""Lines of code in an example."""


def typed(folder, *words, product):
    """What `bar-exam WORDS` in a folder says, with the product at a place."""
    return subprocess.run(
        [sys.executable, "-m", "bar_exam", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(product), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def in_clone(folder):
    """The example as it would stand in a clone, where the rooms have their own names."""
    for path in example(folder).rglob("*.py"):
        path.write_text(path.read_text("utf-8").replace("from bar_exam.", "from "), "utf-8")
    return folder


@pytest.fixture(scope="module")
def examined(tmp_path_factory, site):
    folder = repository(tmp_path_factory.mktemp("user"))
    return folder, typed(folder, *LINE, product=site)


def report(folder):
    (path,) = folder.glob("reports/runs/*/report.json")
    return json.loads(path.read_text("utf-8"))


def test_every_example_is_short():
    python = {name: text for name, text in blocks().items() if name.endswith(".py")}
    assert len(python) == 6
    for name, text in python.items():
        lines = [line for line in text.splitlines() if line.strip()]
        assert len(lines) < LONGEST, name


def test_the_page_says_the_line_that_is_typed_here():
    assert f"    bar-exam {shlex.join(LINE)}\n" in PAGE.read_text("utf-8")


def test_what_a_repository_adds_is_examined_with(examined):
    folder, done = examined
    assert done.returncode == 1, done.stdout + done.stderr  # two cases are too few to pass
    assert "ERROR" not in done.stdout + done.stderr
    written = report(folder)
    (summary,) = written["summary"]
    assert {"conciseness", "plain_words"} <= {*summary["estimates"]}
    assert [each["scores"]["plain_words"] for each in written["results"]] == [1.0, 1.0]


def test_a_suite_of_a_repository_is_run_beside_the_others(examined):
    _, done = examined
    assert "house/test_length.py" in done.stdout
    assert "test_gate.py" in done.stdout


def test_the_report_lists_what_was_added(examined):
    folder, _ = examined
    written = report(folder)
    added = written["provenance"]["extensions"]
    assert [each["table"] for each in added] == [
        "metrics", "judges", "models", "retrievers", "importers", "suites",
    ]  # fmt: skip
    assert all(len(each["digest"]) == 64 for each in added)
    assert any("house.metrics:CONCISENESS" in note for note in written["notes"])


def test_runs_and_store_are_kept_in_the_repository(examined):
    folder, _ = examined
    assert (folder / "reports" / "latest" / "report.html").is_file()
    assert (folder / ".exam" / "store.sqlite").is_file()


def test_a_metric_that_raises_costs_its_own_scores_and_says_where(tmp_path, site):
    folder = repository(tmp_path)
    file = folder / "house" / "metrics.py"
    file.write_text(file.read_text("utf-8").replace("return Score(min", "return Score(1 / 0 * min"))
    done = typed(folder, *LINE, product=site)
    assert done.returncode == 1, done.stdout + done.stderr
    reasons = {each["reasons"].get("conciseness", "") for each in report(folder)["results"]}
    assert all("ZeroDivisionError in house/metrics.py:" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("house.metrics:CONCISENESS", "house.metric:CONCISENESS"), "cannot be imported"),
        (("house.metrics:CONCISENESS", "house.metrics:CONCISE"), "there is no such name"),
        (("house.metrics:CONCISENESS", "house.judges:PLAIN"), "it is a Judging; give a"),
        (("house.metrics:CONCISENESS", "house.metrics"), "write it `module:name`"),
        (("house.test_length", "house.test_lengths"), "there is no such module"),
        (("metrics = ", "metric = "), "did you mean 'metrics'?"),
        (("house.test_length", "-h"), "suites"),
        (('dataset = "', 'folder = "'), "unknown key 'folder'"),
    ],
)
def test_a_name_that_is_wrong_is_refused_before_anything_is_asked(tmp_path, change, says):
    file = in_clone(tmp_path) / "pyproject.toml"
    file.write_text(file.read_text("utf-8").replace(*change), "utf-8")
    forget("house")
    with pytest.raises(UserError, match=re.escape(says)), extended(read_project(tmp_path)):
        pass


def test_a_refusal_is_one_line_and_exit_4(tmp_path, site):
    file = repository(tmp_path) / "pyproject.toml"
    file.write_text(file.read_text("utf-8").replace(":CONCISENESS", ":CONCISE"), "utf-8")
    done = typed(tmp_path, *LINE, product=site)
    assert done.returncode == 4
    (line,) = [each for each in done.stderr.splitlines() if each]
    assert line.startswith("ERROR: ")
    assert "metrics 'house.metrics:CONCISE': there is no such name" in line


@pytest.mark.parametrize(
    ("file", "name", "shipped"),
    [
        ("metrics", "conciseness", "bleu"),
        ("judges", "plain_words", "bleu"),
        ("models", "lead", "echo"),
        ("retrievers", "openings", "hybrid"),
        ("importers", "summaries", "recorded"),
    ],
)
def test_a_name_that_is_taken_is_one_line(tmp_path, file, name, shipped):
    folder = in_clone(tmp_path)
    path = folder / "house" / f"{file}.py"
    path.write_text(path.read_text("utf-8").replace(f'"{name}"', f'"{shipped}"'), "utf-8")
    project = Project(
        folder=folder, **{file: tomllib.loads(said(folder))["tool"]["bar-exam"][file]}
    )
    forget("house")
    with pytest.raises(UserError, match=f"'{shipped}' is taken"), extended(project):
        pass


def test_a_kind_of_model_is_called_what_its_entry_says():
    with pytest.raises(ValueError, match="EchoEntry needs `kind: Literal\\['other'\\]`"):
        Kind("other", EchoEntry, lambda name, entry: None)


def said(folder):
    return (folder / "pyproject.toml").read_text("utf-8")


def forget(package):
    for name in [each for each in sys.modules if each.split(".")[0] == package]:
        del sys.modules[name]


def test_tables_are_as_they_were_after_a_command(tmp_path):
    folder = in_clone(tmp_path)
    before = {name: list(table) for name, table in tables().items()}
    forget("house")
    with extended(read_project(folder)) as added:
        assert {each.table for each in added} == {*before, "suites"}
        assert "plain_words" in tables()["metrics"]
    assert {name: list(table) for name, table in tables().items()} == before
    forget("house")


def test_the_tests_of_a_repository_ask_no_model(tmp_path, site):
    folder = repository(tmp_path)
    (folder / "conftest.py").write_text('pytest_plugins = ["bar_exam.plugin"]\n')
    (folder / "test_ours.py").write_text("def test_ours():\n    pass\n")
    quiet = ("-p", "no:deepeval", "-p", "no:langsmith_plugin", "-p", "no:anyio", "-q")
    for more in ((), ("-n", "2")):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *quiet, *more],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "1 passed" in done.stdout
    assert not (folder / "reports" / "runs").exists()


def test_how_a_repository_names_its_tests_empties_no_exam(tmp_path, site):
    folder = repository(tmp_path)
    with (folder / "pyproject.toml").open("a") as file:
        file.write('[tool.pytest.ini_options]\npython_files = ["check_*.py"]\n')
        file.write('python_functions = ["check"]\n')
    done = typed(folder, *LINE, product=site)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "test_gate.py" in done.stdout
