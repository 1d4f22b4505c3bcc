"""What judging costs: calls, tokens and processor time of every metric that a judge scores.

The server runs in a process of its own, `python -m bench.judges`, which prints its URL.
"""

import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.endpoint import CONNECTIONS
from bench.results import Finding
from bench.sessions import ROOT
from common.command import Parser, run
from evals.calls.budget import Budget
from evals.calls.calls import Calls
from evals.calls.journal import Journal, Lookups
from evals.calls.store import Store
from evals.judges.factory import JUDGEMENT, open_judges
from evals.judges.judge import Submission
from evals.judges.llm.pairwise import PairwiseJudge
from evals.metrics.table import METRICS
from evals.options import REFERENCE
from evals.results import Score
from fixtures.cases import Case
from fixtures.datasets import load_dataset
from fixtures.retrieval.retrieval import Retriever, RetrieverOptions
from models.chat import Answer, ChatModel, Decoding, Message
from models.egress import Sent
from models.endpoint.server import EndpointServer
from models.factory import Chats
from models.local.embedded import embedded_smollm2
from models.prompted import PromptedModel, Template
from models.remote.chat import RemoteChat
from tests.builders.fake_server import FakeServer, serve

PAIRWISE = "pairwise"
SHOWN = 300
"""Characters of an answer: two or three sentences."""
PASSAGES = 5
PARTS = 4
"""Claims, statements or opinions that every scripted reply finds."""
LEFT_OUT = frozenset({"disagreement", "perplexity"})
"""The first is arithmetic on others; the second needs a model that gives log-probabilities."""
Asks = Callable[[Submission, Calls], Awaitable[Score]]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a judge took for so many cases: calls, tokens, seconds of the processor."""

    judge: str
    cases: int
    calls: int
    prompts: int
    replies: int
    processor: float

    @property
    def row(self) -> str:
        """A line of the table: per 1,000 cases, but for milliseconds a case."""
        thousands = (number / self.cases for number in (self.prompts, self.replies))
        tokens = " | ".join(f"{number:,.0f}" for number in thousands)
        calls, processor = (1000 * number / self.cases for number in (self.calls, self.processor))
        return f"| {self.judge} | {calls:,.0f} | {tokens} | {processor:.1f} |"


class Overheard(RemoteChat):
    """A chat model that keeps what it was sent and what it said, its draws included."""

    said: list[tuple[str, str]]

    async def chat(self, messages: Sequence[Message]) -> Answer:
        """See ChatModel."""
        answer = await super().chat(messages)
        self.said.append(("\n".join(message.content for message in messages), answer.text))
        return answer


class OneChat(Chats):
    """Opens the same chat model whatever the name."""

    def __init__(self, chat: ChatModel) -> None:
        self._chat = chat

    def open(self, name: str, least_tokens: int = 0, further: Sequence[Sent] = ()) -> ChatModel:
        """The chat model."""
        return self._chat


def measure(folder: Path, cases: int = 200) -> Finding:
    """Score `cases` cases under every judged metric, each with a store of its own in `folder`."""
    judged = [name for name, metric in METRICS.items() if metric.rule is None]
    names = [REFERENCE, PAIRWISE, *(name for name in judged if name not in LEFT_OUT)]
    with _server() as url:
        chat = _chat(url)
        submissions = _submissions(cases + 1, folder, chat)
        costs = [_cost(name, submissions, folder, chat) for name in names]
    head = "| judged | calls | prompt tokens, thousands | reply tokens, thousands | ms a case |"
    return Finding(
        "what judging 1,000 cases costs",
        f"Measured on {cases} answered questions of the sample: {PASSAGES} passages (BM25, 1,000 "
        f"characters), and as answer {SHOWN} characters of the contract from the gold span on. "
        f"The judge is a fake server whose replies are valid and find {PARTS} claims in every "
        "answer; a reply that cannot be read costs one call more, and what two cases would both "
        "ask is asked once. Calls and tokens are per 1,000 cases, tokens those of SmolLM2's "
        "tokenizer without a chat template. Milliseconds are this process's processor time a "
        "case: prompts, connections, store, and the embedder where there is one, imports not "
        "counted. The `selfcheck` metrics ask the examined model for five samples, which they "
        "share in one exam.",
        table="\n".join([head, "|---|---:|---:|---:|---:|", *(cost.row for cost in costs)]),
    )


def _chat(url: str) -> Overheard:
    chat = Overheard(
        "fake",
        EndpointServer("fake", base_url=url, model="fake", concurrency=CONNECTIONS),
        Decoding(max_tokens=JUDGEMENT),
        context=32_768,
        concurrency=CONNECTIONS,
        retries=6,
    )
    chat.said = []
    return chat


def _submissions(count: int, folder: Path, chat: ChatModel) -> list[Submission]:
    """Answered questions of the sample, with passages and an answer.

    Raises:
        ValueError: the sample has fewer.
    """
    data = load_dataset("sample")
    cases = [case for case in data.cases if case.answerable]
    if len(cases) < count:
        raise ValueError(f"the sample has {len(cases)} answered questions; {count} are wanted")
    retriever = Retriever(RetrieverOptions("bm25", PASSAGES), data.name, folder / "passages")
    model = PromptedModel(chat, Template())
    return [
        Submission(case, Answer(_quotation(case), passages=passages), model)
        for case, passages in zip(cases[:count], retriever.retrieve(cases[:count]), strict=True)
    ]


def _quotation(case: Case) -> str:
    """The contract from its first gold span on: hardly two questions share that."""
    start = case.spans[0].start or 0
    return case.contract.text[start : start + SHOWN]


def _cost(name: str, submissions: Sequence[Submission], folder: Path, chat: Overheard) -> Cost:
    """Judge every submission; the first is there to import what is needed, and not counted.

    Raises:
        RuntimeError: one could not be scored.
    """
    store = Store(str(folder / f"{name.replace(':', '-')}.sqlite"))
    calls, processor, scores = asyncio.run(_judged(name, submissions, store, chat))
    store.close()
    lost = [score.reason for score in scores if score.value is None]
    if lost:
        raise RuntimeError(f"{name}: {len(lost)} of {len(scores)} unscored: {lost[0]}")
    prompts, replies = (_tokens([turn[side] for turn in chat.said]) for side in (0, 1))
    return Cost(name, len(scores), calls, prompts, replies, processor)


async def _judged(
    name: str, submissions: Sequence[Submission], store: Store, chat: Overheard
) -> tuple[int, float, list[Score]]:
    """Calls, seconds of the processor, and the scores of all but the first submission."""
    async with Journal(store) as journal:
        calls = Calls(journal, Lookups(store, "answers"), Budget())
        asks = _asks(name, chat)
        await asks(submissions[0], calls)
        before, begun = calls.budget.calls, time.process_time()
        chat.said.clear()
        scores = await asyncio.gather(*(asks(each, calls) for each in submissions[1:]))
        processor = time.process_time() - begun
        await chat.close()
    return calls.budget.calls - before, processor, scores


def _asks(name: str, chat: Overheard) -> Asks:
    """How a submission is judged under this name."""
    if name == PAIRWISE:
        pairwise = PairwiseJudge(chat)
        return lambda submission, calls: pairwise.prefer(
            submission.case, submission.answer, Answer(submission.answer.passages[0].text), calls
        )
    metric, judge = ("correctness", REFERENCE) if name == REFERENCE else (name, chat.name)
    (opened,) = open_judges((metric,), (judge,), 1, OneChat(chat))
    return opened.judge


def _tokens(texts: Sequence[str]) -> int:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(embedded_smollm2() / "tokenizer.json"))
    return sum(len(each.ids) for each in tokenizer.encode_batch(texts, add_special_tokens=False))


@contextmanager
def _server() -> Iterator[str]:
    """A judge that knows the prompts, in its own process; yields its URL."""
    command = [sys.executable, "-m", "bench.judges"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _script() -> Callable[[list[dict[str, str]]], str]:
    """Valid replies to every judge's prompts; no two are the same, or some would be asked once."""
    numbers = itertools.count()

    def reply(messages: list[dict[str, str]]) -> str:
        prompt = "\n".join(message["content"] for message in messages)
        words = f"Sentence {next(numbers)} of the clause says so in as many words."
        said = next((said for sign, said in _replies(words).items() if sign in prompt), words)
        return said if isinstance(said, str) else json.dumps(said)

    return reply


