"""What a newcomer stumbled over: the exam, the history and the trainers, run as they are typed."""

import json
import re
import shutil
import subprocess
import time
from collections import Counter
from types import SimpleNamespace

import pytest
import yaml

from reports.terminal import progress
from tests.builders.run_data import contents, put, written
from tests.builders.training_data import make_base, method_named, write_data, write_recipe
from tests.faults.test_exits import typed
from tests.seams import ROOT

GATE = """
minimum_cases = 1
[metrics.token_f1]
role = "guard"
floor = {floor}
"""


# The exam


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A registry with a champion that was promoted once, and gates that an echo passes or fails."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "registry").mkdir()
    (folder / "registry" / "new.toml").write_text('kind = "echo"\n')
    (folder / "registry" / "king.toml").write_text('kind = "echo"\nstatus = "champion"\n')
    (folder / "champion.toml").write_text(
        f'model = "king"\nidentity = "{identity(folder)}"\nrecord = "{"0" * 64}"\n'
    )
    for name, floor in (("low", 0.0), ("high", 0.9)):
        (folder / f"{name}.toml").write_text(GATE.format(floor=floor))
    return folder


def identity(folder):
    from models.factory import open_models

    return open_models(["king"], folder / "registry")[0].identity


def exam(place, *words, gate="low", folder=ROOT):
    return typed(
        "pytest", str(ROOT / "evals"), *words, "--gate", str(place / f"{gate}.toml"),
        "--registry", str(place / "registry"), "--store", str(place / "store.sqlite"),
        "--runs", str(place / "runs"), "--judge", "none", "--retriever", "bm25",
        "--limit", "12", "-p", "no:cacheprovider", folder=folder,
    )  # fmt: skip


@pytest.fixture(scope="module")
def passed(place):
    return exam(place, "--model", "new")


@pytest.fixture(scope="module")
def failed(place):
    return exam(place, "--model", "new", gate="high")


@pytest.mark.fault("USE-3")
def test_no_promotion_is_promised_where_the_champion_was_not_compared(place, passed):
    assert passed.returncode == 0, passed.stdout
    assert "PROMOTE" not in passed.stdout
    line = [each for each in passed.stdout.splitlines() if each.startswith("PASS new")][-1]
    assert "king" in line and line.endswith("--baseline champion")
    assert "pytest " in line and "--model new" in line
    done = typed("models.promote", "new", "--registry", str(place / "registry"),
                 "--runs", str(place / "runs"))  # fmt: skip
    assert done.returncode in (1, 4)  # refused, as the exam said


@pytest.mark.fault("USE-3")
def test_the_champion_itself_is_said_to_hold_and_not_to_be_promoted(place):
    done = exam(place, "--model", "king")
    assert "PROMOTE" not in done.stdout
    line = [each for each in done.stdout.splitlines() if each.startswith("PASS king")][-1]
    assert "in service" in line


@pytest.mark.fault("USE-3")
def test_a_trainer_names_the_exam_that_leads_to_promotion():
    from training.outcome.delivery import Places, next_command

    said = next_command(method_named("dpo"), "mine", Places())
    assert "--model mine --baseline champion" in said


@pytest.mark.fault("USE-8")
def test_a_gate_that_fails_is_one_line_a_check(failed):
    assert failed.returncode == 1
    reprs = ("State(", "Prepared(", "Report(")
    for word in ("def test_metric", *reprs, "assert ", "Traceback", "conftest.py:"):
        assert word not in failed.stdout
    shown = failed.stdout.partition("short test summary")[0]
    assert len(re.findall(r"token_f1 \d\S* \[.*is not at least 0.9", shown)) == 1


@pytest.mark.fault("USE-23")
def test_latest_stays_with_the_last_whole_exam(place, passed):
    whole = (place / "latest").resolve()
    for words in (["-k", "declined"], ["--deselect", "evals/test_gate.py"]):
        done = exam(place, "--model", "new", *words)
        assert done.returncode in (0, 1), done.stdout
        assert (place / "latest").resolve() == whole
    assert len(list((place / "runs").glob("*/report.json"))) > 1  # and yet they are kept


