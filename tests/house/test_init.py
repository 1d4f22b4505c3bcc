"""`bar-exam init` in an empty folder, and the line that it says comes next."""

import re
import shlex
import tomllib

import pytest

from bar_exam.init import JOINED, WRITTEN, main
from common.project import read_project
from models.registry import entry_names, read_entry
from tests.house.test_extending import report, typed


def files(folder):
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in found}


def test_the_line_that_is_written_down_examines_at_once(tmp_path, site):
    assert typed(tmp_path, "init", product=site).returncode == 0
    comment = (tmp_path / "pyproject.toml").read_text("utf-8")
    line = re.search(r"^#     bar-exam (.+)$", comment, re.MULTILINE)[1]
    done = typed(
        tmp_path, *shlex.split(line), "--retriever", "bm25", "--judge", "none", product=site
    )
    assert done.returncode == 1, done.stdout + done.stderr  # four cases decide nothing
    written = report(tmp_path)
    assert {each["outcome"] for each in written["verdicts"]} == {"INCONCLUSIVE"}
    assert written["summary"][0]["cases"] == 4


def test_every_file_is_one_that_the_product_reads(tmp_path, capsys):
    assert main([str(tmp_path)]) == 0
    assert {*files(tmp_path)} == {*WRITTEN, *JOINED}
    project = read_project(tmp_path)
    assert set(project.places) == {"registry", "gate", "dataset", "models", "adapters"}
    for name in entry_names(tmp_path / "registry"):
        assert read_entry(name, tmp_path / "registry").status == "base"
    assert "next: bar-exam exam --model baseline" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["gate.toml", "registry/baseline.toml"])
def test_nothing_is_overwritten(tmp_path, name, capsys):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    assert main([str(tmp_path)]) == 4
    assert files(tmp_path) == {name: "mine"}
    assert name in capsys.readouterr().err


def test_a_pyproject_keeps_what_it_says_and_is_joined_once(tmp_path, capsys):
    path = tmp_path / "pyproject.toml"
    path.write_text('[project]\nname = "ours"')
    assert main([str(tmp_path)]) == 0
    said = tomllib.loads(path.read_text("utf-8"))
    assert said["project"] == {"name": "ours"}
    assert said["tool"]["bar-exam"]["registry"] == "registry"
    (tmp_path / "gate.toml").unlink()
    before = files(tmp_path)
    assert main([str(tmp_path)]) == 4
    assert files(tmp_path) == before
    assert "already; nothing was written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (".gitignore", b"caf\xe9\n", ".gitignore"),
        ("pyproject.toml", b"tool = {black = {}}\n", "cannot take a table"),
        ("pyproject.toml", b"tool = \n", "is not TOML"),
    ],
)
def test_what_cannot_be_joined_leaves_everything_as_it_was(tmp_path, capsys, name, content, said):
    (tmp_path / name).write_bytes(content)
    assert main([str(tmp_path)]) == 4
    assert said in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == content


def test_a_link_that_leads_nowhere_is_not_written_through(tmp_path, capsys):
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "questions.csv").symlink_to(tmp_path / "elsewhere")
    assert main([str(tmp_path / "ours")]) == 4
    assert "questions.csv" in capsys.readouterr().err
    assert not (tmp_path / "elsewhere").exists()
