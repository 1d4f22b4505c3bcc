"""`python -m training.loop`: rounds begin for a reason, go on wherever they were cut, and end."""

import json
import os
import shutil
import signal
import time

import pytest

from tests.builders.loop import LoopWorld
from tests.builders.world import World

CONTRACTS = 60


@pytest.fixture(scope="session")
def small_world(tmp_path_factory):
    return World.written(tmp_path_factory.mktemp("loop") / "world", contracts=CONTRACTS)


@pytest.fixture
def loop(small_world, checkout, tmp_path):
    return LoopWorld(small_world, tmp_path, checkout)


def modules(loop):
    return [each["module"] for each in loop.steps]


def until(there, process=None):
    """Wait until something is there."""
    for _ in range(600):
        if there():
            return
        assert process is None or process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    raise AssertionError("it never came")


def test_a_round_waits_for_approval_then_promotes_and_the_next_is_rejected(loop):
    loop.writes(approval=True)
    loop.says(model="better", **{"models.approve": 3})
    first = loop.typed("run", also="models.approve")
    assert first.returncode == 3, first.stdout + first.stderr
    assert "round 1 waits: t-r1 passed" in first.stdout and "models.approve t-r1" in first.stdout
    stands = loop.status()
    assert stands["state"] == "waits" and stands["champion"] == ""
    assert stands["next"].startswith("python -m models.approve t-r1 --status --json")
    assert loop.champion == ""

    loop.says(model="better", conditions=["not on Friday"])
    on_terms = loop.typed("run", also="models.approve")
    assert on_terms.returncode == 3 and "on conditions (not on Friday)" in on_terms.stdout
    assert "models.promote t-r1 --conditions-met" in on_terms.stdout and loop.champion == ""

    # What lags outside undoes no promotion, so it ends no round either.
    (loop.world.models / "publish.toml").write_text("[mlfow]\n")
    loop.says(model="better")
    again = loop.typed("run", also="models.approve")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "nothing outside follows" in again.stdout + again.stderr
    assert "round 1 ended: PROMOTED: t-r1 is the champion" in again.stdout
    assert loop.champion == "t-r1"
    assert modules(loop) == ["training.data", "training.sft", *["models.approve"] * 3]

    idle = loop.typed("run")
    assert idle.returncode == 0 and "nothing to do: 0.0 days since round 1" in idle.stdout
    said = loop.typed("lineage", "t-r1").stdout
    assert "├─ round: 1 of " in said and "against nobody: PROMOTE" in said
    assert "└─ promotion: " in said
    drawn = loop.typed("lineage", "t-r1", "--mermaid").stdout
    assert drawn.startswith("flowchart LR") and "n1 --> n0" in drawn

    loop.says(model="worse", **{"models.approve": 0})
    from_champion = loop.policy.read_text().replace("[examine]", 'start = "champion"\n[examine]')
    loop.policy.write_text(from_champion)
    assert " --set adapter=null" in loop.typed("plan").stdout
    worse = loop.typed("run", "--start", "somebody asks")
    assert "t-r1, which is in service, is no adapter: SFT starts from the base" in worse.stdout
    assert worse.returncode == 1
    assert "round 2 ended: REJECT: the step examine says REJECT; the champion stays" in worse.stdout
    assert loop.champion == "t-r1" and loop.status()["round"]["why"] == ["somebody asks"]
    adapter = 'kind = "local"\nbase = "embedded:smollm2"\nadapter = "../adapters/t-r1"\n'
    (loop.world.models / "registry" / "t-r1.toml").write_text(adapter)
    assert " --set adapter=t-r1" in loop.typed("plan").stdout