def _replies(words: str) -> dict[str, Any]:
    """What to say, by words of the prompt: our judges', then deepeval's, then ragas'."""
    parts = [f"{words} Part {number}." for number in range(PARTS)]
    verdicts = {"verdicts": [{"verdict": "yes", "reason": part} for part in parts]}
    supported = json.dumps([{"claim": p, "supported": True, "evidence": words} for p in parts])
    reasons = f"[[ ## reasons ## ]]\n{words}\n\n"
    end = "\n\n[[ ## completed ## ]]"
    return {
        "`[[ ## score ## ]]`": f"{reasons}[[ ## score ## ]]\n0.75{end}",
        "`[[ ## preferred ## ]]`": f"{reasons}[[ ## preferred ## ]]\nfirst{end}",
        "`[[ ## claims ## ]]`": f"[[ ## claims ## ]]\n{supported}{end}",
        "Reply with one word, Yes or No": "Yes",
        '"score": 0': {"score": 7, "reason": words},
        'with the "truths" key': {"truths": parts},
        'with the "claims" key': {"claims": parts},
        "whether EACH claim": verdicts,
        "agrees with EACH context": verdicts,
        'the "statements" key': {"statements": parts},
        "relevant to address the input": verdicts,
        "expected output below": verdicts,
        'the "opinions" key': {"opinions": parts},
        "is biased": verdicts,
        "is toxic": verdicts,
        "each statement found in the context": {
            "verdicts": [{"statement": part, "verdict": "yes", "reason": words} for part in parts]
        },
        "analyze the complexity of each sentence": {"statements": parts},
        "Decompose and break down": {"claims": parts},
        "judge the faithfulness": {
            "statements": [{"statement": part, "reason": words, "verdict": 1} for part in parts]
        },
        "verify if the context was useful": {"reason": words, "verdict": 1},
        '"classifications"': {
            "classifications": [
                {"statement": part, "reason": words, "attributed": 1} for part in parts
            ]
        },
        "answer is noncommittal": {"question": f"Does {words}", "noncommittal": 0},
    }


def main(argv: list[str] | None = None) -> int:
    """Serve until killed; the first line printed is the URL."""
    parser = Parser(prog="python -m bench.judges", description=main.__doc__)
    return run(parser.parse_args, _serve, argv)


def _serve(_: object) -> None:
    server = FakeServer(reply=_script())
    asyncio.run(serve(server, 0, lambda: print(server.url, flush=True)))


if __name__ == "__main__":
    sys.exit(main())
