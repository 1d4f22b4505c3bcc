"""What dspy costs: programs around a model that answers at once, and the same prompts without."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.results import Finding, Row
from fixtures.cases import Case
from fixtures.datasets import load_dataset
from fixtures.retrieval.passages import Chunker, Passage
from models.chat import Answer, ChatModel, Message
from models.echo import EchoChat
from models.program.entry import ProgramEntry
from models.program.model import Pipeline, ProgramModel

MOST = 3.0
"""Milliseconds of processor a call."""

AWAITED = """
import dspy


class Awaited(dspy.Module):
    def __init__(self):
        self.answer = dspy.Predict("passages: list[str], question -> answer")

    async def aforward(self, question, passages):
        return await self.answer.acall(question=question, passages=passages)
"""

REPLY = "[[ ## reasoning ## ]]\nSection 2.\n\n[[ ## answer ## ]]\nNevada\n\n[[ ## completed ## ]]"


@dataclass
class Asking:
    """Replies at once, in dspy's layout; `prompts` are those that it was sent."""

    prompts: list[Sequence[Message]] = field(default_factory=list)

    async def chat(self, generator: ChatModel, messages: Sequence[Message]) -> Answer:
        """One call."""
        self.prompts.append(messages)
        return Answer(REPLY, tokens_in=sum(generator.count(turn.content) for turn in messages))


def measure(folder: Path, repeats: int) -> Finding:
    """Time programs that are called in threads, and one that is awaited."""
    own = folder / "awaited.py"
    own.write_text(AWAITED)
    rows = []
    for what, program in (
        ("`instruct`, called", "instruct"),
        ("`rag`, called", "rag"),
        ("a user's program, awaited, with dspy's own adapter", str(own)),
    ):
        found = sorted(_overhead(program) for _ in range(repeats))
        cost, direct = found[len(found) // 2]
        rows += [
            Row(
                f"{what}: processor beyond the same prompt sent directly",
                f"{cost:.2f} ms a call ({found[0][0]:.2f} to {found[-1][0]:.2f})",
                f"at most {MOST:.0f} ms",
                cost <= MOST,
            ),
            Row(f"{what}: sent directly", f"{direct:.3f} ms a call"),
        ]
    return Finding(
        "what dspy costs a call",
        "492 cases of the sample with five passages each, all at once, around a model that answers "
        "at once; then the very prompts sent without dspy. Processor time of the process, medians "
        f"of {repeats} runs; rendering, reading of the reply and the hop to a thread included, "
        "loading not.",
        rows,
    )


def _overhead(program: str) -> tuple[float, float]:
    """Milliseconds of processor a call that the program adds, and that a call takes without it."""
    entry = ProgramEntry(kind="program", program=program, generator="echo")
    model = ProgramModel(Pipeline("bench", entry), EchoChat())
    cases = [(case, _passages(case)) for case in load_dataset("sample").cases]
    asking = Asking()
    asyncio.run(_answered(model, *cases[0], asking))  # loads it
    asking.prompts.clear()
    whole = _processor(lambda: _all([_answered(model, *each, asking) for each in cases]))
    asking.prompts, prompts = [], asking.prompts
    asyncio.run(model.close())
    direct = _processor(lambda: _all([asking.chat(model.generator, each) for each in prompts]))
    calls = len(prompts)
    return 1000 * (whole - direct) / calls, 1000 * direct / calls


async def _answered(
    model: ProgramModel, case: Case, passages: Sequence[Passage], asking: Asking
) -> None:
    answer = await model.answer_through(case, passages, asking.chat)
    if answer.text != "Nevada":
        raise ValueError(f"the program said {answer}")


async def _all(work: Sequence[Awaitable[object]]) -> None:
    await asyncio.gather(*work)


def _processor(run: Callable[[], Awaitable[None]]) -> float:
    """Seconds of processor."""

    async def timed() -> float:
        started = time.process_time()
        await run()
        return time.process_time() - started

    return asyncio.run(timed())


def _passages(case: Case) -> tuple[Passage, ...]:
    return Chunker().split(case.contract)[:5]
