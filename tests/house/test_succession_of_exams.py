"""The whole loop: examine, promote, examine the next against the champion, as a user types it."""

import csv
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evals.gate import read_gate
from fixtures.datasets import load_dataset
from tests.builders.excuses import excusing
from tests.builders.policies import permissive

ROOT = Path(__file__).parents[2]
# What four contracts can show of a model that quotes the nearest sentence, and of one that is right
# where it is not, when both are one of several that were held against the anchor.
GATE = """
[metrics.token_f1]
role = "primary"
floor = 0.10
margin = 0.20

[metrics.abstention]
role = "guard"
floor = 0.50
margin = 0.50

[metrics.laziness]
role = "guard"
floor = 0.80
"""
RECORDED = ("own", "slight", "worse", "better", "beside")


class Team:
    """A team's folders: a registry beside its champion, a store, runs; and its checkout."""

    def __init__(self, folder, checkout=ROOT):
        self.folder = folder
        self.checkout = checkout
        self.models = folder / "models"
        shutil.copytree(ROOT / "models" / "registry", self.models / "registry")
        self.gate = folder / "gate.toml"
        self.gate.write_text(GATE)
        self.excuse(*map(self.recorded, RECORDED))

    def excuse(self, *names):
        gate, data = read_gate(self.gate), load_dataset("sample")
        policy = permissive(gate.identity, data.identity, gate.metrics)
        (self.models / "policy.toml").write_text(excusing(*names, policy=policy))

    def recorded(self, name):
        return f"recorded:{self.folder / name}.csv"

    def run(self, *command):
        return subprocess.run(
            [sys.executable, "-m", *command], cwd=self.checkout, capture_output=True, text=True,
            timeout=1800,
        )  # fmt: skip

    def examine(self, model, *args):
        return self.run(
            "pytest", "evals", "-q", "-p", "no:cacheprovider", f"--model={model}",
            f"--registry={self.models / 'registry'}", f"--store={self.folder / 'store.sqlite'}",
            f"--runs={self.folder / 'runs'}", f"--gate={self.gate}", "--judge=none", *args,
        )  # fmt: skip

    def promote(self, *args):
        return self.run(
            "models.promote", *args, f"--folder={self.models}",
            f"--registry={self.models / 'registry'}", f"--runs={self.folder / 'runs'}",
        )  # fmt: skip

    @property
    def report(self):
        return json.loads((self.folder / "latest" / "report.json").read_text())

    def record(self, name, rows):
        path = self.folder / f"{name}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["case_id", "answer"])
            writer.writerows(rows)
        return self.recorded(name)


@pytest.fixture(scope="module")
def team(tmp_path_factory, checkout):
    """A team whose champion is the extractive model."""
    team = Team(tmp_path_factory.mktemp("team"), checkout)
    first = team.examine("extractive", "--baseline=champion")
    assert first.returncode == 0, first.stdout[-3000:]
    promoted = team.promote("extractive")
    assert promoted.returncode == 0, promoted.stderr
    team.cases = team.report["cases"]
    team.answers = {team.cases[row["case"]]["id"]: row["answer"] for row in team.report["results"]}
    return team


def verdict(team, result):
    found = team.report["verdicts"][0]
    good = found["outcome"] in ("PROMOTE", "PASS")
    assert (result.returncode == 0) == good, result.stdout[-3000:]
    return found


def gold(case):
    return case["expected"][0]["text"] if case["expected"] else "Not found."


def test_four_contracts_do_not_prove_that_the_champions_own_answers_are_as_good(team):
    own = team.record("own", team.answers.items())
    found = verdict(team, team.examine(own, "--baseline=champion"))
    assert found["outcome"] == "INCONCLUSIVE"
    against = [c for c in found["checks"] if c["against"] == "champion extractive"]
    assert {check["metric"] for check in against} == {"token_f1", "abstention"}
    assert all(check["estimate"]["mean"] == 0 for check in against)


def test_slightly_worse_answers_are_not_rejected_and_not_called_better(team):
    wrong = {case["id"] for case in team.cases if case["expected"]}
    wrong = set(sorted(wrong)[:2])
    rows = [(id_, "the parties" if id_ in wrong else text) for id_, text in team.answers.items()]
    found = verdict(team, team.examine(team.record("slight", rows), "--baseline=champion"))
    check = next(
        c for c in found["checks"] if c["metric"] == "token_f1" and "champion" in c["against"]
    )
    assert check["estimate"]["mean"] < 0
    assert found["outcome"] in ("PROMOTE", "INCONCLUSIVE")


def test_clearly_worse_answers_are_rejected(team):
    right = team.record("better", [(case["id"], gold(case)) for case in team.cases])
    rows = [(case["id"], "the parties agree") for case in team.cases]
    found = verdict(team, team.examine(team.record("worse", rows), f"--baseline={right}"))
    assert found["outcome"] == "REJECT"
    assert any("token_f1" in reason and "worse" in reason for reason in found["reasons"])


