"""A guard that fails open: whatever a guard cannot establish is INCONCLUSIVE, never absent."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import UserError
from evals.gate import Gate, Leakage, MetricGate, read_gate
from evals.results import Result, Score, Spending
from fixtures.cases import Case, Contract, Span
from models.chat import Answer
from models.local.entry import LocalEntry
from models.manifest import Manifest, contract_entry, write_manifest
from models.registry import EndpointEntry, RecordedEntry
from reports.report import Check, Opponent
from reports.verdict.conclude import conclude
from reports.verdict.decide import decide
from reports.verdict.leakage import leak_checks
from tests.builders.promotion_data import edit, make_place, promoted, seal, write_report
from tests.builders.report_data import header

ROOT = Path(__file__).parents[2]
CHAMPION = Opponent("champion", "champion", "c" * 64)


def results(model, share=1.0, contracts=40, questions=25, metric="token_f1", answerable=True):
    """A model that is right on the first part of every contract's cases."""
    spans = (Span("text", 0),) if answerable else ()
    return [
        Result(
            model,
            Case(f"{c}/{q}/{answerable}", f"{c}-{q}", Contract(f"c{c}", f"text {c}"), "cat", "why?",
                 spans),
            Answer("text"),
            {metric: Score(float(q < share * questions))},
            asked=True,
        )
        for c in range(contracts)
        for q in range(questions)
    ]  # fmt: skip


def verdict(gate, rows, opponents=()):
    spending = Spending(0, 0, 0, 1.0, 0)
    return conclude(
        header("new"), rows, spending, gate, candidates=("new",), opponents=opponents
    ).verdicts[0]


def examine(folder, *args, target="evals/test_gate.py"):
    """`pytest evals` as it is typed, with its files in a folder; its report and what it printed."""
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", target, "-q", "-p", "no:cacheprovider",
            f"--store={folder / 'store.sqlite'}", f"--runs={folder / 'runs'}",
            "--retriever=bm25", *map(str, args),
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    written = sorted((folder / "runs").glob("*/report.json"))
    return done, json.loads(written[-1].read_text()) if written else None


@pytest.mark.fault("GATE-1")
def test_a_stricter_rule_for_the_judge_does_not_take_its_guard_away(tmp_path):
    gate = tmp_path / "gate.toml"
    gate.write_text(
        '[metrics.laziness]\nrole = "guard"\nfloor = 1.0\n'
        '[metrics.correctness]\nrole = "guard"\nfloor = 0.99\n[judge]\nkappa = 0.999\n'
    )
    _, written = examine(tmp_path, "--model=echo", "--limit=48", "--judge=reference",
                         f"--gate={gate}")  # fmt: skip
    (found,) = written["verdicts"]
    outcomes = {check["metric"]: check["outcome"] for check in found["checks"]}
    assert outcomes["correctness"] == "INCONCLUSIVE"
    assert found["outcome"] == "INCONCLUSIVE"


@pytest.mark.fault("GATE-2")
@pytest.mark.parametrize(
    "entry",
    [
        LocalEntry(kind="local", base="somewhere/merged"),
        EndpointEntry(kind="endpoint", base_url="http://x/v1", model="tuned"),
        RecordedEntry(kind="recorded", path=Path("answers.csv")),
    ],
    ids=["merged", "endpoint", "recorded"],
)
def test_a_model_without_a_manifest_is_inconclusive_whatever_its_kind(entry, sample):
    assert [
        check.outcome for check in leak_checks([("", entry)], sample.cases[:41], Leakage())
    ] == ["INCONCLUSIVE"]


@pytest.mark.fault("GATE-3")
def test_a_manifest_that_no_entry_seals_proves_nothing(tmp_path, sample):
    exam = sample.cases[:41]
    folder = tmp_path / "adapter"
    entry = LocalEntry(kind="local", base="embedded:smollm2", adapter=folder)
    write_manifest(folder, Manifest(contracts=(contract_entry(exam[0].contract),), cases=()))
    parts = [("", entry)]
    assert [check.outcome for check in leak_checks(parts, exam, Leakage())] == ["FAIL"]
    write_manifest(folder, Manifest(contracts=(), cases=()))
    assert [check.outcome for check in leak_checks([("", entry)], exam, Leakage())] == [
        "INCONCLUSIVE"
    ]


