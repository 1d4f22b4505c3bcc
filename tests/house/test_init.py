"""`bar-exam init` in an empty folder, and the line that it says comes next."""

import csv
import re
import shlex
import subprocess
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


def committed(folder):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    for words in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "."]):
        subprocess.run(["git", *words], cwd=folder, check=True)


def leases(folder, contracts=30):
    """Questions of a user's own in place of the template's, and the answers of a model to them."""
    with (
        (folder / "questions.csv").open("w", newline="") as asked,
        (folder / "ours.csv").open("w", newline="") as answered,
    ):
        questions, answers = csv.writer(asked), csv.writer(answered)
        questions.writerow(["case_id", "contract", "category", "question", "context", "expected"])
        answers.writerow(["case_id", "answer"])
        for number in range(contracts):
            rent, notice = f"${number + 3}50 a month", f"{number + 10} days"
            text = f"Lease {number}. The rent is {rent}. Either party ends it on {notice} notice."
            said = {"Rent": rent, "Notice": notice, "Audit Rights": "", "Renewal": ""}
            for category, gold in said.items():
                case = f"{number}-{category}"
                row = [case, f"Lease {number}", category, f"What of {category}?", text, gold]
                questions.writerow(row)
                answers.writerow([case, gold or "Not found."])


def test_a_first_promotion_takes_contracts_and_the_two_lines_that_the_exam_says(tmp_path, site):
    assert typed(tmp_path, "init", product=site).returncode == 0
    leases(tmp_path)
    committed(tmp_path)
    line = shlex.split("exam --model recorded:ours.csv --baseline champion --judge none")
    done = typed(tmp_path, *line, product=site)
    assert done.returncode == 1
    dataset = re.search(r'does not list questions as it is; add the line (".+" = ".+")$',
                        done.stdout, re.MULTILINE)  # fmt: skip
    excused = re.search(r'or say (".+" =) "WHY" under \[excused\]', done.stdout)
    policy = (tmp_path / "policy.toml").read_text("utf-8")
    policy = policy.replace("[exam.datasets]\n", f"[exam.datasets]\n{dataset[1]}\n")
    policy = policy.replace("[excused]\n", f'[excused]\n{excused[1]} "recorded by hand"\n')
    (tmp_path / "policy.toml").write_text(policy, "utf-8")
    committed(tmp_path)
    done = typed(tmp_path, *line, product=site)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "cannot promote" not in done.stdout
    done = typed(tmp_path, "promote", "recorded:ours.csv", product=site)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "champion.toml").is_file()


def test_every_file_is_one_that_the_product_reads(tmp_path, capsys):
    assert main([str(tmp_path)]) == 0
    assert {*files(tmp_path)} == {*WRITTEN, *JOINED}
    project = read_project(tmp_path)
    assert set(project.places) == {"registry", "gate", "dataset", "models", "adapters"}
    for name in entry_names(tmp_path / "registry"):
        assert read_entry(name, tmp_path / "registry").status == "base"
    out = capsys.readouterr().out
    assert "next: bar-exam exam --model baseline" in out and "which decide nothing" in out


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
