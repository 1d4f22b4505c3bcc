"""The contract with the reader of report.json that may not import its schema.

The benchmark's page stands below `reports/`, so that it has a small reader of its own. Here it
reads a report as the archive writes it, and every key that moves what it found is named: whoever
renames one in the schema sees that it needs it.
"""

import json
from dataclasses import replace

import pytest

from common.errors import UserError
from common.provenance import provenance
from evals.gate import Gate, MetricGate
from evals.metrics.table import METRICS, score
from evals.results import Result
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from reports.archive import write_report
from reports.examination.header import gate_facts
from reports.report import DatasetFacts, Fingerprint, ModelFacts, Opponent
from reports.verdict.conclude import conclude
from tests.builders.report_data import SPENDING, header
from tests.reports.test_page import shown
from tests.seams import ROOT
from training.benchmark.contenders import Contender, read_exam

CHAMPION = Opponent("champion", "king", "c" * 64)
GATE = Gate(
    minimum_cases=2,
    attrition=1.0,
    metrics={
        "balanced": MetricGate(role="primary", floor=0.2, margin=0.1),
        "laziness": MetricGate(role="guard", floor=0.9),
        "hit@5": MetricGate(role="guard", floor=0.1),
    },
)
GATE_FILE = """
[metrics.balanced]
role = "primary"
floor = 0.2
margin = 0.1
[metrics.laziness]
role = "guard"
floor = 0.9
[metrics."hit@5"]
role = "guard"
floor = 0.1
"""


def answer(case, number, *, sloppy):
    """Right but for some; some are shown what they need, and some are not."""
    gold = case.golds[0] if case.golds else "Not found."
    lazy = number % (5 if sloppy else 7) == 0
    elsewhere = Passage(case.contract.id, 0, 9, case.contract.text[:9])
    passages = shown(case) if number % 3 else (elsewhere,)
    return Answer("Not found." if lazy else gold, 100 + number, 10, 0.5, passages=passages)


def scores(case, said):
    found = score(case, said)
    return found | {"balanced": found["token_f1" if case.answerable else "abstention"]}


@pytest.fixture
def path(tmp_path, sample):
    """Of a whole exam of a candidate against a champion, as an exam leaves it."""
    gate = tmp_path / "gate.toml"
    gate.write_text(GATE_FILE)
    results = [
        Result(model, case, said, scores(case, said), asked=True)
        for model in ("new", "king")
        for number, case in enumerate(sample.cases[::2])
        for said in [answer(case, number, sloppy=model == "king")]
    ]
    first = replace(
        header(),
        provenance=provenance(ROOT),
        models=(ModelFacts("new", "n" * 64), ModelFacts("king", "c" * 64, role="champion")),
        dataset=DatasetFacts("sample", "d" * 64, "test", 9, examined_cases=5, examined_contracts=3),
        gate=gate_facts(GATE, gate, ROOT, GATE.alpha),
        fingerprint=Fingerprint(judges=(("correctness", "reference", "7" * 64),)),
    )
    report = conclude(first, results, SPENDING, GATE, candidates=["new"], opponents=[CHAMPION])
    path = tmp_path / "runs" / first.id / "report.json"
    write_report(report, path)
    return path


def benchmark(path):
    """What the benchmark's page shows."""
    return read_exam(path, Contender("New", "new"), "king")


def keys(value):
    if isinstance(value, dict):
        return set(value).union(*map(keys, value.values()))
    return set().union(*map(keys, value)) if isinstance(value, list) else set()


def renamed(value, key):
    if isinstance(value, dict):
        return {f"{k}_" if k == key else k: renamed(each, key) for k, each in value.items()}
    return [renamed(each, key) for each in value] if isinstance(value, list) else value


def needed(read, path):
    """The keys without which the reader finds something else, or nothing; metrics' names aside."""
    value, found = json.loads(path.read_text()), read(path)
    needs = set()
    for key in keys(value) - METRICS.keys():
        path.write_text(json.dumps(renamed(value, key)))
        try:
            if read(path) != found:
                needs.add(key)
        except UserError:
            needs.add(key)
    return needs


def test_the_benchmark_reads_what_the_archive_writes(path):
    exam = benchmark(path)
    assert exam.cases == (5, 3) and exam.dataset == ("sample", "test")
    assert exam.verdicts[0].outcome == "PROMOTE" and exam.verdicts[0].gain.low is not None
    assert 0 < exam.refusals.shown < 1
    assert exam.origin == provenance(ROOT)
    assert needed(benchmark, path) == {
        "provenance", *keys(provenance(ROOT)), "dataset", "name", "split", "examined_cases",
        "examined_contracts", "model", "mean", "low", "high",
        "verdicts", "outcome", "reasons", "checks", "metric", "against", "estimate",
        "results", "scores",
    }  # fmt: skip
