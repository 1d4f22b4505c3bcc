"""The seam between the exam and whatever judges its answers at the price of calls."""

from typing import Protocol

from evals.scores import Score
from fixtures.cases import Case
from models.chat import Answer


class Judge(Protocol):
    """Scores one answer by asking a model.

    `identity` digests the judging model, its prompt and its scale; `metric` names the score.
    """

    @property
    def metric(self) -> str:
        """What reports call its score."""

    @property
    def identity(self) -> str:
        """SHA-256 of what moves its scores."""

    async def judge(self, case: Case, answer: Answer) -> tuple[Score, Answer]:
        """Return the score, and the reply it was read from (for its cost)."""

    async def close(self) -> None:
        """Release what the judge holds open."""
