"""The whole loop: examine, promote, examine the next against the champion, as a user types it."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


class Team:
    """A team's folders: a registry beside its champion, a store, runs."""

    def __init__(self, folder):
        self.folder = folder
        self.models = folder / "models"
        shutil.copytree(ROOT / "models" / "registry", self.models / "registry")

    def run(self, *command):
        return subprocess.run(
            [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=300
        )

    def examine(self, model, *args):
        return self.run(
            "pytest", "evals", "-q", "-p", "no:cacheprovider", f"--model={model}",
            f"--registry={self.models / 'registry'}", f"--store={self.folder / 'store.sqlite'}",
            f"--runs={self.folder / 'runs'}", *args,
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
        return f"recorded:{path}"


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    """A team whose champion is the extractive model."""
    team = Team(tmp_path_factory.mktemp("team"))
    first = team.examine("extractive", "--baseline=champion")
    assert first.returncode == 0, first.stdout[-3000:]
    promoted = team.promote("extractive")
    assert promoted.returncode == 0, promoted.stderr
    team.cases = team.report["cases"]
    team.answers = {team.cases[row["case"]]["id"]: row["answer"] for row in team.report["results"]}
    return team


def verdict(team, result):
    found = team.report["verdicts"][0]
    assert (result.returncode == 0) == (found["outcome"] == "PROMOTE"), result.stdout[-3000:]
    return found


def gold(case):
    return case["expected"][0]["text"] if case["expected"] else "Not found."


def test_the_champions_own_answers_are_promoted(team):
    own = team.record("own", team.answers.items())
    found = verdict(team, team.examine(own, "--baseline=champion"))
    assert found["outcome"] == "PROMOTE"
    against = [c for c in found["checks"] if c["against"] == "champion extractive"]
    assert len(against) >= 4
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
    rows = [(case["id"], "the parties agree") for case in team.cases]
    found = verdict(team, team.examine(team.record("worse", rows), "--baseline=champion"))
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


def test_sequential_exam_stops_early_and_says_so(team):
    rows = [(case["id"], "the parties agree") for case in team.cases]
    without = team.examine(team.record("seq", rows), "--sequential")
    assert without.returncode == 4
    assert "--sequential needs" in without.stderr + without.stdout