@pytest.mark.fault("USE-11")
@pytest.mark.parametrize("folder", [".", "docs"])
def test_options_of_an_exam_ask_for_one_from_any_folder(place, folder):
    done = typed("pytest", "--collect-only", "-q", "--model", "echo", "--limit", "2",
                 "--ignore", str(ROOT / "tests"), folder=ROOT / folder)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "evals/test_gate.py::test_verdict[echo]" in done.stdout


@pytest.mark.fault("USE-11")
def test_pytest_alone_says_how_to_examine():
    done = typed("pytest", "--collect-only", "-o", "testpaths=tests/common/test_settings.py")
    assert "pytest evals" in done.stdout


# What is said meanwhile


@pytest.mark.fault("USE-10")
def test_a_log_hears_of_the_exam_now_and_then(monkeypatch, capsys):
    for name in ("EVERY", "FIRST"):
        monkeypatch.setattr(progress, name, 0.01, raising=False)
    spending = SimpleNamespace(calls=31, seconds=10.0)
    run = SimpleNamespace(
        done=30, asked=20, spending=spending, embedded=None, errors=Counter({"HTTP 503": 4})
    )
    with progress.progress_bar(run, 60):
        for _ in range(500):
            time.sleep(0.01)
            if out := capsys.readouterr().out:
                break
    line = out.splitlines()[0]
    for word in ("30 of 60", "2.0/s", "15 s", "4 HTTP 503"):
        assert word in line


@pytest.mark.fault("USE-10")
def test_every_key_of_an_endpoint_is_documented():
    from models.registry import EndpointEntry

    pages = "".join(
        path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    )
    missing = [key for key in EndpointEntry.model_fields if f"| `{key}`" not in pages]
    assert [key for key in ("timeout", "retries", "system", "context") if key in missing] == []


# The history


@pytest.fixture
def history(tmp_path):
    """Three runs, of which the last is on other data."""
    cases = contents(contracts=4)
    fresh = cases | {"c0__q0": "new"}
    for day, (held, level) in enumerate([(cases, 0.2), (cases, 0.4), (fresh, 0.6)], start=1):
        taken = {
            case: {
                "token_f1": level + 0.01 * n,
                "hit@5": 0.1 * (n % 9),
                "abstention": 0.1 * (n % 7),
            }
            for n, case in enumerate(held)
        }
        value = written(f"202601{day:02}-010000-aaaa", {"dpo-smollm2": taken}, held)
        put(tmp_path / "runs", value)
    return tmp_path


def told(history, *words, command="reports.history", **variables):
    places = ["--runs", str(history / "runs")]
    if command == "reports.history":
        places += ["--models", str(history)]
    return typed(command, *words, *places, **variables)


@pytest.mark.fault("USE-2")
def test_the_page_of_all_runs_is_drawn(history):
    done = told(history, "--html", str(history / "page.html"))
    assert done.returncode == 0, done.stderr
    page = (history / "page.html").read_text()
    assert "<svg" in page and "data: sample changed" in page


@pytest.mark.fault("USE-16")
@pytest.mark.parametrize("columns", ["80", "60"])
def test_the_history_is_readable_at_this_width(history, columns):
    done = told(history, "--model", "dpo-smollm2", COLUMNS=columns)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        if "2026-01-" in line:
            assert len(line.rstrip()) <= int(columns)
    expected = json.loads((history / "runs" / "20260101-010000-aaaa" / "report.json").read_text())
    for metric, each in expected["summary"][0]["estimates"].items():
        assert f"{each['mean']:.3f}" in done.stdout, metric
        assert f"[{each['low']:.3f}, {each['high']:.3f}]" in done.stdout, metric