def test_clearly_better_answers_are_promoted_and_then_reign(team):
    rows = [(case["id"], gold(case)) for case in team.cases]
    better = team.record("better", rows)
    result = team.examine(better, "--baseline=champion")
    assert verdict(team, result)["outcome"] == "PROMOTE", result.stdout[-3000:]


def test_a_model_that_was_not_examined_is_refused(team):
    refused = team.promote("smollm2")
    assert refused.returncode in (1, 4)
    assert "Traceback" not in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


def test_a_model_that_changed_since_its_exam_is_refused(team):
    entry = team.models / "registry" / "extractive.toml"
    shutil.copy(entry, team.models / "registry" / "second.toml")
    second = team.examine("second", "--baseline=champion", "--contract=SPONSORSHIP")
    assert second.returncode != 0, "one contract decides nothing"
    assert team.promote("second").returncode == 1


def test_changed_contract_asks_only_its_own_cases_again(team, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(ROOT / "fixtures" / "data" / "sample", data)
    for name in ("CUAD_v1.json", "test.json"):
        content = json.loads((data / name).read_text())
        for document in content["data"]:
            if "SPONSORSHIP" in document["title"]:
                document["paragraphs"][0]["context"] += "\nAmended and restated."
        (data / name).write_text(json.dumps(content))
    team.examine("extractive", f"--dataset={data}")
    changed = [case for case in team.cases if "SPONSORSHIP" in case["contract"]]
    assert team.report["spending"]["calls"] == len(changed) == 41


def test_sequential_needs_an_opponent(team):
    result = team.examine("echo", "--sequential")
    assert result.returncode == 4
    assert "--sequential needs" in result.stderr + result.stdout


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """40 contracts x 10 questions, the champion's answers right in four of five."""
    folder = tmp_path_factory.mktemp("many")
    draw = random.Random(7)
    right = {(c, q): draw.random() < 0.8 for c in range(40) for q in range(10)}

    def write(name, is_right):
        with (folder / name).open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["case_id", "contract", "question", "expected", "answer"])
            for c, q in right:
                expected = f"clause {q} of contract {c}"
                answer = expected if is_right(c, q) else "the parties agree"
                writer.writerow([f"{c}/{q}", f"contract {c}", f"What is {q}?", expected, answer])
        return f"recorded:{folder / name}"

    def worse(c, q):
        return right[c, q] and draw.random() < 0.4

    return write("champion.csv", lambda c, q: right[c, q]), write("worse.csv", worse)


EXACT = '[metrics.exact_match]\nrole = "guard"\nmargin = 0.05\n'


def test_sequential_exam_stops_once_the_verdict_is_certain(team, many, tmp_path):
    champion, worse = many
    gate = tmp_path / "gate.toml"
    gate.write_text(EXACT)
    args = (f"--dataset={champion}", "--retriever=none", f"--baseline={champion}", f"--gate={gate}")
    result = team.examine(worse, *args, "--sequential")
    report = team.report
    assert verdict(team, result)["outcome"] == "REJECT"
    assert len(report["results"]) < 2 * 400
    assert any("stopped after look" in note for note in report["notes"])
    assert "stopped after look" in result.stdout
    whole = team.examine(worse, *args)
    assert verdict(team, whole)["outcome"] == "REJECT"
    assert len(team.report["results"]) == 2 * 400


def test_sequential_exam_that_cannot_conclude_early_asks_everything(team, many, tmp_path):
    champion, _ = many
    gate = tmp_path / "gate.toml"
    own = tmp_path / "own.csv"
    gate.write_text(EXACT)
    team.excuse(f"recorded:{own}", *map(team.recorded, RECORDED))
    args = (f"--dataset={champion}", "--retriever=none", f"--baseline={champion}", f"--gate={gate}")
    shutil.copy(champion.removeprefix("recorded:"), own)
    result = team.examine(f"recorded:{own}", *args, "--sequential")
    assert verdict(team, result)["outcome"] == "PASS"  # the baseline is not who is in service


def test_no_champion_yet_is_said(tmp_path):
    fresh = Team(tmp_path)
    result = fresh.examine("extractive", "--baseline=champion", "--limit=24", "--category=Parties")
    assert "there is no champion yet" in result.stdout


def test_the_champion_stays_an_opponent_beside_itself(team, many, tmp_path):
    rows = [(case["id"], "the parties agree") for case in team.cases]
    worse = team.record("beside", rows)
    result = team.examine(worse, "--model=extractive", "--baseline=champion")
    outcomes = {row["model"]: row["outcome"] for row in team.report["verdicts"]}
    assert outcomes == {worse: "REJECT", "extractive": "PASS"}
    assert result.returncode == 1


@pytest.mark.heavy
def test_the_embedded_model_is_rejected_against_the_extractive_champion(team):
    result = team.examine("smollm2", "--baseline=champion")
    assert verdict(team, result)["outcome"] == "REJECT"
