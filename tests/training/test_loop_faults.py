"""Rounds that are killed at every write, and journals, locks and lineages that others spoilt."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

import training.loop.rounds as rounds
import training.loop.steps as steps
from common.errors import UserError
from common.identity import file_digest
from fixtures.datasets import load_dataset
from models.manifest import Manifest, write_manifest
from models.promotion.ledger.entry import Begun, Candidate, Chosen, Ended, Said
from models.promotion.ledger.files import begin, complete
from models.promotion.record.line import Data
from models.promotion.refused import RefusedError
from tests.builders.policies import permissive
from tests.conftest import ROOT
from training.loop.__main__ import main
from training.loop.approval import WaitsError
from training.loop.journal import Made, Round, read_rounds, write_round
from training.loop.policy import read_policy
from training.loop.process import work
from training.loop.rounds import Loop, go_on
from training.loop.sifting import Sifted
from training.loop.triggers import Seen
from training.trainer.recipe import read_recipe

SEEN = Seen("d", ("c",), Sifted((), 0, ()))


class Killed(BaseException):
    """In place of kill -9: nothing catches it, and nothing is noted."""


class Stand:
    """A loop whose steps are done at once, for real as far as the journal and the ledger can see.

    `at` is how many writes of the journal it survives, `late` whether the next one is still made;
    `fails` is the module that ends with 4, and `typed` the words of each.
    """

    def __init__(self, folder, monkeypatch):
        self.folder, self.done, self.writes = folder, Counter(), 0
        self.at, self.late = None, False
        self.fails, self.typed = "", {}
        self.models = folder / "models"
        (self.models / "registry").mkdir(parents=True)
        (folder / "recipe.yaml").write_text("name: t\ndata: rows.jsonl\n")
        (folder / "loop.toml").write_text(
            f'name = "t"\ndataset = "sample"\napproval = false\nstore = "{folder}/no.sqlite"\n'
            f'registry = "{self.models / "registry"}"\n'
            f'[start]\ndays = 1\n[sft]\nrecipe = "{folder / "recipe.yaml"}"\n'
        )
        patched = {
            "work": self.work, "write_round": self.write, "code_digest": lambda: "code",
            "promotion_of": lambda policy, model: self.done["models.promote"] or None,
            "captured": lambda command: (0, ""),
            "read_champion": lambda place: SimpleNamespace(model="t-r1"),
        }  # fmt: skip
        for name, stand_in in patched.items():
            monkeypatch.setattr(rounds, name, stand_in)
        monkeypatch.setattr(steps, "module_command", lambda module, words: [module, *words])

    @property
    def loop(self):
        file = self.folder / "loop.toml"
        return Loop(read_policy(file), file, self.folder / "state")

    def run(self):
        """What `run` does with the round: it begins one, or goes on."""
        found = read_rounds(self.loop.state)
        open_ = found[-1] if found else rounds.begin(self.loop, found, SEEN, ["asked"])
        return go_on(self.loop, open_, "d", lambda line: None)

    def write(self, round_, state):
        self.writes += 1
        if self.at is not None and self.writes > self.at:
            if self.late:
                write_round(round_, state)
            raise Killed
        return write_round(round_, state)

    def work(self, command, lock, beat, limit):
        module, *words = command
        beat(0.0)
        self.done[module] += 1
        self.typed[module] = words
        if module == self.fails:
            return 4
        if module == "training.data":
            output = Path(words[words.index("--output") + 1])
            for suffix in (".jsonl", ".meta.json", ".validation.jsonl"):
                output.with_suffix(suffix).write_text("{}\n")
        elif module == "training.preferences":
            output = Path(words[words.index("--output") + 1])
            for suffix in (".jsonl", ".meta.json"):
                output.with_suffix(suffix).write_text("{}\n")
        elif module in ("training.sft", "training.dpo"):
            self.deliver([word for at, word in enumerate(words) if words[at - 1] == "--set"])
        elif module == "pytest":
            self.examine()
        beat(1.0)
        return 0

    def deliver(self, settings):
        recipe = read_recipe(self.folder / "recipe.yaml", settings)
        facts = {"recipe": recipe.model_dump(mode="json"), "start": None,
                 "data": {"rows": file_digest(recipe.data)}}  # fmt: skip
        adapter = self.models / "adapters" / recipe.name
        adapter.mkdir(parents=True, exist_ok=True)
        (adapter / "adapter_model.safetensors").write_text("weights")
        write_manifest(adapter, Manifest(contracts=(), cases=(), **facts))
        entry = 'kind = "recorded"\npath = "answers.jsonl"\n'
        (self.models / "registry" / f"{recipe.name}.toml").write_text(entry)

    def examine(self):
        begun = Begun(
            "20260101-120000-0000", "2026-01-01T12:00:00Z", (Candidate("t-r1", "i"),), (),
            Data("d", "e", "test"), Chosen(None, False, (), (), (), part=False, sealed=None), 1, 1,
            "gate", "hybrid", (),
        )  # fmt: skip
        said = Ended("2026-01-01T12:00:01Z", "5" * 64, 0.05, (Said("t-r1", "PROMOTE", ()),))
        complete(begin(self.models / "ledger", begun), said)


def test_killed_at_every_write_of_the_journal_it_goes_on_and_does_nothing_twice(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(os, "fsync", lambda file: None)  # the system lives on
    whole = Stand(tmp_path / "whole", monkeypatch)
    assert whole.run().outcome == "PROMOTED" and set(whole.done.values()) == {1}
    assert whole.writes > 12
    for at in range(whole.writes):
        for late in (False, True):
            stand = Stand(tmp_path / f"{at}-{late}", monkeypatch)
            stand.at, stand.late = at, late
            with pytest.raises(Killed):
                stand.run()
            stand.at = None
            assert stand.run().outcome == "PROMOTED", at
            (round_,) = read_rounds(stand.loop.state)
            assert round_.ended and all(made.code == 0 for made in round_.steps.values())
            done = dict(stand.done)
            assert done.pop("training.data") <= 2, "rows are made again: the store has the rest"
            assert done == {"training.sft": 1, "pytest": 1, "models.promote": 1}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda stand: (stand.adapter / "adapter_model.safetensors").write_text("somebody else's"),
        lambda stand: (stand.adapter / "adapter_model.safetensors").unlink(),
        lambda stand: stand.patch(rounds, "code_digest", lambda: "other code"),
    ],
)
def test_an_adapter_that_was_noted_and_is_no_longer_what_was_made_is_trained_again(
    tmp_path, monkeypatch, spoil
):
    """Its manifest says what it always said, and vouches for no weights but the trained ones."""
    stand = Stand(tmp_path, monkeypatch)
    stand.patch, stand.adapter = monkeypatch.setattr, stand.models / "adapters" / "t-r1"
    stand.fails = "pytest"
    with pytest.raises(UserError, match="exit code 4"):
        stand.run()
    stand.fails = ""
    spoil(stand)
    assert stand.run().outcome == "PROMOTED"
    assert stand.done["training.sft"] == 2 and "--force" in stand.typed["training.sft"]
    (round_,) = read_rounds(stand.loop.state)
    assert rounds.holds(round_.steps["sft"].leaves)


def test_an_alignment_that_is_added_to_an_open_round_makes_its_candidate_anew(
    tmp_path, monkeypatch
):
    stand = Stand(tmp_path, monkeypatch)
    stand.fails = "pytest"
    with pytest.raises(UserError, match="exit code 4"):
        stand.run()  # SFT has made t-r1, which is the name of what is aligned from now on
    file = tmp_path / "loop.toml"
    file.write_text(
        f'{file.read_text()}[align]\nmethod = "dpo"\nrecipe = "{tmp_path}/recipe.yaml"\n'
    )
    with pytest.raises(UserError, match="exit code 4"):
        stand.run()
    assert stand.done["training.sft"] == 2 and "--force" in stand.typed["training.dpo"]


def test_what_others_pay_while_a_round_waits_for_a_person_is_none_of_its_money(
    tmp_path, monkeypatch
):
    stand = Stand(tmp_path, monkeypatch)
    file = tmp_path / "loop.toml"
    text = file.read_text().replace("approval = false", "approval = true")
    file.write_text(f"{text}[budget]\ncalls = 10\n")
    spent, waits = [0], True

    def rejection(*_):
        if waits:
            raise WaitsError("somebody has to approve")
        return ""

    monkeypatch.setattr(rounds, "paid", lambda store: (spent[0], 0.0))
    monkeypatch.setattr(rounds, "rejection", rejection)
    for _ in range(3):
        with pytest.raises(WaitsError):
            stand.run()
        spent[0] += 500
    waits = False
    round_ = stand.run()
    assert (round_.outcome, round_.spent[1]) == ("PROMOTED", 0)


def test_a_round_whose_candidate_was_promoted_is_not_abandoned(tmp_path, monkeypatch, capsys):
    stand = Stand(tmp_path, monkeypatch)
    stand.at = 8
    with pytest.raises(Killed):
        stand.run()
    stand.at, stand.done["models.promote"] = None, 1  # by hand
    words = [str(tmp_path / "loop.toml"), "--state", str(stand.loop.state)]
    assert main(["run", *words, "--abandon", "no longer wanted"]) == 0
    assert "round 1 ended: PROMOTED: t-r1 is the champion\n" in capsys.readouterr().out


@pytest.fixture
def quiet(tmp_path, monkeypatch):
    """A loop with an open round, and the words that ask for it."""
    stand = Stand(tmp_path, monkeypatch)
    round_ = Round(1, 1e9, ("asked",), "t-r1", "", "", steps={"data": Made("k", "line", "then")})
    path = write_round(round_, stand.loop.state)
    return stand, path, ["status", str(tmp_path / "loop.toml"), "--state", str(tmp_path / "state")]


def edited(**changes):
    return lambda text: json.dumps(json.loads(text) | changes)


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[" * 100_000,
        lambda text: "null",
        lambda text: text.replace("asked", "\\ud800"),
        lambda text: text.encode().replace(b"asked", b"\xff\x00\x1b[2J"),
        lambda text: text.replace('"began": 1000000000.0', '"began": 1e999'),
        edited(began=1e300),
        edited(began=-1),
        edited(number=2),
        edited(ended=1e18),
        edited(steps=[]),
        edited(steps={"data": {"key": "k"}}),
        edited(of_another_version=1),
        edited(why="asked"),
    ],
)
def test_a_journal_that_was_spoilt_is_one_line_and_kept(quiet, spoilt, capsys):
    _, path, words = quiet
    text = spoilt(path.read_text())
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    before = path.read_bytes()
    for typed in (words, ["run", *words[1:]], ["plan", *words[1:], "--json"]):
        assert main(typed) == 4
        out, error = capsys.readouterr()
        assert error.count("\n") == 1 and str(path) in error and not out
        assert "restore it, or remove" in error
    assert path.read_bytes() == before


def test_what_a_journal_says_moves_no_cursor(quiet, capsys):
    _, path, words = quiet
    path.write_text(path.read_text().replace("asked", "a\\u001b[2J\\nb"))
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "because a\\x1b[2J b" in said and "\x1b" not in said


def test_a_full_disk_leaves_the_journal_as_it_was(quiet):
    stand, path, _ = quiet
    before = path.read_bytes()
    script = (
        "import resource, sys\n"
        "from training.loop.__main__ import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    words = ["run", str(stand.folder / "loop.toml"), "--state", str(stand.loop.state)]
    done = subprocess.run(
        [sys.executable, "-c", script, *words, "--abandon", "no room"], cwd=ROOT, text=True,
        capture_output=True, env={"PATH": os.environ["PATH"], "HOME": str(stand.folder)},
    )  # fmt: skip
    assert done.returncode == 4 and done.stderr.count("\n") == 1, done.stderr
    assert str(path) in done.stderr and path.read_bytes() == before
    assert sorted(each.name for each in path.parent.iterdir()) == ["round.json"]


def test_a_round_is_not_abandoned_while_a_step_of_it_works(quiet, capsys):
    _, path, words = quiet
    process = subprocess.Popen(["flock", str(path.parent / rounds.LOCK), "sleep", "60"])
    try:
        while not rounds.is_working(path.parent / rounds.LOCK):
            assert process.poll() is None
        assert main(["run", *words[1:], "--abandon", "enough"]) == 3
        assert "a step of round 1 works on, though its loop was killed" in capsys.readouterr().out
    finally:
        process.kill()
    process.wait()


def test_whoever_looks_at_a_lock_is_no_step(tmp_path):
    """`status` holds it for as long as it takes to look: a step that begins then waits for that."""
    lock = tmp_path / "step.lock"
    process = subprocess.Popen(["flock", str(lock), "sleep", "0.5"])
    while not rounds.is_working(lock):
        assert process.poll() is None
    assert work(["true"], lock, lambda seconds: None, None) == 0
    process.wait()


def test_another_name_in_the_policy_is_no_other_candidate(quiet, capsys):
    stand, _, words = quiet
    file = stand.folder / "loop.toml"
    file.write_text(file.read_text().replace('name = "t"', 'name = "u"'))
    assert main(["run", *words[1:], "--start", "again"]) == 4
    said = capsys.readouterr()
    assert "--start begins no other round: 1 is open, and goes on" in said.out
    assert f"{file} was edited since round 1 began" in said.out
    assert "`name` is 'u' now, and round 1 makes t-r1; put it back" in said.err


def test_a_password_in_an_address_stands_in_no_line_and_no_journal(quiet, capsys, monkeypatch):
    stand, path, words = quiet
    file = stand.folder / "loop.toml"
    address = "postgresql://me:hunter2secret@nowhere.invalid/answers"
    store = next(line for line in file.read_text().splitlines() if line.startswith("store"))
    file.write_text(file.read_text().replace(store, f'store = "{address}"'))
    assert main(["plan", *words[1:], "--json"]) == 0
    assert "hunter2" not in capsys.readouterr().out
    monkeypatch.setattr(rounds, "paid", lambda store: (0, 0.0))
    assert stand.run().outcome == "PROMOTED"
    assert "hunter2" not in path.read_text() and "postgresql://me:***@" in path.read_text()


def test_a_state_folder_that_no_journal_can_name_is_refused(quiet, mistake):
    _, _, words = quiet
    line = mistake(main(["run", *words[1:-1], os.fsdecode(b"odd\xff")]))
    assert "--state odd" in line and "is no UTF-8; give another folder" in line


def test_what_a_step_cost_before_it_was_killed_counts(tmp_path, monkeypatch):
    """The calls of an attempt that nobody noted are no longer there to be spent."""
    stand = Stand(tmp_path, monkeypatch)
    file = tmp_path / "loop.toml"
    file.write_text(file.read_text() + "[budget]\ncalls = 100\ndollars = 10\n")
    spent = [0, 0.0]
    monkeypatch.setattr(rounds, "paid", lambda store: tuple(spent))
    own, given = stand.work, []

    def work(command, lock, beat, limit):
        if command[0] == "pytest":
            given.append(command[-4:])
            spent[:] = [spent[0] + 30, spent[1] + 4.0]
            if len(given) == 1:
                raise Killed
        return own(command, lock, beat, limit)

    monkeypatch.setattr(rounds, "work", work)
    with pytest.raises(Killed):
        stand.run()
    round_ = stand.run()
    # The exam counts the dollars that it paid before by itself, and not the calls.
    assert given == [
        ["--max-calls", "100", "--max-cost", "10.000000"],
        ["--max-calls", "70", "--max-cost", "10.000000"],
    ]
    assert round_.outcome == "PROMOTED" and round_.spent[1:] == (60, 8.0)


def test_rows_that_fail_for_want_of_calls_end_the_round(tmp_path, monkeypatch):
    stand = Stand(tmp_path, monkeypatch)
    file = tmp_path / "loop.toml"
    file.write_text(file.read_text() + "[budget]\ncalls = 3\n")
    spent = [0]
    monkeypatch.setattr(rounds, "paid", lambda store: (spent[0], 0.0))

    def work(command, lock, beat, limit):
        spent[0] += 3
        return 4

    monkeypatch.setattr(rounds, "work", work)
    round_ = stand.run()
    assert (round_.outcome, round_.reason) == ("BUDGET", "its calls are used up in the step data")


def test_a_promotion_that_is_refused_since_another_came_first_is_examined_again(
    tmp_path, monkeypatch
):
    stand = Stand(tmp_path, monkeypatch)
    own = stand.work

    def work(command, lock, beat, limit):
        if command[0] == "models.promote" and not policy.exists():
            # In place of a champion: both are what exams stand on.
            policy.write_text(permissive("a" * 64, "d" * 64))
            return 1
        return own(command, lock, beat, limit)

    policy = stand.models / "policy.toml"
    monkeypatch.setattr(rounds, "work", work)
    with pytest.raises(RefusedError, match="type the same line, and it is examined again"):
        stand.run()
    assert stand.run().outcome == "PROMOTED" and stand.done["pytest"] == 2


def test_a_candidate_that_was_taken_out_of_service_again_is_not_called_promoted(
    tmp_path, monkeypatch
):
    stand = Stand(tmp_path, monkeypatch)
    stand.at = 8
    with pytest.raises(Killed):
        stand.run()
    stand.at, stand.done["models.promote"] = None, 1  # by hand, and back
    monkeypatch.setattr(rounds, "read_champion", lambda place: SimpleNamespace(model="before"))
    round_ = stand.run()
    assert round_.outcome == "REFUSED"
    assert round_.reason == "t-r1 was promoted, and is no longer in service"


def test_feedback_that_is_not_there_yet_stops_no_round(tmp_path, capsys, mistake):
    case = next(c for c in load_dataset("sample").cases if c.answerable)
    there = tmp_path / "said.jsonl"
    there.write_text(json.dumps({"case": case.id, "answer": "x", "score": "up"}) + "\n")
    later, kept = tmp_path / "later.jsonl", tmp_path / "kept.jsonl"
    words = ["--dataset", "sample", "--output", str(kept)]
    assert main(["sift", str(there), str(later), *words]) == 0
    assert f"{later} is not there, and counts as empty" in capsys.readouterr().out
    assert kept.exists()
    assert "no such file or folder of feedback" in mistake(main(["sift", str(later), *words]))


class Family:
    """Adapters of a registry, and what their manifests say of each other."""

    def __init__(self, stand):
        self.stand = stand

    def add(self, name, **facts):
        models = self.stand.models
        adapter = models / "adapters" / name
        adapter.mkdir(parents=True)
        if facts:
            write_manifest(adapter, Manifest(contracts=(), cases=(), **facts))
        (models / "registry" / f"{name}.toml").write_text(
            f'kind = "local"\nbase = "embedded:smollm2"\nadapter = "../adapters/{name}"\n'
        )


def test_a_lineage_is_told_of_whatever_manifests_say(quiet, capsys, mistake):
    stand, _, words = quiet
    family = Family(stand)
    family.add("a", method="dpo", start={"name": "b"}, data={"dataset": "d", "statistics": [1]})
    family.add("b", start={"name": "a"}, base="x", recipe=7)
    family.add("c", start={"name": "gone"}, data=[1])
    family.add("bare")
    family.add("odd", start="a", data={"statistics": {"pairs from human": "many"}}, method=["x"])

    def said(name, *more):
        assert main(["lineage", name, *words[1:], *more]) == 0
        return capsys.readouterr().out

    assert "└─ adapter: a, which its own manifest makes a start of itself" in said("a")
    assert "adapter: gone, which is no longer in the registry" in said("c")
    assert "adapter: bare, whose manifest is gone from " in said("bare")
    assert said("odd").startswith("adapter: odd") and said("a", "--mermaid").startswith("flowchart")
    file = stand.models / "adapters" / "b" / "manifest.json"
    for text in ("", "{", '{"contracts": 1}', "\xff\x00"):
        file.write_text(text, "latin-1")
        assert str(file) in mistake(main(["lineage", "a", *words[1:]]))
