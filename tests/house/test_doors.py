"""`bar-exam COMMAND`: one name for every command, here as in a clone."""

import importlib
import subprocess
import sys
from importlib.util import find_spec

import pytest

from bar_exam.__main__ import main, usage
from common.doors import DOORS, EXAM, as_typed, is_installed
from tests.house.test_rooms import HEAVY
from tests.seams import ROOT, commands

OF_DEVELOPERS = {
    "evals.judges.reference.fit", "evals.metrics.catalogue", "fixtures.priors", "reports.schema",
    "training.sagemaker.container",
}  # fmt: skip
"""They write what is shipped, or run where a job runs: nobody types them who has the product."""


def test_every_command_of_a_room_has_a_door():
    doors = {door.module for door in DOORS.values()}
    typed = {name for name in commands() if not name.startswith("bench")}
    assert typed - OF_DEVELOPERS <= doors
    assert doors - typed == {"pytest", "bar_exam.init"}


@pytest.mark.parametrize("name", [name for name in DOORS if name != EXAM])
def test_every_door_leads_to_a_main_and_shows_its_options(name, capsys):
    with pytest.raises(SystemExit) as left:
        main([*name.split(), "--help"])
    assert left.value.code == 0
    assert "usage: " in capsys.readouterr().out


def test_the_list_names_every_door_and_loads_nothing():
    script = (
        "import sys; from bar_exam.__main__ import main; main(['--help']);"
        "print('\\n'.join(sorted(sys.modules)))"
    )
    line = [sys.executable, "-c", script]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith(usage())
    loaded = {name.split(".")[0] for name in done.stdout.removeprefix(usage()).split()}
    assert loaded & {*HEAVY, "pydantic", "pytest"} == set()
    assert all(f"  {name} " in usage() for name in DOORS)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["promot"], "bar-exam promot: no such command; did you mean promote?"),
        (["train", "sfd"], "bar-exam train sfd: no such command; did you mean train sft?"),
        (["zzz"], "bar-exam zzz: no such command; type `bar-exam --help`"),
    ],
)
def test_an_unknown_command_is_one_line_with_the_nearest(words, says, capsys):
    assert main(words) == 4
    assert capsys.readouterr().err == f"ERROR: {says}\n"


def test_in_a_clone_commands_are_named_as_modules():
    line = "type `python -m models.promote x`"
    assert not is_installed()
    assert as_typed(line) == line


@pytest.mark.parametrize(
    ("said", "typed"),
    [
        ("python -m training.data --n 8", "bar-exam data --n 8"),
        ("python -m training.sft RECIPE.yaml.", "bar-exam train sft RECIPE.yaml."),
        ("python -m evals.judges.reference.fit", "python -m evals.judges.reference.fit"),
        ("python -m training.sagemaker x", "python -m training.sagemaker x"),
        ("`pytest evals`, pytest evals/test_gate.py", "`bar-exam exam`, pytest evals/test_gate.py"),
    ],
)  # fmt: skip
def test_where_it_is_installed_commands_are_named_as_they_are_typed(said, typed):
    assert as_typed(said, installed=True) == typed


def test_every_module_behind_a_door_is_there():
    for door in DOORS.values():
        found = door.name == EXAM or find_spec(door.module)
        assert found and (door.name == EXAM or importlib.import_module(door.module))


def test_a_repositorys_places_reach_the_command_that_takes_them(tmp_path, monkeypatch, capsys):
    """Behind what was typed: `store` knows no option, its `purge` does."""
    (tmp_path / "pyproject.toml").write_text('[tool.bar-exam]\nregistry = "ours/registry"\n')
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "note.txt").write_text("of ACME")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BAR_EXAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BAR_EXAM_STATE", str(tmp_path / "state"))
    assert main(["store", "purge", "--contract", "ACME", "--yes"]) == 1
    assert "note.txt: its title; remove it yourself" in capsys.readouterr().out
