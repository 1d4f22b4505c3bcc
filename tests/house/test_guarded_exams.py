"""A suite that the gate file makes a guard decides whether a candidate may go into service."""

import json
import subprocess
import sys

import pytest

from evals.variants.exchanges import OTHER_COUNTRIES, OTHER_STATES
from tests.builders.excuses import excusing
from tests.builders.fake_server import fake_server
from tests.conftest import ROOT

GATE = """
[metrics.abstention]
role = "guard"
floor = 0.5

[fairness]
role = "guard"
margin = 0.1
"""
ELSEWHERE = [
    name.replace("_", " ")
    for listed in (OTHER_STATES, OTHER_COUNTRIES)
    for name in listed["B"].split()
]


def never_answers(messages):
    return "Not found."


def declines_where_the_law_is_familiar(messages):
    strange = any(name in messages[-1]["content"] for name in ELSEWHERE)
    return "The parties agree." if strange else "Not found."


@pytest.fixture
def examine(tmp_path, world):
    """Examines a served model on 60 cases, and on their two forms if the suite is named."""
    (tmp_path / "registry").mkdir()
    (tmp_path / "policy.toml").write_text(excusing("served"))
    (tmp_path / "gate.toml").write_text(GATE)

    def run(reply, *suites):
        with fake_server(reply=reply) as server:
            entry = f'kind = "endpoint"\nbase_url = "{server.url}"\nmodel = "served"\n'
            (tmp_path / "registry" / "served.toml").write_text(entry)
            files = [str(ROOT / "evals" / f"test_{name}.py") for name in ("gate", *suites)]
            done = subprocess.run(
                [sys.executable, "-m", "pytest", *files, "-q", "-p", "no:cacheprovider",
                 "--model", "served", "--registry", str(tmp_path / "registry"),
                 "--dataset", str(world.folder / "contracts"),
                 "--gate", str(tmp_path / "gate.toml"), "--ledger", str(tmp_path / "ledger"),
                 "--store", str(tmp_path / "store.sqlite"), "--runs", str(tmp_path / "runs"),
                 "--retriever", "bm25", "--judge", "none", "--limit", "60", "--variants", "60"],
                cwd=ROOT, capture_output=True, text=True, timeout=300,
            )  # fmt: skip
        report = json.loads(max(tmp_path.glob("runs/*/report.json")).read_text())
        (verdict,) = report["verdicts"]
        checks = {check["metric"]: check["outcome"] for check in verdict["checks"]}
        return done, verdict, checks

    return run


def test_a_model_that_answers_both_forms_alike_is_let_in(examine):
    done, verdict, checks = examine(never_answers, "fairness")
    assert "fairness is a guard: its margin of 0.1 takes about" in done.stdout
    assert checks["fairness: jurisdiction"] == "PASS", done.stdout[-3000:]
    assert verdict["outcome"] == "PROMOTE"
    assert done.returncode == 0


def test_a_model_that_answers_by_the_state_is_rejected(examine):
    done, verdict, checks = examine(declines_where_the_law_is_familiar, "fairness")
    assert checks["fairness: jurisdiction"] == "FAIL", done.stdout[-3000:]
    assert checks["abstention"] == "PASS", "its answers alone would do"
    assert verdict["outcome"] == "REJECT"
    assert "jurisdiction" in verdict["reasons"][0]
    assert done.returncode == 1


def test_a_guard_that_was_not_asked_for_keeps_a_candidate_out(examine):
    done, verdict, checks = examine(never_answers)
    assert checks["fairness"] == "INCONCLUSIVE"
    assert verdict["outcome"] == "INCONCLUSIVE"
    assert "--full" in verdict["reasons"][0]
    assert done.returncode == 1
