"""Answers that were produced elsewhere, read from a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fixtures.cases import Case
from fixtures.errors import UserError
from fixtures.identity import file_digest
from fixtures.passages import Passage
from fixtures.recorded import read_recordings
from models.chat import Answer


@dataclass(frozen=True)
class RecordedModel:
    """Looks a case up by its id, by its row if the file is its own data set, by its question.

    A question that the file answers in more than one way is only found by `case_id` or by
    question and contract together, never guessed.
    """

    name: str
    path: Path
    uses_passages: bool = True
    free: bool = True

    @cached_property
    def identity(self) -> str:
        """SHA-256 of the file."""
        if not self.path.is_file():
            raise UserError(f"model {self.name}: {self.path} is no file; give a .csv or .jsonl")
        return file_digest(self.path)

    @cached_property
    def _answers(self) -> dict[tuple[str, ...], str | None]:
        answers: dict[tuple[str, ...], str | None] = {}
        for row in read_recordings(self.path):
            if row.answer is None:
                raise UserError(f"{self.path}, row {row.row}: no column `answer` or `response`")
            keys: list[tuple[str, ...]] = [("id", row.case_id)] if row.case_id else []
            if row.question:
                asked = (row.question, row.contract_id)
                keys += [("row", row.name, *asked), ("asked", *asked), ("asked", row.question)]
            for key in keys:
                clash = key in answers and answers[key] != row.answer
                answers[key] = None if clash else row.answer
        return answers

    @cached_property
    def _has_context(self) -> bool:
        """Whether the file says from what it was answered; else nothing was seen to be shown."""
        return any(row.context for row in read_recordings(self.path))

    async def preflight(self) -> None:
        """Read the file.

        Raises:
            UserError: it is missing, malformed or without answers.
        """
        self._answers  # noqa: B018 - reading is the check

    def most_tokens(self, case: Case, passages: Sequence[Passage]) -> int:
        """None: it counts no tokens."""
        return 0

    def shown(self, case: Case, passages: Sequence[Passage]) -> tuple[Passage, ...]:
        """See Model: what the retriever finds, since nobody knows better."""
        return tuple(passages)

    async def answer(self, case: Case, passages: Sequence[Passage]) -> Answer:
        """The recorded answer; an error where the file has none for this case."""
        for key in (
            ("id", case.id),
            ("row", case.id, case.question, case.contract.id),
            ("asked", case.question, case.contract.id),
            ("asked", case.question),
        ):
            text = self._answers.get(key)
            if text is not None:
                return Answer(text, passages=tuple(passages) if self._has_context else ())
        return Answer("", error=f"no answer for {case.id} in {self.path.name}")

    async def logprobs(self, case: Case, passages: Sequence[Passage], reply: str) -> None:
        """It has none."""

    def drawn(self, temperature: float, seed: int) -> None:
        """It always says the same."""

    async def close(self) -> None:
        """Nothing is held open."""
