"""--passages gold as typed: reading alone is examined, and nobody is promoted by it."""

import json
from pathlib import Path

import pytest

from evals.stages import ANSWERABLE, UNANSWERABLE
from fixtures.datasets import load_dataset
from tests.builders.fake_server import fake_server
from tests.builders.world import World

NAME = "reader"
CONTRACTS = 40


class Reader:
    """Replies that quote a clause of the question, wherever in the passages it stands."""

    def __init__(self, cases):
        self.clauses: dict[str, list[str]] = {}
        for case in cases:
            self.clauses.setdefault(case.question, []).extend(case.golds)
        self.places = []

    def __call__(self, messages):
        asked = messages[-1]["content"]
        question = next((each for each in self.clauses if each in asked), None)
        if question is None:
            return "Which question?"
        found = next((each for each in self.clauses[question] if each in asked), None)
        if found:
            self.places.append(asked[: asked.index(found)].count("<passage "))
        return found or "Not found."


@pytest.fixture(scope="module")
def read(tmp_path_factory, checkout):
    """A world with a reader that errs in nothing; an ordinary exam of it, and one with gold."""
    mine = World.written(tmp_path_factory.mktemp("gold") / "world", contracts=CONTRACTS)
    mine.checkout = checkout
    policy = mine.models / "policy.toml"
    policy.write_text(policy.read_text() + f'{NAME} = "made up by a server of tests"\n')
    reply = Reader(load_dataset(str(mine.folder / "contracts")).cases)
    exams = {}
    with fake_server(reply=reply) as server:
        (mine.registry / f"{NAME}.toml").write_text(
            f'kind = "endpoint"\nbase_url = "{server.url}"\nmodel = "{NAME}"\nconcurrency = 8\n'
        )
        for words in ((), ("--passages", "gold")):
            before, reply.places = server.calls, []
            models = ("--model", NAME, "--model", "incumbent")
            done = mine.examine(*models, "--k=2", "--chunk-size=400", *words)
            line = next(each for each in done.stdout.splitlines() if each.startswith("report: "))
            path = Path(line.removeprefix("report: ")).with_name("report.json")
            report = json.loads(path.read_text())
            exams[words] = done, path, report, server.calls - before, reply.places
    return mine, exams[()], exams["--passages", "gold"]


def shares(report, model=NAME):
    (section,) = (each for each in report["sections"] if each["name"] == "loss")
    return {
        each["measure"]: each["estimate"]["mean"]
        for each in section["findings"]
        if each["subject"] == model and each["estimate"]
    }


def test_what_a_perfect_reader_loses_it_loses_in_retrieval(read):
    _, (_, _, before, *_), (done, _, after, calls, places) = read
    lost, now = shares(before), shares(after)
    assert lost["answerable: not retrieved"] > 0.05
    assert lost["answerable: right"] + lost["answerable: not retrieved"] == pytest.approx(1)
    assert now == {
        **{f"answerable: {stage}": float(stage == "right") for stage in ANSWERABLE},
        **{f"unanswerable: {s}": float(s == "rightly refused") for s in UNANSWERABLE},
    }
    assert f"{NAME}, of " in done.stdout and "answerable: 100% right" in done.stdout
    assert calls > 0  # other passages, or in another order, are another question
    assert min(places.count(place) for place in (1, 2)) > 0.3 * len(places)
    rows = [each for each in after["results"] if each["model"] == NAME]
    assert {len(each["passages"]) for each in rows} == {2}


def test_it_says_what_it_is_before_it_asks_and_in_its_report(read):
    _, _, (done, _, report, *_) = read
    assert done.returncode == 1
    beforehand = done.stdout.partition(" exam ====")[0]
    assert "--passages gold: reading alone is examined, and this exam cannot promote" in beforehand
    assert "a promotion needs the passages that were retrieved" in beforehand
    assert "--passages gold does not apply to incumbent, and changes nothing of it" in beforehand
    assert report["retriever"]["passages"] == "gold" and report["part"] is True
    assert any(note.startswith("--passages gold: reading alone") for note in report["notes"])
    (verdict,) = (each for each in report["verdicts"] if each["model"] == NAME)
    checks = {each["metric"]: each["outcome"] for each in verdict["checks"]}
    assert verdict["outcome"] == "INCONCLUSIVE"
    assert checks["passages"] == "INCONCLUSIVE"


def test_the_two_exams_are_compared_with_each_other_by_nobody(read):
    mine, (_, one, before, *_), (_, two, after, *_) = read
    assert before["fingerprint"]["retriever"] != after["fingerprint"]["retriever"]
    assert before["retriever"]["passages"] == "retrieved"
    done = mine.run("reports.compare", str(one), str(two), f"--model-a={NAME}", f"--model-b={NAME}")
    assert done.returncode == 4 and "passages" in done.stderr + done.stdout


def test_it_promotes_nobody_and_takes_nothing_back(read):
    mine, (_, _, before, *_), (_, path, *_) = read
    refused = mine.promote(NAME, "--report", str(path))
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert line.startswith(f"REFUSED: {path} is of an exam with --passages gold, in which nothing")
    text = path.read_text()
    for edit in ({"part": False}, {"part": False, "retriever": before["retriever"]}):
        path.write_text(json.dumps({**json.loads(text), **edit}))
        assert mine.promote(NAME, "--report", str(path)).returncode == 1
    path.write_text(text)


def test_gold_passages_that_nobody_knows_are_not_given(read, tmp_path):
    mine, *_ = read
    rows = [{"question": "How long?", "expected": "two years", "answer": "Two years."}] * 3
    recorded = tmp_path / "rows.jsonl"
    recorded.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("--dataset", f"recorded:{recorded}", "--passages", "gold", "--split", "all")
    done = mine.run("pytest", "evals", "-q", "-p", "no:cacheprovider", *words)
    assert done.returncode == 4
    assert "--passages gold: no expected answer of " in done.stderr + done.stdout