@pytest.mark.fault("USE-16")
def test_runs_are_found_by_model_and_number(history):
    done = told(history, "--json")
    assert done.returncode == 0, done.stderr
    runs = json.loads(done.stdout)["runs"]
    names = [each["models"][0]["run"] for each in runs]
    assert names == ["dpo-smollm2~2", "dpo-smollm2~1", "dpo-smollm2"]
    compared = told(history, names[0], names[1], command="reports.compare")
    assert compared.returncode == 0, compared.stderr
    assert f"dpo-smollm2 in {runs[0]['id']}" in compared.stdout
    assert f"dpo-smollm2 in {runs[1]['id']}" in compared.stdout


# Training


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.mark.fault("USE-18")
def test_a_try_makes_two_steps_and_cannot_be_promoted(base, tmp_path, capfd):
    from training.command import run_command

    folder = write_data(tmp_path)
    recipe = write_recipe(
        folder, base, validation=str(folder / "missing.jsonl"), bundle_tokens=512,
        validation_exam={"every": 40, "cases": 40}, training={"max_steps": 900},
    )  # fmt: skip
    places = [f"--{name}={folder / name}" for name in ("registry", "adapters", "runs")]
    assert run_command(method_named("sft"), [str(recipe), *places, "--try"]) == 0
    out = capfd.readouterr().out
    assert "a try of 2 steps" in out and "nan" not in out
    assert not list(folder.glob("registry/*.toml")) and not list(folder.glob("adapters/*"))
    assert out.splitlines()[-1].startswith("Next: python -m training.sft ")


# The example of a workflow


def git(folder, *words):
    return subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words],
        cwd=folder, check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip


def chosen(folder, base):
    """The names that the workflow's own script examines."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "gate.yml").read_text())
    steps = workflow["jobs"]["gate"]["steps"]
    script = next(step["run"] for step in steps if step.get("name") == "Choose the candidates")
    environment = {"PATH": "/usr/bin:/bin", "GIVEN": "", "BASE": base,
                   "GITHUB_ENV": str(folder.parent / "env")}  # fmt: skip
    done = subprocess.run(
        ["bash", "-e", "-c", script], cwd=folder, env=environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return done.stdout.strip().removeprefix("names=").split()


@pytest.fixture
def repository(tmp_path):
    """A repository with a champion and a candidate, both with adapters."""
    folder = tmp_path / "repository"
    for name, status in (("king", "champion"), ("new", "candidate")):
        (folder / "models" / "adapters" / name).mkdir(parents=True)
        (folder / "models" / "adapters" / name / "weights").write_text(name)
        entry = folder / "models" / "registry" / f"{name}.toml"
        entry.parent.mkdir(exist_ok=True)
        entry.write_text(f'status = "{status}"\nadapter = "../adapters/{name}"\n')
    (folder / "models" / "champion.toml").write_text('model = "king"\n')
    git(folder, "init", "-q")
    return folder, commit(folder)


def commit(folder):
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "x")
    return git(folder, "rev-parse", "HEAD")


@pytest.mark.fault("USE-9")
def test_a_promotion_examines_no_retired_model(repository):
    folder, before = repository
    for name, status in (("king", "retired"), ("new", "champion")):
        entry = folder / "models" / "registry" / f"{name}.toml"
        entry.write_text(f'status = "{status}"\nadapter = "../adapters/{name}"\n')
    (folder / "models" / "champion.toml").write_text('model = "new"\n')
    commit(folder)
    assert chosen(folder, before) == ["new"]  # the champion, whose floors must hold


@pytest.mark.fault("USE-9")
def test_the_workflow_decides_on_data_of_ones_own():
    text = (ROOT / ".github" / "workflows" / "gate.yml").read_text()
    assert "--dataset" in text and "EXAM_DATA" in text


@pytest.mark.parametrize("what", ["weights", "entry", "added"])
def test_what_is_new_is_examined(repository, what):
    folder, before = repository
    entry = folder / "models" / "registry" / "new.toml"
    if what == "weights":
        (folder / "models" / "adapters" / "new" / "weights").write_text("trained again")
    elif what == "entry":
        entry.write_text(entry.read_text() + "most_passages = 1\n")
    else:
        shutil.copy(entry, entry.with_name("newer.toml"))
    commit(folder)
    assert chosen(folder, before) == ["newer" if what == "added" else "new"]
