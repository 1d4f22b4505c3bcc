"""Has a model forgotten what its own base knew? General questions to both."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evals.calls.calls import Calls
from evals.judges.judge import Panel
from evals.probes.lm_eval import TaskScore, run_tasks
from evals.probes.probe import Probe, is_right
from models.chat import Answer, ChatModel, Message


@dataclass(frozen=True, slots=True)
class Probed:
    """One question, and what the model and its base replied."""

    probe: Probe
    answer: Answer
    base: Answer

    @property
    def failed(self) -> str | None:
        """Why either gave no reply; None where both did."""
        return self.answer.error or self.base.error


@dataclass
class ProbeExam:
    """The general questions, to `chat` and to the `base` that it was trained from."""

    model: str
    chat: ChatModel
    base: ChatModel
    probes: Sequence[Probe]
    probed: list[Probed] = field(default_factory=list)

    async def take(self, panel: Panel) -> None:
        """Ask both every question."""
        answers, bases = await asyncio.gather(
            _ask(self.chat, self.probes, panel.calls), _ask(self.base, self.probes, panel.calls)
        )
        self.probed = [Probed(*each) for each in zip(self.probes, answers, bases, strict=True)]

    def rights(self) -> tuple[list[float], list[float]]:
        """1.0 for right and 0.0 for wrong, of the model and of its base, where both replied."""
        both = [each for each in self.probed if each.failed is None]
        return (
            [float(is_right(each.probe, each.answer.text)) for each in both],
            [float(is_right(each.probe, each.base.text)) for each in both],
        )

    async def close(self) -> None:
        """Close both."""
        await self.chat.close()
        await self.base.close()


async def _ask(chat: ChatModel, probes: Sequence[Probe], calls: Calls) -> list[Answer]:
    asked = (calls.chat(chat, [Message("user", probe.question)]) for probe in probes)
    return list(await asyncio.gather(*asked))


@dataclass
class HarnessExam:
    """Tasks of lm-evaluation-harness, run on an adapter and on its bare base."""

    model: str
    base: Path
    adapter: Path
    tasks: Sequence[str]
    scores: dict[str, tuple[TaskScore, TaskScore]] = field(default_factory=dict)

    async def take(self, panel: Panel) -> None:
        """Run them; the harness loads the model itself, and its calls are nobody's budget."""
        mine = await asyncio.to_thread(run_tasks, self.tasks, self.base, self.adapter)
        theirs = await asyncio.to_thread(run_tasks, self.tasks, self.base)
        self.scores = {task: (mine[task], theirs[task]) for task in self.tasks}

    async def close(self) -> None:
        """Nothing is held open."""
