"""Sealed contracts end to end: examined for a promotion alone, and nothing of a case is told."""

import json
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.seal import main as seal
from models.evidence import main as verify
from models.promotion.ledger.files import read_ledger
from reports.dossier.pack import packed
from tests.builders.excuses import excusing
from tests.builders.world import World
from tests.fixtures.test_sealing import write_contracts
from tests.models.test_evidence import files_of, relisted

ROOT = Path(__file__).parents[2]
GATE = """\
alpha = 0.05
minimum_cases = 10

[pass_marks]
token_f1 = 0.5

[metrics]
token_f1 = { role = "guard", floor = 0.7, margin = 0.2 }
"""


class Team:
    """A data set of 100 contracts, and recorded models that answer it well and badly."""

    def __init__(self, folder):
        self.folder = folder
        self.data = write_contracts(folder, 100)
        (folder / "gate.toml").write_text(GATE)
        (folder / "models" / "registry").mkdir(parents=True)
        (folder / "models" / "policy.toml").write_text(excusing("good", "bad"))
        for name, wrong in {"good": 0, "bad": 2}.items():
            self.record(name, wrong)

    def record(self, name, wrong):
        rows = []
        for number, document in enumerate(json.loads(self.data.read_text())["data"]):
            (paragraph,) = document["paragraphs"]
            for question in paragraph["qas"]:
                gold = [answer["text"] for answer in question["answers"]]
                category = question["id"].rpartition("__")[2]
                missed = wrong and number % wrong == 0
                answer = f"{name} errs" if missed or not gold else gold[0]
                rows.append({"case_id": f"{document['title']}__{category}", "answer": answer})
        path = self.folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        entry = self.folder / "models" / "registry" / f"{name}.toml"
        entry.write_text(f'kind = "recorded"\npath = "{path}"\n')

    def run(self, *command):
        return subprocess.run(
            [sys.executable, "-m", *command, f"--registry={self.folder / 'models' / 'registry'}"],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
        )  # fmt: skip

    def examine(self, name, *words):
        return self.run(
            "pytest", "evals", "-p", "no:cacheprovider", f"--model={name}",
            f"--dataset={self.data}", f"--gate={self.folder / 'gate.toml'}", "--retriever=bm25",
            f"--store={self.folder / 'store.sqlite'}", f"--runs={self.folder / 'runs'}",
            "--judge=none", "--baseline=champion", *words,
        )  # fmt: skip

    def sealed(self, name, *words):
        return self.examine(name, "--sealed", "-rA", "-v", *words)

    @property
    def policy(self):
        return self.folder / "models" / "policy.toml"

    @property
    def ledger(self):
        return read_ledger(self.folder / "models" / "ledger")

    @property
    def newest(self):
        return max((self.folder / "runs").iterdir())


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    """A team that has sealed a quarter of its contracts."""
    team = Team(tmp_path_factory.mktemp("team"))
    assert team.examine("bad", "--sealed").returncode == 4, "nothing is sealed yet"
    done = team.run("fixtures.seal", f"--dataset={team.data}")
    assert done.returncode == 0, done.stdout
    return team


@pytest.fixture(scope="module")
def opened(team):
    """What development and sealed exams of a model that passes both printed."""
    early = team.sealed("good")
    dev = team.examine("good")
    return early, dev, team.sealed("good")


def test_nothing_is_opened_before_development_says_promote(team, opened):
    early, dev, _ = opened
    assert early.returncode == 4
    assert "the last exam of good on the contracts that are not sealed says nothing" in early.stdout
    assert dev.returncode == 0, dev.stdout[-2000:]
    assert "a promotion needs the sealed contracts too: pytest evals --model good" in dev.stdout
    assert team.ledger[0].begun.contracts == 75


def test_a_sealed_exam_tells_its_verdict_and_nothing_of_a_case(team, opened):
    *_, done = opened
    assert done.returncode == 0, done.stdout[-3000:]
    entry = team.ledger[1]
    assert (entry.begun.contracts, entry.judged(entry.begun.candidates[0].identity)) == (
        25,
        "PROMOTE",
    )
    folder = team.folder / "runs" / entry.begun.run
    written = "".join(path.read_text() for path in folder.iterdir())
    report = json.loads((folder / "report.json").read_text())
    assert report["verdicts"][0]["outcome"] == "PROMOTE"
    assert report["dataset"]["sealed"]
    assert (report["cases"], report["results"], report["passages"]) == ([], [], [])
    for document in json.loads(team.data.read_text())["data"]:
        (paragraph,) = document["paragraphs"]
        assert document["title"] not in written
        assert paragraph["context"] not in written + done.stdout
    for words in ("How long?", "Which cap?", "good errs"):
        assert words not in written + done.stdout
    assert "MISSED" not in done.stdout
    assert "test_answers" not in done.stdout


def test_a_candidate_that_did_not_pass_opens_nothing(team, opened):
    assert team.examine("bad").returncode == 1
    before = len(team.ledger)
    done = team.sealed("bad")
    assert done.returncode == 4
    assert "the last exam of bad on the contracts that are not sealed says REJECT" in done.stdout
    assert len(team.ledger) == before


