"""What an exam asks, and what it brings: models x cases, judged, within limits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from common.identity import digest
from evals.calls.calls import Calls
from evals.judges.judge import Judge, Panel
from evals.metrics.table import DEFAULT
from evals.results import Score
from evals.variants.variant import Variant
from fixtures.cases import Case
from fixtures.retrieval.passages import Chunker, Passage
from models.chat import Answer, ChatModel, Model
from models.price import Price


class Retrieves(Protocol):
    """What the engine needs of a retriever."""

    @property
    def identity(self) -> str:
        """SHA-256 of all that decides which passages are found."""

    def retrieve(
        self, cases: Sequence[Case], on_progress: Callable[[int, int], None] | None = None
    ) -> list[tuple[Passage, ...]]:
        """Rank passages for each case, best first; tells how many contracts it has embedded."""


class Task(Protocol):
    """Something else that is asked in the same run: probes, the exam of the judges."""

    async def take(self, panel: Panel) -> None:
        """Ask through the panel, and keep what came."""

    async def close(self) -> None:
        """Release what it holds open."""


class PairJudge(Protocol):
    """Says which of two answers to one case is the better."""

    async def prefer(self, case: Case, first: Answer, second: Answer, calls: Calls) -> Score:
        """1.0 for the first, -1.0 for the second, 0.0 where neither wins in both orders."""

    async def close(self) -> None:
        """Release what the judge holds open."""


@dataclass(frozen=True)
class Plan:
    """Models x cases, the judges that read the answers, and the limits.

    `stages` divides the cases into parts that are asked one after the other; empty, all at once.
    Without `needs_answers` (only retrieval is examined) no model is asked. `rules` are the rule
    metrics to score. `vary` makes variants of a case, which every model answers too. `preference`
    compares the answers of `pairings`, pairs of models' names. A model that draws its answers is
    asked each case `repeats` times. With `gold`, which cuts contracts into passages, models are
    given the gold passages among those that were ranked. `prices` says by a model's name what its
    tokens cost, and `embedding` what those of the retriever's embedder do.
    """

    models: tuple[Model, ...]
    cases: tuple[Case, ...]
    judges: tuple[Judge, ...] = ()
    max_calls: int | None = None
    max_tokens: int | None = None
    max_cost: Decimal | None = None
    prices: Callable[[str], Price | None] = lambda name: None
    embedding: Price | None = None
    needs_answers: bool = True
    stages: tuple[tuple[Case, ...], ...] = ()
    rules: tuple[str, ...] = tuple(DEFAULT)
    vary: Callable[[Case, Sequence[Passage]], Sequence[Variant]] = lambda case, passages: ()
    tasks: tuple[Task, ...] = ()
    pairings: tuple[tuple[str, str], ...] = ()
    preference: PairJudge | None = None
    repeats: int = 1
    gold: Chunker | None = None

    @property
    def judging(self) -> tuple[ChatModel, ...]:
        """The chat models that judge."""
        judges = (*self.judges, self.preference)
        chats = [getattr(judge, "chat", None) for judge in judges]
        return tuple({chat.name: chat for chat in chats if chat is not None}.values())

    def purpose(self, retriever: str) -> str:
        """What is paid for: the same models and judges on the same cases and passages.

        Args:
            retriever: its identity.
        """
        return digest(
            "exam",
            sorted(model.identity for model in self.models if not model.free),
            sorted([judge.metric, judge.identity] for judge in self.judges),
            sorted(case.identity for case in self.cases),
            [retriever, self.gold is not None, self.repeats],
        )
