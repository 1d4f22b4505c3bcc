"""deepeval's and ragas' metrics through the exam, against the same metrics under their own runners.

Every run has a server and a process of its own, in an empty folder, which is where deepeval and
ragas may leave what they write: `python -m bench.frameworks RUNNER METRIC URL CASES`.
"""

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.endpoint import CLAUSE, CONNECTIONS, LATENCY, examined
from bench.results import Finding, Row, at_most
from bench.sessions import ROOT
from common import command
from common.command import Parser, choice
from common.errors import UserError
from evals.calls.budget import Budget
from evals.calls.calls import Calls
from evals.calls.journal import Journal, Lookups
from evals.calls.store import Store
from evals.judges.frameworks.asker import keep_quiet
from evals.judges.frameworks.deepeval_judge import DeepevalJudge
from evals.judges.frameworks.ragas_judge import RagasJudge
from evals.judges.judge import Panel, Submission
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from models.endpoint.server import endpoint_chat
from tests.builders.fake_server import FakeServer, serve

METRICS = ("deepeval:faithfulness", "deepeval:answer_relevancy", "ragas:faithfulness")
VERDICTS = [{"verdict": "yes"}, {"verdict": "yes"}, {"verdict": "yes"}, {"verdict": "no"}]
JUDGED = [{"statement": "s", "reason": "r", "verdict": verdict} for verdict in (1, 1, 1, 0)]
SCORE = 0.75
REPLIES: dict[str, dict[str, Any]] = {  # by words of the prompt; parts are named after the clause
    'the "truths" key': {"truths": []},
    'the "claims" key': {"claims": []},
    "whether EACH claim": {"verdicts": VERDICTS},
    'the "statements" key': {"statements": []},
    "relevant to address the input": {"verdicts": VERDICTS},
    "the complexity of each sentence": {"statements": []},
    "judge the faithfulness": {"statements": JUDGED},
}
NUMBERED = re.compile(r"Clause \d+")


@dataclass(frozen=True, slots=True)
class Timing:
    """One run: seconds, calls, and the most calls at once, as the server counted them."""

    seconds: float
    calls: int
    peak: int

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s, {self.calls} calls, at most {self.peak} at once"


def measure(folder: Path, cases: int = 200) -> Finding:
    """Run every metric once under the exam and once under each of its framework's runners."""
    rows: list[Row] = []
    for metric in METRICS:
        ours = _timed("exam", metric, cases, folder)
        rows.append(Row(f"{metric}: the exam", str(ours)))
        for runner, what in PEERS[metric.partition(":")[0]].items():
            peer = _timed(runner, metric, cases, folder)
            over = ours.seconds / peer.seconds
            rows.append(Row(f"{metric}: {what}", str(peer)))
            rows.append(at_most(f"{metric}: the exam over that", over, 1.0, " x"))
    return Finding(
        f"deepeval's and ragas' metrics, {cases} cases at {LATENCY * 1000:.0f} ms",
        "The same metrics of the same versions with the same options on the same replies: through "
        f"the exam (at most {CONNECTIONS} connections, replies and scores kept in a fresh store) "
        "and under the frameworks' own runners. A process and a server each, one run each; imports "
        "and one case to warm up are not counted.",
        rows,
    )


def _timed(runner: str, metric: str, cases: int, parent: Path) -> Timing:
    """Run in a process of its own, in a new folder.

    Raises:
        RuntimeError: the runner failed, or scored something else than the replies say.
    """
    folder = parent / f"{runner}-{metric.replace(':', '-')}"
    folder.mkdir(parents=True)
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    with _server() as url:
        done = subprocess.run(
            [sys.executable, "-m", "bench.frameworks", runner, metric, url, str(cases)],
            cwd=folder,
            env={**os.environ, "HOME": str(folder), "PYTHONPATH": os.pathsep.join(paths)},
            capture_output=True,
            text=True,
            check=False,
        )
    said = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}
    if said.get("scores") != [SCORE] * cases:
        raise RuntimeError(f"{runner}, {metric}: {str(said)[:200]} {done.stderr[-2000:]}")
    return Timing(*said["timing"])