@pytest.mark.parametrize(
    "words",
    [
        ("--limit=5",),
        ("--category=Term",),
        ("-k", "Cap"),
        ("-n", "2"),
        ("--split=all",),
        ("--passages=gold",),
    ],
)
def test_sealed_contracts_are_examined_whole(team, opened, words):
    before = len(team.ledger)
    done = team.sealed("good", *words)
    assert done.returncode == 4, done.stdout
    assert "--sealed" in done.stdout.strip().splitlines()[-1]
    assert len(team.ledger) == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--store=postgresql://u@localhost:1/x",), "cannot be opened"),
        (("--ledger=elsewhere",), "openings are counted in"),
    ],
)
def test_a_mistake_opens_nothing(team, opened, words, says):
    before = len(team.ledger)
    done = team.sealed("good", *words)
    assert done.returncode == 4, done.stdout
    assert says in done.stdout
    assert len(team.ledger) == before
    assert not (ROOT / "elsewhere").exists()


def test_a_sealed_exam_says_what_it_is_of(team, opened):
    *_, done = opened
    assert "proved of good on 25 contracts: " in done.stdout
    assert "this exam cannot count for a promotion, by " in done.stdout
    assert "least_" not in done.stdout


def test_what_was_opened_too_often_stays_shut(team, opened):
    team.policy.write_text(f"{team.policy.read_text()}\n[sealed]\nopenings = 1\n")
    done = team.sealed("good")
    assert done.returncode == 4
    assert "times, of 1 that the policy allows" in done.stdout


def test_a_world_is_sealed_and_the_first_champion_passes_both_parts(
    checkout, tmp_path, monkeypatch, capsys
):
    """With the fewest contracts that can be sealed: 80 for the test."""
    mine = World.written(tmp_path / "world", contracts=115)
    mine.checkout = checkout
    monkeypatch.setattr(secrets, "token_hex", lambda size: "5" * 2 * size)  # the same in every run
    words = ["--dataset", str(mine.folder / "contracts"), "--registry", str(mine.registry)]
    assert seal(words) == 0
    assert "20 contracts of contracts are sealed; commit the file" in capsys.readouterr().out
    against = ("--model=incumbent", "--baseline=champion")
    dev = mine.examine(*against)
    assert dev.returncode == 0, dev.stdout[-3000:] + dev.stderr
    assert mine.report["dataset"]["examined_contracts"] == 60
    seals = mine.models / "sealed"
    (seals / "contracts.toml").rename(seals / "renamed.toml")
    refused = mine.promote("incumbent")
    line = f"--dataset {mine.folder / 'contracts'} --baseline champion --sealed`"
    assert refused.returncode == 1 and line in refused.stderr, refused.stderr
    loose = mine.folder / "loose.toml"
    loose.write_text(mine.gate.read_text().replace("floor = 0.60", "floor = 0.01"))
    assert loose.read_text() != mine.gate.read_text()
    assert mine.examine(*against, "--sealed", f"--gate={loose}").returncode == 0
    refused = mine.promote("incumbent")
    assert refused.returncode == 1 and "went by another gate" in refused.stderr, refused.stderr
    opened = mine.examine(*against, "--sealed")
    assert opened.returncode == 0, opened.stdout[-3000:] + opened.stderr
    assert "proved of incumbent on 20 contracts: " in opened.stdout
    assert "this exam can count for a promotion" in opened.stdout
    newest = max(mine.runs.glob("2*/report.json"))
    aside = newest.rename(newest.with_suffix(".aside"))
    refused = mine.promote("incumbent")
    assert refused.returncode == 1 and "is not there; restore it" in refused.stderr, refused.stderr
    aside.rename(newest)
    promoted = mine.promote("incumbent")
    assert promoted.returncode == 0, promoted.stderr
    assert "\nchampion: incumbent " in promoted.stdout
    packed_with_both(mine, newest.parent.name, capsys)


def packed_with_both(mine, run, capsys):
    """The evidence of that promotion holds both exams, and misses the sealed one."""
    pack = mine.folder / "incumbent.zip"
    places = ("--registry", str(mine.registry), "--runs", str(mine.runs), "--out", str(pack))
    made = mine.run("models.evidence", "incumbent", *places)
    assert made.returncode == 0, made.stderr
    assert verify(["--verify", str(pack)]) == 0
    assert "checks, and on 1 set of sealed contracts" in capsys.readouterr().out
    files = files_of(pack)
    name = f"exam/sealed/{run}/report.json"
    changed = files[name].replace(b'"PROMOTE"', b'"PROMOTED"', 1)
    dropped = {each: data for each, data in files.items() if each != name}
    for kept, says in (
        ({**files, name: changed}, "is not the report that record and ledger name"),
        (dropped, "is missing"),
    ):
        pack.write_bytes(packed(relisted(kept)))
        assert verify(["--verify", str(pack)]) == 1
        assert f"{name} {says}" in capsys.readouterr().err