@pytest.mark.fault("GATE-4")
def test_a_gate_without_a_margin_compares_nothing_and_does_not_promote():
    gate = Gate(metrics={"token_f1": MetricGate(role="primary", floor=0.05)})
    rows = [*results("new", 0.4), *results("champion", 0.8)]
    found = verdict(gate, rows, (CHAMPION,))
    assert found.outcome == "INCONCLUSIVE"
    assert "nothing is compared with the champion champion" in found.reasons[0]


@pytest.mark.fault("GATE-5")
@pytest.mark.parametrize("metric", ["leakage", "latency", "hit@5"])
def test_a_check_that_is_not_of_answers_promotes_nobody(metric):
    found = decide("new", [Check(metric, "floor", "PASS", "holds")])
    assert found.outcome == "INCONCLUSIVE"
    assert found.reasons


@pytest.mark.fault("GATE-6")
def test_what_was_chosen_of_the_exam_stands_in_the_record(tmp_path):
    place = make_place(tmp_path, "a")
    path = write_report(place, "a")

    def choose(written):
        written["dataset"] |= {"limit": 60, "examined_cases": 60}
        written["retriever"] |= {"kind": "bm25", "k": 3}
        written["fingerprint"]["judges"] = [["correctness", "reference", "7" * 64]]

    edit(path, choose)
    seal(path)
    chosen = json.loads(promoted("a", place, override="a try").line)["statistics"]["exam"]
    assert (chosen["data"]["limit"], chosen["data"]["examined_cases"]) == (60, 60)
    assert (chosen["retriever"]["kind"], chosen["retriever"]["k"]) == ("bm25", 3)
    assert chosen["judges"] == [["correctness", "reference", "7" * 64]]
    assert chosen["candidates"] == 1


@pytest.mark.fault("GATE-8")
def test_the_least_number_of_cases_is_of_each_metric():
    gate = Gate(
        metrics={
            "token_f1": MetricGate(role="guard", floor=0.1),
            "abstention": MetricGate(role="guard", floor=0.1),
        },
        minimum_cases=20,
    )
    rows = [
        *results("new", contracts=10, questions=4),
        *results("new", contracts=4, questions=3, metric="abstention", answerable=False),
    ]
    found = verdict(gate, rows)
    outcomes = {check.metric: check.outcome for check in found.checks}
    assert outcomes == {"token_f1": "PASS", "abstention": "INCONCLUSIVE"}
    assert "12 cases" in found.reasons[0]


@pytest.mark.fault("GATE-9")
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[metrics.token_f1]\nmargin = 5", "token_f1 is 0 to 1"),
        ("[metrics.token_f1]\nmargin = 1.0", "token_f1 is 0 to 1"),
        ("[metrics.token_f1]\nfloor = 15", "token_f1 is 0 to 1"),
        ("[metrics.laziness]\nfloor = -0.1", "laziness is 0 to 1"),
        ("[metrics.latency]\nfloor = -1", "latency is 0 to inf"),
        ("[metrics.perplexity]\nfloor = 0.5", "perplexity is 1 to inf"),
        ("[metrics.tokn_f1]\nfloor = 0.5", "did you mean token_f1?"),
        ('[metrics."hit@six"]', "did you mean hit@"),
    ],
)
def test_what_a_metric_cannot_take_is_refused(tmp_path, line, said):
    path = tmp_path / "gate.toml"
    head, _, rest = line.partition("\n")
    path.write_text(f'{head}\nrole = "guard"\n{rest}\n')
    with pytest.raises(UserError) as error:
        read_gate(path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.fault("GATE-12")
def test_several_candidates_of_one_exam_are_said_to_share_its_risk(tmp_path):
    for name in "abc":
        rows = [f"{n},contract {n % 5},why {n}?,yes,yes" for n in range(30)]
        (tmp_path / f"{name}.csv").write_text(
            "\n".join(["case_id,contract,question,expected,answer", *rows]) + "\n"
        )
    a, b, c = (f"recorded:{tmp_path / name}.csv" for name in "abc")
    _, written = examine(
        tmp_path, f"--dataset={a}", f"--model={a}", f"--model={b}", f"--baseline={c}",
        "--retriever=none", "--judge=none",
    )  # fmt: skip
    assert any("2 candidates share this exam" in note for note in written["notes"])
    assert (written["gate"]["alpha"], written["gate"]["nominal_alpha"]) == (0.025, 0.05)