def test_killed_in_every_step_it_goes_on_and_does_nothing_twice(loop, capsys):
    """Loop and step are killed in the training, then in the exam, then before it is noted so."""
    loop.writes(approval=True)  # of a policy that asks nobody for one
    loop.says(model="better", slow="training.sft")
    process = loop.begun("run")
    until((loop.folder / "working").exists, process)
    process.kill()
    process.wait()
    loop.end_stand_in()
    killed = time.time()
    (loop.folder / "quick").touch()
    process = loop.begun("run")
    until(lambda: len(loop.steps) == 3, process)
    continued = loop.steps[-1]["time"] - killed
    with capsys.disabled():
        print(f"\nfrom kill -9 of loop and step to the continued step: {continued:.1f} s")
    assert modules(loop) == ["training.data", "training.sft", "training.sft"]
    assert "--force" in loop.steps[-1]["words"] and continued < 30

    ledger = loop.world.models / "ledger"
    until(lambda: ledger.is_dir() and list(ledger.glob("*.json")), process)
    process.kill()  # the exam works on by itself, and is waited for
    process.wait()
    done = loop.typed("run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a step that was begun before works on; waiting for it (round 1)" in done.stdout
    assert "done before it was cut off: pytest evals" in done.stdout
    assert loop.champion == "t-r1" and len(list(ledger.glob("*.json"))) == 1

    path = loop.state / "0001" / "round.json"
    journal = json.loads(path.read_text())
    assert journal["steps"]["sft"]["attempts"] == journal["steps"]["examine"]["attempts"] == 2
    journal["steps"]["promote"]["code"] = journal["ended"] = None  # killed before it was noted
    journal["outcome"] = ""
    path.write_text(json.dumps(journal))
    (loop.world.models / "publish.toml").write_text("[mlfow]\n")  # with which --verify ends with 3
    noted = loop.typed("run")
    assert noted.returncode == 0 and "PROMOTED" in noted.stdout, noted.stdout + noted.stderr
    assert len((loop.world.models / "promotions.jsonl").read_text().splitlines()) == 1


def test_what_changed_is_made_again_and_nothing_else(loop):
    loop.says(model="better", **{"training.sft": 4})
    failed = loop.typed("run")
    assert failed.returncode == 4 and failed.stderr.startswith("ERROR: `python -m training.sft ")
    loop.typed("run")
    assert modules(loop) == ["training.data", "training.sft", "training.sft"]
    (loop.state / "0001" / "sft.jsonl").write_text("somebody's\n")
    loop.typed("run")
    assert modules(loop)[3:] == ["training.data", "training.sft"]
    (loop.folder / "recipe.yaml").unlink()
    gone = loop.typed("run")
    assert gone.returncode == 4 and gone.stderr.count("\n") == 1
    assert "recipe.yaml is gone, and a step of the round needs it; restore it" in gone.stderr
    shutil.rmtree(loop.world.folder / "contracts")
    lost = loop.typed("run")
    assert lost.returncode == 4 and lost.stderr.count("\n") == 1
    assert "round 1 has lost its data: --dataset " in lost.stderr and "restore" in lost.stderr
    left = loop.typed("run", "--abandon", "its contracts are gone")
    assert left.returncode == 1
    assert "round 1 ended: ABANDONED: its contracts are gone; the champion stays" in left.stdout


def test_a_round_ends_when_its_hours_do(loop):
    loop.writes(more="[budget]\nhours = 0.0005")
    loop.says(model="better", slow="training.sft", seconds=30)
    over = loop.typed("run")
    assert over.returncode == 1, over.stderr
    line = "round 1 ended: BUDGET: the hours of the budget are used up in the step sft; the"
    assert line in over.stdout and loop.champion == ""


def test_one_run_at_a_time(loop):
    loop.says(model="better", slow="training.sft")
    process = loop.begun("run")
    until((loop.folder / "working").exists, process)
    second = loop.typed("run")
    assert second.returncode == 3 and "another `python -m training.loop run`" in second.stdout
    assert loop.status()["state"] == "working"
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(20) == 2
    assert loop.status()["state"] == "open"


@pytest.mark.parametrize(
    ("code", "returned", "says"),
    [
        (0, 0, "nothing to do: no drift was found"),
        (3, 0, "nothing to do: too little was served to speak of drift"),
        (4, 4, "`python -m reports.drift` ended with exit code 4 and no finding"),
    ],
)
def test_the_drift_command_is_asked(loop, code, returned, says):
    loop.writes(start='drift = ["--served", "x"]')
    loop.says(model="better", **{"reports.drift": code})
    done = loop.typed("run", also="reports.drift")
    assert done.returncode == returned and says in done.stdout + done.stderr
    assert loop.steps[0]["words"] == ["--served", "x", "--json"]


def test_a_crash_of_the_drift_command_is_no_drift(loop):
    loop.writes(start='drift = ["--served", "x"]')
    loop.says(model="better", crashes=True, **{"reports.drift": 1})
    done = loop.typed("run", also="reports.drift")
    assert done.returncode == 4 and "ended with exit code 1 and no finding" in done.stderr
    assert not list(loop.state.glob("0*"))


def test_models_are_not_made_twice_where_the_journals_were_lost(loop):
    loop.says(model="better", **{"training.sft": 4})
    loop.typed("run")
    shutil.copy(loop.world.registry / "better.toml", loop.world.registry / "t-r1.toml")
    shutil.rmtree(loop.state)
    loop.typed("run")
    assert loop.status()["round"]["candidate"] == "t-r2"


def test_drift_begins_a_round(loop):
    asked = ["--served", "x", "--judge", "j", "--max-calls", "9"]  # which bound a judge of drift
    loop.writes(start=f"drift = {json.dumps(asked)}")
    loop.says(model="better", **{"reports.drift": 1, "training.data": 4})
    assert "round 1 begins: drift was found" in loop.typed("run", also="reports.drift").stdout
    assert loop.steps[0]["words"] == [*asked, "--json"]


def test_a_dry_run_prints_the_lines_and_does_nothing(loop):
    loop.writes(more='[align]\nmethod = "dpo"\nrecipe = "x.yaml"', approval=True)
    done = loop.typed("run", "--dry-run")
    assert done.returncode == 0 and not loop.state.exists() and not loop.steps
    words = ("data", "sft", "preferences", "dpo", "evals", "approve", "promote")
    lines = [line for line in done.stdout.splitlines() if line.startswith("  to do: ")]
    assert len(lines) == len(words)
    assert all(word in line for word, line in zip(words, lines, strict=True))
    planned = json.loads(loop.typed("plan", "--json").stdout)
    assert [f"  to do: {each['line']}" for each in planned["steps"]] == lines
