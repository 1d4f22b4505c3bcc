"""The engine's own price: a run phase against a server with known latency."""

import asyncio
import json
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.results import Finding, Row, at_most
from evals.calls.calls import Calls
from evals.calls.store import Store
from evals.exam.exam import Exam
from evals.judges.judge import Submission
from evals.plan import Plan
from evals.results import Score
from fixtures.cases import Case, Contract, Span
from fixtures.retrieval.retrieval import Retriever, RetrieverOptions
from models.chat import ChatModel, Message
from models.endpoint.server import endpoint_chat
from models.prompted import PromptedModel, Template
from tests.builders.fake_server import fake_server_process

CASES_PER_CONTRACT = 40
LATENCY = 0.05
CONNECTIONS = 64
CLAUSE = "Neither party may assign this agreement without the other's written consent. "
PEERS = (
    Row("inspect_ai, the same calls, on such a machine (cited)", "32 s"),
    Row("deepeval's `evaluate`, the judge half alone (cited)", "197 s"),
)


@dataclass(frozen=True, slots=True)
class Agreement:
    """A judge of one short call, over the model that is examined: they share its connections."""

    chat: ChatModel
    metric: str = "correctness"
    name: str = "agreement"
    identity: str = "bench-agreement"
    asks_model: bool = False

    async def judge(self, submission: Submission, calls: Calls) -> Score:
        """1.0 when the reply says anything."""
        case, answer = submission.case, submission.answer
        asked = f"Question: {case.question}\nAnswer: {answer.text}\nIs the answer right?"
        reply = await calls.chat(self.chat, [Message("user", asked)])
        return Score(float(bool(reply.text)) if not reply.error else None, reply.error or "")

    async def close(self) -> None:
        """The connections are the model's."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One run: seconds of its run phase and of this process's processor, calls, calls at once."""

    seconds: float
    processor: float
    calls: int
    peak: int


def measure(folder: Path, repeats: int, cases: int = 1000) -> Finding:
    """Run `repeats` times with a fresh store in `folder`; medians."""
    timings = [_once(folder / f"{number}.sqlite", examined(cases)) for number in range(repeats)]
    calls, peak = 2 * cases, max(timing.peak for timing in timings)
    limit = calls * LATENCY / CONNECTIONS
    seconds = median(timing.seconds for timing in timings)
    processor = median(timing.processor for timing in timings)
    return Finding(
        f"{cases:,} cases x (1 answer + 1 judgement) at {LATENCY * 1000:.0f} ms",
        "The exam engine on an OpenAI-compatible fake server in a process of its own, "
        f"{CONNECTIONS} connections for model and judge together, prompts of about 4,000 "
        f"characters, scored, journalled to a fresh store; medians of {repeats} runs. The limit is "
        "calls x latency / connections; processor seconds are this process's only.",
        [
            Row("the limit", f"{limit:.2f} s"),
            Row("run phase", f"{seconds:.2f} s ({_spread(timings)})"),
            at_most("run phase over the limit", seconds / limit, 2.5, " x"),
            Row("processor time a call", f"{processor / calls * 1000:.2f} ms"),
            Row(
                "calls at once, as the server counted",
                str(peak),
                str(CONNECTIONS),
                peak <= CONNECTIONS,
            ),
            *PEERS,
        ],
    )


def _spread(timings: Sequence[Timing]) -> str:
    seconds = [timing.seconds for timing in timings]
    return f"{min(seconds):.2f} to {max(seconds):.2f}"


def _once(store_path: Path, cases: Sequence[Case]) -> Timing:
    with fake_server_process(latency=LATENCY) as url:
        chat = endpoint_chat(name="fake", base_url=url, model="fake", concurrency=CONNECTIONS)
        model = PromptedModel(chat, Template())
        store = Store(str(store_path))
        plan = Plan(models=(model,), cases=tuple(cases), judges=(Agreement(chat),))
        retriever = Retriever(RetrieverOptions("none"), "bench", store_path.parent)
        exam = Exam(plan, retriever, store)
        begun = time.process_time()
        asyncio.run(exam.execute())
        run, processor = exam.run, time.process_time() - begun
        store.close()
        failed = [r.answer.error for r in run.results if r.answer.error]
        if failed or run.spending.calls != 2 * len(cases):
            raise RuntimeError(f"{run.spending.calls} calls, {len(failed)} failed: {failed[:1]}")
        with urllib.request.urlopen(f"{url}/stats") as reply:
            peak = json.load(reply)["peak"]
    return Timing(run.spending.seconds, processor, run.spending.calls, peak)


def examined(cases: int) -> list[Case]:
    """Generated cases, forty a contract."""
    contracts = [
        Contract(f"agreement-{number}", f"AGREEMENT {number}. " + CLAUSE * 50)
        for number in range(-(-cases // CASES_PER_CONTRACT))
    ]
    return [
        Case(
            id=f"case-{number}",
            slug=f"case-{number}",
            contract=contracts[number // CASES_PER_CONTRACT],
            category="assignment",
            question=f"May a party assign the agreement ({number})?",
            spans=(Span(CLAUSE.strip(), contracts[0].text.index(CLAUSE)),),
        )
        for number in range(cases)
    ]
