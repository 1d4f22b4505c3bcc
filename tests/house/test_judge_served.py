"""A judge that is a real model behind a real server: poor, and said to be so."""

import asyncio
import json
import os
import re
import subprocess
import sys

import pytest

from evals.calls.budget import Budget
from evals.calls.calls import Calls
from evals.calls.journal import Journal, Lookups
from evals.calls.store import Store
from evals.gate import Gate, MetricGate
from evals.judges.factory import judge_exams, open_judges
from evals.judges.judge import Panel, Submission
from evals.judges.llm.judge import LlmJudge
from evals.judges.pairs import read_pairs
from models.chat import Answer, Decoding, Message
from models.endpoint.server import endpoint_chat
from models.factory import Chats
from reports.sections.judge_exams import judge_section, untrusted
from tests.builders.served import served
from tests.conftest import ROOT

CALLS = 6
"""Of each of two exams: an answer a case, then judgements of 3 to 8 seconds each."""

GATE = """
minimum_cases = 1
[metrics.laziness] # lower is better, and the extractive model always answers
role = "guard"
floor = 0.99
"""

CORRECTNESS = """
[metrics.correctness]
role = "guard"
floor = 0.999
"""


@pytest.fixture(scope="module")
def server(smollm2, tmp_path_factory):
    with served(smollm2, tmp_path_factory.mktemp("served"), longest_reply=8.0) as running:
        yield running


def chat_of(server, max_tokens):
    return endpoint_chat(
        name="served", base_url=server.url, model=server.model, concurrency=1, timeout=300,
        retries=0, decoding=Decoding(max_tokens=max_tokens),
    )  # fmt: skip


def with_calls(tmp_path, use, most=None):
    """What `use(panel)` returns over the store in `tmp_path`, and how many calls that took."""

    async def run():
        store = Store(str(tmp_path / "s.sqlite"))
        async with Journal(store) as journal:
            calls = Calls(journal, Lookups(store, "answers"), Budget(most))
            found = await use(Panel([], calls, journal, Lookups(store, "scores")))
        store.close()
        return found, calls.budget.calls

    return asyncio.run(run())


def test_reply_comes_back_and_is_kept(server, tmp_path):
    async def use(panel):
        chat = chat_of(server, 12)
        reply = await panel.calls.chat(chat, [Message("user", "Name the capital of France.")])
        await chat.close()
        return reply

    reply, calls = with_calls(tmp_path, use)
    assert (reply.error, calls) == (None, 1)
    assert "Paris" in reply.text
    assert reply.tokens_in > 10
    assert 0 < reply.tokens_out <= 12
    assert reply.latency > 0
    again, calls = with_calls(tmp_path, use)
    assert (again.text, calls) == (reply.text, 0)


def test_judgement_that_cannot_be_read_is_unscored_with_its_reason(server, tmp_path):
    pair = next(pair for pair in read_pairs() if pair.held_out)

    async def use(panel):
        judge = LlmJudge("correctness", chat_of(server, 3))
        score = await judge.judge(Submission(pair.case, Answer(pair.answer)), panel.calls)
        await judge.close()
        return score

    score, calls = with_calls(tmp_path, use)
    assert calls == 2, "it is asked once more"
    assert score.value is None
    assert score.reason.startswith("judge served: reply cannot be read: ")


def test_its_exam_says_that_it_may_not_gate(server, tmp_path):
    """Two judgements; the others are declined, as under --max-calls."""
    (tmp_path / "served.toml").write_text(server.entry(concurrency=1, timeout=300))
    judges = open_judges(["correctness", "relevancy"], ["served"], 1, Chats(tmp_path))
    exams = judge_exams(judges)

    async def use(panel):
        for exam in exams:
            await exam.take(panel)
            await exam.close()

    _, calls = with_calls(tmp_path, use, most=2)
    assert calls == 2
    assert [exam.judge.name for exam in exams] == ["served"]
    section = judge_section(exams, Gate())
    assert section.of("served", "kappa").outcome in ("FAIL", "INCONCLUSIVE")
    assert re.search("are missing|could be had", section.of("served", "kappa").reason)
    gate = Gate(metrics={"correctness": MetricGate(role="guard", floor=0.5),
                         "token_f1": MetricGate(role="guard", floor=0.1)})  # fmt: skip
    lines = untrusted(gate, section, ["served"])
    assert list(lines) == ["correctness"]


