"""First use: what the terminal and the pages say of a verdict, and what is said beforehand."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from common.identity import file_digest
from evals.gate import Gate, MetricGate
from evals.results import Result, Score, Spending
from fixtures.cases import Case, Contract, Span
from fixtures.datasets import load_dataset
from models.chat import Answer
from models.manifest import Manifest, contract_entry, write_manifest
from reports.archive import as_written
from reports.markdown.markdown import markdown
from reports.page.html import render
from reports.verdict.conclude import conclude
from reports.verdict.prospects import demands, format_prospects, prospect
from tests.builders.fake_server import fake_server
from tests.builders.report_data import header
from tests.conftest import make_adapter

ROOT = Path(__file__).parents[2]


def examine(folder, *args, target="evals"):
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


def rows(metric, values, answerable=True):
    """One model on as many contracts as there are lists of values."""
    return [
        Result(
            "new",
            Case(f"{c}/{q}", f"{c}-{q}", Contract(f"c{c}", f"text {c}"), "cat", "why?",
                 (Span("text", 0),) if answerable else ()),
            Answer("text"),
            {metric: Score(value)},
            asked=True,
        )
        for c, contract in enumerate(values)
        for q, value in enumerate(contract)
    ]  # fmt: skip


def concluded(gate, results, notes=()):
    return conclude(header("new", gate=gate), results, Spending(0, 0, 0, 1.0, 0), gate, notes=notes)


@pytest.mark.fault("USE-4")
@pytest.mark.parametrize("kind", ["recorded", "short"])
def test_retrieval_that_does_not_apply_is_said_and_does_not_block(tmp_path, kind):
    data = load_dataset("sample")
    test = [case for case in data.cases if case.contract.id in data.test_contracts]
    with (tmp_path / "right.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["case_id", "answer"])
        writer.writerows((c.id, c.spans[0].text if c.spans else "Not found.") for c in test)
    model = f"recorded:{tmp_path / 'right.csv'}" if kind == "recorded" else "extractive"
    done, written = examine(tmp_path, f"--model={model}", "--judge=none",
                            *(["--chunk-size=1000000"] if kind == "short" else []))  # fmt: skip
    checks = {check["metric"]: check for check in written["verdicts"][0]["checks"]}
    assert checks["hit@5"]["outcome"] not in ("FAIL", "INCONCLUSIVE")
    assert "does not apply" in checks["hit@5"]["reason"]
    assert "hit@5 does not apply" in done.stdout


@pytest.mark.fault("USE-6")
def test_amounts_have_no_interval_below_nothing():
    report = concluded(Gate(), rows("latency", [[0.4, 0.5, 0.6], [3.9, 4.0, 4.1]]))
    estimate = report.summary[0].estimates["latency"]
    assert 0 < estimate.low < estimate.mean < estimate.high


@pytest.mark.fault("USE-6")
def test_a_difference_that_no_share_can_have_is_not_said_to_be_told():
    gate = Gate(metrics={"token_f1": MetricGate(role="guard", margin=0.02)})
    cases = [row.case for row in rows("token_f1", [[1.0], [1.0]])]
    (found,) = [prospect(each, gate) for each in demands(gate, cases)]
    assert found.too_small
    line = format_prospects([found], gate)[2]
    assert "no difference" in line and "1.8" not in line


@pytest.mark.fault("USE-7")
def test_every_check_and_reason_stands_in_every_page():
    gate = Gate(
        metrics={
            "token_f1": MetricGate(role="guard", floor=0.1),
            "abstention": MetricGate(role="guard", floor=0.5),
        },
        minimum_cases=20,
    )
    report = concluded(gate, rows("token_f1", [[1.0] * 5, [0.0] * 6]), notes=["a note of it"])
    written = as_written(report)
    assert len(written.verdicts[0].checks) == 2
    reasons = [check.reason for check in written.verdicts[0].checks]
    page, summary = (
        render(written).html,
        markdown(written).replace("&#95;", "_").replace("&#91;", "["),
    )
    for reason in [*reasons, "a note of it"]:
        assert reason in page
        assert reason in summary


@pytest.mark.fault("USE-13")
def test_the_verdict_stands_first_and_last_and_a_case_is_missed_once(tmp_path):
    done, written = examine(tmp_path, "--model=echo", "--limit=24", "--judge=reference",
                            "--inconclusive=pass")  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    begin = next(n for n, line in enumerate(lines) if line.strip("= ") == "exam")
    page = next(n for n, line in enumerate(lines) if line.startswith("report: "))
    outcome = written["verdicts"][0]["outcome"]
    assert lines[begin + 1].startswith(f"{outcome} ")
    assert lines[page + 1].startswith(f"{outcome} ")
    assert not any("CUAD AUPR" in line for line in lines), "figures are in the report, and with -v"
    cases = sum(bool(row["missed"]) for row in written["results"])
    tests = sum(len(row["missed"]) for row in written["results"])
    assert any(line.startswith(f"{cases} of 24 cases missed") for line in lines)
    assert any(f"{tests} missed tests" in line for line in lines)


@pytest.mark.fault("USE-19")
def test_a_leak_is_said_before_the_first_call_and_can_be_left_out(tmp_path, tiny_base, sample):
    registry = tmp_path / "models" / "registry"
    registry.mkdir(parents=True)
    adapter = make_adapter(tmp_path / "adapter", tiny_base, seed=2)
    contract = next(c.contract for c in sample.cases if c.contract.id in sample.test_contracts)
    write_manifest(adapter, Manifest(contracts=(contract_entry(contract),), cases=()))
    (registry / "tuned.toml").write_text(
        f'kind = "local"\nbase = "{tiny_base}"\nadapter = "{adapter}"\ndtype = "float32"\n'
        f'manifest = "{file_digest(adapter / "manifest.json")}"\n[decoding]\nmax_tokens = 4\n'
    )
    common = (f"--registry={registry}", "--model=tuned", "--limit=8", "--judge=none", "--k=1",
              "--chunk-size=200")  # fmt: skip
    done, written = examine(tmp_path, *common, "--max-calls=0")
    assert written["spending"]["calls"] == 0
    before = done.stdout.split("= exam =")[0]
    assert contract.id in before and "--leave-out-trained" in before
    _, written = examine(tmp_path, *common, "--leave-out-trained", "--max-calls=0")
    assert contract.id not in {case["contract"] for case in written["cases"]}
    assert written["dataset"]["left_out"] == [contract.id]
    checks = {check["metric"]: check["outcome"] for check in written["verdicts"][0]["checks"]}
    assert checks["leakage"] == "PASS"
    assert any(contract.id in note for note in written["notes"])


@pytest.mark.fault("USE-22")
def test_the_judges_own_exam_is_announced_kept_and_can_be_skipped(tmp_path):
    registry = tmp_path / "models" / "registry"
    registry.mkdir(parents=True)
    (registry / "echo.toml").write_text('kind = "echo"\n')
    gate = tmp_path / "gate.toml"
    gate.write_text('[metrics.correctness]\nrole = "guard"\nfloor = 0.1\n')

    def says(messages):
        return "[[ ## reasons ## ]]\nr\n\n[[ ## score ## ]]\n0.8\n\n[[ ## completed ## ]]"

    with fake_server(reply=says) as server:
        (registry / "served.toml").write_text(
            f'kind = "endpoint"\nbase_url = "{server.url}"\nmodel = "fake"\n'
        )
        common = (f"--registry={registry}", "--model=echo", "--judge=served", "--limit=6",
                  f"--gate={gate}")  # fmt: skip
        done, written = examine(tmp_path, *common, "--judge-exam=skip", target="evals/test_gate.py")
        assert server.calls <= 20, "six judgements, and no exam"
        assert written["verdicts"][0]["outcome"] == "INCONCLUSIVE"
        assert any("--judge-exam skip" in reason for reason in written["verdicts"][0]["reasons"])
        done, _ = examine(tmp_path, *common, target="evals/test_gate.py")
        before = done.stdout.split("= exam =")[0]
        assert "served takes an exam of its own: at most" in before and "tokens" in before
        calls = server.calls
        examine(tmp_path, *common, target="evals/test_gate.py")
        assert server.calls == calls, "it is kept"
