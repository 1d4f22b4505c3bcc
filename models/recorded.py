"""Answers that were produced elsewhere, read from a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from common.errors import UserError
from common.identity import file_digest
from fixtures.cases import Case
from fixtures.recorded import Recording, read_recordings
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from models.spoken import answered

Key = tuple[str, ...]


@dataclass(frozen=True)
class RecordedModel:
    """Looks a case up by what a row says that it is about, and by nothing less.

    A row with a `case_id` answers that case alone, one with a contract (or the contract's text) the
    question about that contract, and only a row with neither answers its question wherever that is
    asked. Without a `case_id` a row also answers the case that its own file makes of it. What the
    file answers in more than one way is never guessed.

    It is shown no passages: an answer has those that its row gives, as its `context`.
    """

    name: str
    path: Path
    uses_passages: bool = False
    free: bool = True

    @cached_property
    def identity(self) -> str:
        """SHA-256 of the file."""
        if not self.path.is_file():
            raise UserError(f"model {self.name}: {self.path} is no file; give a .csv or .jsonl")
        return file_digest(self.path)

    @cached_property
    def _rows(self) -> dict[Key, Recording | None]:
        """The row that answers by each key; None where rows with different answers would."""
        recordings = read_recordings(self.path)
        if all(row.answer is None for row in recordings):
            raise UserError(
                f"{self.path}, row 1 and all others: no column `answer` or `response` is filled in"
            )
        found: dict[Key, Recording | None] = {}
        for row in recordings:
            for key in _keys(row):
                before = found.get(key, row)
                same = before and (before.answer, before.context) == (row.answer, row.context)
                found[key] = row if same else None
        return found

    async def preflight(self) -> None:
        """Read the file.

        Raises:
            UserError: it is missing, malformed or without answers.
        """
        self._rows  # noqa: B018 - reading is the check

    def most_tokens(self, case: Case, passages: Sequence[Passage]) -> int:
        """None: it counts no tokens."""
        return 0

    def shown(self, case: Case, passages: Sequence[Passage]) -> tuple[Passage, ...]:
        """What the recorded system was shown, as its row says; never what the exam retrieves."""
        row = self._row(case)
        return tuple(_passage(text, case) for text in row.context) if row else ()

    async def answer(self, case: Case, passages: Sequence[Passage]) -> Answer:
        """The recorded answer; an error where the file has none for this case."""
        row = self._row(case)
        if row is None or row.answer is None:
            missing = f"no answer for {case.id} in {self.path.name}"
            missing += f": row {row.row} holds none" if row else ""
            return Answer("", error=missing, passages=self.shown(case, passages))
        return answered(row.answer, passages=self.shown(case, passages))

    def _row(self, case: Case) -> Recording | None:
        for key in (
            ("id", case.id),
            ("row", case.id, case.question, case.contract.id),
            ("contract", case.question, case.contract.id),
            ("text", case.question, case.contract.text),
            ("question", case.question),
        ):
            if key in self._rows:
                return self._rows[key]
        return None

    async def logprobs(self, case: Case, passages: Sequence[Passage], reply: str) -> None:
        """It has none."""

    def drawn(self, temperature: float, seed: int) -> None:
        """It always says the same."""

    async def close(self) -> None:
        """Nothing is held open."""


def _keys(row: Recording) -> list[Key]:
    """What a row answers: what it names, or its question where it names nothing."""
    if row.case_id:
        return [("id", row.case_id)]
    own: Key = ("row", row.name, row.question, row.contract_id)
    if row.contract:
        return [own, ("contract", row.question, row.contract)]
    return [own, ("text", row.question, row.text) if row.context else ("question", row.question)]


def _passage(text: str, case: Case) -> Passage:
    """The text as a passage; one that does not stand in the contract is of no length there."""
    start = case.contract.text.find(text)
    return Passage(case.contract.id, max(start, 0), start + len(text) if start >= 0 else 0, text)
