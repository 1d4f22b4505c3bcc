"""One case's exception costs that case; signals end an exam with its report."""

import asyncio
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from evals.calls.store import Store
from evals.exam.exam import Exam
from evals.metrics.table import METRICS
from evals.plan import Plan
from evals.results import Score
from tests.builders.fake_server import fake_server
from tests.conftest import ROOT
from tests.evals.test_exam import FirstSentence, Grader, Rater, Whole, cases_of, examine
from tests.house.test_resume import exam, registry

SICK = "c1q1"
PLACE = "ValueError in tests/"


@pytest.fixture
def store(tmp_path):
    store = Store(str(tmp_path / "store.sqlite"))
    yield store
    store.close()


def by_case(run):
    return {result.case.id: result for result in run.results}


@pytest.mark.fault("ONE-1")
@pytest.mark.parametrize(
    "error", [ValueError("odd\nreply"), OverflowError("inf"), KeyError("choices"), SystemExit(3)]
)
def test_a_model_that_raises_loses_that_case_alone(store, error):
    class Sick(FirstSentence):
        async def answer(self, case, passages):
            if case.id == SICK:
                raise error
            return await super().answer(case, passages)

    results = by_case(examine(store, Sick()))
    assert results[SICK].answer.error.startswith(f"{type(error).__name__} in tests/faults/")
    assert "\n" not in results[SICK].answer.error
    assert results[SICK].scores["token_f1"].value is None
    assert sum(result.answer.error is None for result in results.values()) == 11
    model = FirstSentence()
    examine(store, model)
    assert model.asked == [SICK], "it is asked again, and nothing else"


@pytest.mark.fault("ONE-1")
def test_a_judge_that_raises_scores_the_others(store):
    @dataclasses.dataclass
    class Sick(Grader):
        async def judge(self, submission, calls):
            if submission.case.id == SICK:
                raise ValueError("odd reply")
            return await super().judge(submission, calls)

    results = by_case(examine(store, FirstSentence(), judges=(Sick(Rater()),)))
    assert results[SICK].scores["correctness"].value is None
    assert PLACE in results[SICK].scores["correctness"].reason
    assert results[SICK].answer.text
    scored = [r for r in results.values() if r.scores["correctness"].value is not None]
    assert len(scored) == 11


@pytest.mark.fault("ONE-1")
def test_a_metric_that_raises_scores_the_others(store):
    def sick(case, answer):
        if case.id == SICK:
            raise ValueError("odd answer")
        return Score(1.0)

    with METRICS.extended([dataclasses.replace(METRICS["jaccard"], rule=sick)]):
        results = by_case(examine(store, FirstSentence()))
    assert PLACE in results[SICK].scores["jaccard"].reason
    assert results[SICK].scores["token_f1"].value is not None
    assert sum(r.scores["jaccard"].value == 1.0 for r in results.values() if r.case.spans) == 5


@pytest.mark.fault("ONE-1")
def test_variants_comparisons_and_tasks_that_raise_leave_the_cases(store):
    def vary(case, passages):
        raise ValueError("no such letter")

    class Sick:
        async def prefer(self, case, first, second, calls):
            raise ValueError("no preference")

        async def take(self, bench):
            raise ValueError("no probe")

        async def close(self):
            raise ValueError("cannot be closed")

    other = FirstSentence("other", "other-1")
    run = examine(store, FirstSentence(), other, vary=vary, preference=Sick(),
                  pairings=(("first", "other"),), tasks=(Sick(),))  # fmt: skip
    assert sum(result.answer.error is None for result in run.results) == 24
    assert other.closed == 1


@pytest.mark.fault("ONE-1")
def test_a_contract_that_cannot_be_ranked_loses_its_cases(store):
    class Sick(Whole):
        def retrieve(self, cases, on_progress=None):
            if any(case.contract.id == "contract1" for case in cases):
                raise ValueError("odd text")
            return super().retrieve(cases, on_progress)

    run = examine(store, FirstSentence(), retriever=Sick())
    lost = {result.case.contract.id for result in run.results if result.answer.error}
    assert lost == {"contract1"}
    assert sum(result.answer.error is None for result in run.results) == 8