@pytest.mark.heavy
def test_its_judgements_are_poor_and_its_exam_says_so(server, tmp_path):
    """SmolLM2 says 0.4, which stands in its prompt, of whatever it is shown."""
    clear = [p for p in read_pairs() if p.held_out and p.score in (0, 1) and len(p.answer) < 100]
    pairs = clear[:: len(clear) // 8][:8]
    assert {pair.score for pair in pairs} == {0, 1}
    (exam,) = judge_exams([LlmJudge("correctness", chat_of(server, 96))], pairs)

    async def use(panel):
        await exam.take(panel)
        await exam.close()

    with_calls(tmp_path, use, most=12)
    section = judge_section([exam], Gate())
    assert any(trial.score.value is not None for trial in exam.agreement)
    assert section.of("served", "mean_absolute_error").estimate.mean > 0.25
    for measure in ("kappa", "spearman", "mean_absolute_error"):
        assert section.of("served", measure).outcome in ("FAIL", "INCONCLUSIVE")


@pytest.mark.heavy
def test_whole_exam_reports_the_served_judge_and_does_not_heed_it(server, tmp_path):
    registry = tmp_path / "registry"
    registry.mkdir()
    (registry / "extractive.toml").write_text('kind = "extractive"\n')
    (registry / "served.toml").write_text(server.entry(concurrency=1, timeout=300))
    plain = examine(tmp_path, registry, GATE, "none")
    judged = examine(tmp_path, registry, GATE + CORRECTNESS, "served")

    assert judged["spending"]["calls"] == CALLS, "the answers are in the store"
    assert judged["spending"]["tokens_out"] >= CALLS
    (section,) = (each for each in judged["sections"] if each["name"] == "judge")
    outcomes = {each["measure"]: each["outcome"] for each in section["findings"]}
    assert {each["subject"] for each in section["findings"]} == {"served"}
    assert outcomes["kappa"] in ("FAIL", "INCONCLUSIVE")
    assert outcomes.get("spearman", "FAIL") in ("FAIL", "INCONCLUSIVE")
    (note,) = (note for note in judged["notes"] if note.startswith("correctness"))
    assert note.startswith("correctness is reported and does not gate: served (kappa")

    assert all("correctness" in row["scores"] for row in judged["results"]), "reported"
    (verdict,), (without,) = judged["verdicts"], plain["verdicts"]
    assert {check["metric"] for check in verdict["checks"]} == {"laziness"}
    assert (verdict["outcome"], verdict["reasons"]) == ("PROMOTE", without["reasons"])
    assert without["outcome"] == "PROMOTE"


def examine(folder, registry, gate, judge):
    """The report of `pytest evals` under this gate file and judge."""
    path = folder / f"{judge}.toml"
    path.write_text(gate)
    runs = folder / judge / "runs"
    command = [
        sys.executable, "-m", "pytest", "evals", "-p", "no:cacheprovider", "-q",
        "--model", "extractive", "--retriever", "bm25", "--registry", registry, "--gate", path,
        "--limit", str(CALLS), "--max-calls", str(CALLS), "--judge", judge, "--runs", runs,
        "--store", folder / "store.sqlite",
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    reports = list(runs.glob("*/report.json"))
    assert len(reports) == 1, done.stdout[-3000:] + done.stderr[-2000:]
    assert ("did not pass the judges' own exam" in done.stdout) == (judge != "none")
    return json.loads(reports[0].read_text())