@contextmanager
def _server() -> Iterator[str]:
    """A server that knows the prompts, in its own process; yields its URL."""
    command = [sys.executable, "-m", "bench.frameworks", "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _reply(messages: list[dict[str, str]]) -> str:
    """What a judge might say; no two cases get the same, or the exam would ask only once."""
    prompt = "\n".join(message["content"] for message in messages)
    said = next((said for sign, said in REPLIES.items() if sign in prompt), {})
    names = NUMBERED.findall(prompt)
    parts = [f"{names[-1]} holds, part {part}" for part in range(4)] if names else []
    return json.dumps({key: value or parts for key, value in said.items()})


def submissions(cases: int) -> list[Submission]:
    """Answers of a sentence, each with five passages of 600 characters."""
    judged = []
    for number, case in enumerate(examined(cases)):
        text = f"Clause {number}: {CLAUSE * 8}"
        passages = tuple(Passage("agreement", 10 * n, 10 * n + len(text), text) for n in range(5))
        judged.append(
            Submission(case, Answer(f"Clause {number} does not permit it.", passages=passages))
        )
    return judged


def _passages(judged: Submission) -> list[str]:
    return [passage.text for passage in judged.answer.passages]


async def _exam(metric: str, url: str, judged: Sequence[Submission]) -> list[float | None]:
    """The whole path of a judgement in an exam."""
    chat = endpoint_chat(name="fake", base_url=url, model="fake", concurrency=CONNECTIONS)
    kind = DeepevalJudge if metric.startswith("deepeval:") else RagasJudge
    store = Store("store.sqlite")
    async with Journal(store) as journal:
        calls = Calls(journal, Lookups(store, "answers"), Budget())
        panel = Panel([kind(metric, chat)], calls, journal, Lookups(store, "scores"))
        scores = await asyncio.gather(*(panel.scores(each) for each in judged))
        await chat.close()
    store.close()
    return [score[metric].value for score in scores]


def _deepeval(metric: str, model: Any, judged: Sequence[Submission]) -> list[float | None]:
    """`evaluate`, without what it prints and writes."""
    from deepeval.evaluate import AsyncConfig, CacheConfig, DisplayConfig, evaluate
    from deepeval.metrics import AnswerRelevancyMetric, FaithfulnessMetric
    from deepeval.test_case import LLMTestCase

    faithful = metric == "deepeval:faithfulness"
    kind: Any = FaithfulnessMetric if faithful else AnswerRelevancyMetric
    quiet = DisplayConfig(show_indicator=False, print_results=False, inspect_after_run=False)
    cases: list[Any] = [
        LLMTestCase(
            input=each.case.question,
            actual_output=each.answer.text,
            retrieval_context=_passages(each),
        )
        for each in judged
    ]
    result = evaluate(
        cases,
        [kind(model=model, include_reason=False)],
        async_config=AsyncConfig(max_concurrent=CONNECTIONS),
        display_config=quiet,
        cache_config=CacheConfig(write_cache=False),
    )
    return [data.score for each in result.test_results for data in each.metrics_data or ()]


def _local_model(url: str) -> Any:
    """The model class that deepeval has for such servers; it makes a client for each call."""
    from deepeval.models import LocalModel

    return LocalModel(model="fake", base_url=url, api_key="none")


def _one_client(url: str) -> Any:
    """The same with one client, the exam's kind, for all calls."""
    model, client = _local_model(url), _client(url, fast=True)
    model.load_model = lambda async_mode: client
    return model


def _client(url: str, *, fast: bool) -> Any:
    """A client of openai's, as it comes or on aiohttp."""
    from openai import AsyncOpenAI, DefaultAioHttpClient

    http = DefaultAioHttpClient() if fast else None
    return AsyncOpenAI(base_url=url, api_key="none", max_retries=0, http_client=http)


async def _ragas(url: str, judged: Sequence[Submission], *, fast: bool) -> list[float | None]:
    """`abatch_score`, which starts everything at once."""
    from ragas.llms import llm_factory
    from ragas.metrics.collections import Faithfulness

    async with _client(url, fast=fast) as client:
        results = await Faithfulness(llm=llm_factory("fake", client=client)).abatch_score(
            [
                {
                    "user_input": each.case.question,
                    "response": each.answer.text,
                    "retrieved_contexts": _passages(each),
                }
                for each in judged
            ]
        )
    return [result.value for result in results]


RUNNERS: dict[str, Callable[[str, str, Sequence[Submission]], list[float | None]]] = {
    "exam": lambda metric, url, judged: asyncio.run(_exam(metric, url, judged)),
    "deepeval": lambda metric, url, judged: _deepeval(metric, _local_model(url), judged),
    "deepeval-one-client": lambda metric, url, judged: _deepeval(metric, _one_client(url), judged),
    "ragas": lambda metric, url, judged: asyncio.run(_ragas(url, judged, fast=False)),
    "ragas-aiohttp": lambda metric, url, judged: asyncio.run(_ragas(url, judged, fast=True)),
}
PEERS = {
    "deepeval": {
        "deepeval": f"its `evaluate`, max_concurrent={CONNECTIONS}, LocalModel",
        "deepeval-one-client": "the same, its LocalModel made to keep one client, on aiohttp",
    },
    "ragas": {
        "ragas": "its `abatch_score`, `llm_factory` on AsyncOpenAI",
        "ragas-aiohttp": "the same, its client on aiohttp",
    },
}


def main(argv: list[str] | None = None) -> int:
    """Serve, or run one runner and print its seconds, calls and scores."""
    parser = Parser(prog="python -m bench.frameworks", description=main.__doc__)
    parser.add_argument("runner", type=choice("serve", *RUNNERS), metavar="RUNNER")
    parser.add_argument("metric", nargs="?", type=choice(*METRICS))
    parser.add_argument("url", nargs="?")
    parser.add_argument("cases", nargs="?", type=int)
    return command.run(parser.parse_args, _run, argv)


def _run(options: argparse.Namespace) -> None:
    if options.runner == "serve":
        server = FakeServer(reply=_reply, latency=LATENCY)
        asyncio.run(serve(server, 0, lambda: print(server.url, flush=True)))
        return
    if None in (options.metric, options.url, options.cases):
        raise UserError(f"{options.runner} needs METRIC URL CASES")
    keep_quiet()
    run, (warming, *judged) = RUNNERS[options.runner], submissions(options.cases + 1)
    run(options.metric, options.url, [warming])
    calls, _ = _stats(options.url)
    begun = time.perf_counter()
    scores = run(options.metric, options.url, judged)
    seconds = time.perf_counter() - begun
    after, peak = _stats(options.url)
    print(json.dumps({"timing": [seconds, after - calls, peak], "scores": scores}))


def _stats(url: str) -> tuple[int, int]:
    """Calls that the server has had, and the most of them at once."""
    with urllib.request.urlopen(f"{url}/stats") as reply:
        stats = json.load(reply)
    return stats["calls"], stats["peak"]


if __name__ == "__main__":
    sys.exit(main())