@pytest.mark.fault("ONE-1")
def test_a_users_mistake_is_still_one(store):
    from common.errors import UserError

    class Gone(FirstSentence):
        async def answer(self, case, passages):
            try:
                raise UserError("no such model")
            except UserError as error:
                raise RuntimeError("a library's own words") from error

    exam = Exam(Plan((Gone(),), cases_of()), Whole(), store)
    with pytest.raises(UserError, match="no such model"):
        asyncio.run(exam.execute())


SICK_ECHO = """
from models.prompted import PromptedModel

answer = PromptedModel.answer

async def sick(self, case, passages):
    if not case.answerable:
        raise ValueError("odd\\nreply")
    return await answer(self, case, passages)

PromptedModel.answer = sick
"""


@pytest.mark.fault("ONE-1")
def test_an_exam_with_exceptions_ends_inconclusive_with_a_report(tmp_path):
    (tmp_path / "sick.py").write_text(SICK_ECHO)
    command = [
        sys.executable, "-m", "pytest", "evals", "-q", "-p", "no:cacheprovider", "-p", "sick",
        "--model", "echo", "--retriever", "bm25", "--judge", "none", "--limit", "40",
        "--store", str(tmp_path / "s.sqlite"), "--runs", str(tmp_path / "runs"),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(tmp_path)}, timeout=120)  # fmt: skip
    assert done.returncode == 1, done.stdout
    report = json.loads((tmp_path / "latest" / "report.json").read_text())
    errors = [row["error"] for row in report["results"] if row["error"]]
    assert errors
    assert all(error.startswith("ValueError in ") and "\n" not in error for error in errors)
    assert any("exception" in note and "ValueError" in note for note in report["notes"])
    checks = report["verdicts"][0]["checks"]
    assert any(c["metric"] == "exceptions" and c["outcome"] == "INCONCLUSIVE" for c in checks)


EARLIER = "20260101-000000-aaaa"


def signalled(tmp_path, number, again=0):
    """An exam whose server has stopped answering, ended by a signal; output, status, server."""
    runs = tmp_path / "runs"
    (runs / EARLIER).mkdir(parents=True)
    (tmp_path / "latest").symlink_to(f"runs/{EARLIER}")
    with fake_server(latency=0.05) as server:
        registry(tmp_path / "registry", server.url)
        process = exam(tmp_path)
        deadline = time.monotonic() + 60
        while server.calls < 30 and time.monotonic() < deadline:
            time.sleep(0.02)
        server.latency = 60.0
        while server.active < 4 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(number)
        while again and not list(runs.glob("*/report.json")) and time.monotonic() < deadline:
            time.sleep(0.005)
        if again:
            time.sleep(again)
            process.send_signal(number)
        output = process.communicate(timeout=60)[0].decode()
        return output, process.returncode, server.calls


@pytest.mark.fault("ONE-6")
@pytest.mark.fault("KEEP-2")
@pytest.mark.fault("USE-12")
@pytest.mark.fault("RES-3")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_the_exam_with_its_report(tmp_path, name):
    output, status, sent = signalled(tmp_path, getattr(signal, name))
    assert status == 2, output
    assert "Traceback" not in output
    written = next((tmp_path / "runs").glob("*/report.json"))
    report = json.loads(written.read_text())
    assert report["spending"]["calls"] == sent - 1, "the preflight is none of the exam's calls"
    answered = [row for row in report["results"] if row["error"] is None]
    store = Store(str(tmp_path / "store.sqlite"))
    with store._engine.connect() as connection:
        kept = connection.exec_driver_sql("select count(*) from answers").scalar_one()
    store.close()
    assert kept == len(answered) == sent - 1 - 4, "four were at the server"
    left = 164 - kept
    last = output.strip().splitlines()[-1]
    assert last == f"type the same line again: {kept} answers are kept, {left} are left"
    assert (tmp_path / "latest").resolve().name == EARLIER
    if name == "SIGINT":
        assert (written.parent / "report.html").is_file()


@pytest.mark.fault("KEEP-8")
def test_a_second_signal_is_quiet(tmp_path):
    output, status, _ = signalled(tmp_path, signal.SIGINT, again=0.2)
    assert status == 2, output
    assert "Traceback" not in output
    assert "unraisable" not in output.lower()
    assert list((tmp_path / "runs").glob("*/report.json"))
