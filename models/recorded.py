"""Answers that were produced elsewhere, read from a file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from common.errors import UserError
from fixtures.cases import Case
from fixtures.imports.imported import Imported, read_imported
from fixtures.imports.origin import Origin
from fixtures.imports.source import Source
from fixtures.layout import as_question
from fixtures.recorded import Recording
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from models.spoken import answered

Key = tuple[str, ...]
CUAD = "Details:"
"""What stands in CUAD's own prompts, which a data set makes questions of."""


@dataclass(frozen=True, slots=True)
class Matched:
    """What a file answers of a data set, and what of it answers nothing.

    Attributes:
        cases: how many have a row.
        unmatched: names of the rows that answer no case.
        ambiguous: ids of the cases that the file answers in more than one way.
        anywhere: names of the rows that say of no contract, and whose question several are asked.
    """

    cases: int
    unmatched: tuple[str, ...]
    ambiguous: tuple[str, ...]
    anywhere: tuple[str, ...]


@dataclass(frozen=True)
class RecordedModel:
    """Looks a case up by what a row says that it is about, and by nothing less.

    A row with a `case_id` answers that case alone, one with a contract (or the contract's text) the
    question about that contract, and only a row with neither answers its question whatever contract
    that is asked about (`matched` tells where that is more than one). Without a `case_id` a row
    also answers the case that its own file makes of it. What the file answers in more than one way
    is never guessed. The id that a log gives a sample is a case's where the data set has it; one of
    digits alone, as logs count by themselves, only with its question.

    It is shown no passages: an answer has those that its row gives, as its `context`.

    `repeat` is which of the times it was asked that answers, where the file holds several, and
    `first` the model of the first of them, which read the file.
    """

    name: str
    source: Source
    repeat: int = 0
    first: "RecordedModel | None" = None
    uses_passages: bool = False
    free: bool = True

    @cached_property
    def identity(self) -> str:
        """SHA-256 of the file, and of how it is read."""
        try:
            return self.source.identity
        except UserError as error:
            raise UserError(f"model {self.name}: {error}") from error

    @cached_property
    def _imported(self) -> Imported:
        return self.first._imported if self.first else read_imported(self.source)

    @property
    def origin(self) -> Origin | None:
        """What the file says of where its answers come from; None of rows."""
        return self._imported.origin

    @property
    def repeated(self) -> int:
        """How often the file says that it was asked."""
        return self._imported.repeats

    @cached_property
    def further(self) -> tuple["RecordedModel", ...]:
        """The same, asked the second time and so on."""
        times = range(1, self.repeated)
        return tuple(replace(self, repeat=repeat, first=self) for repeat in times)

    @cached_property
    def _rows(self) -> dict[Key, Recording | None]:
        """The row that answers by each key; None where rows with different answers would."""
        recordings = [row for row in self._imported.recordings if row.repeat == self.repeat]
        if all(row.answer is None and not row.error for row in recordings):
            raise UserError(
                f"{self.source.path}, row 1 and all others: no column `answer` or `response` is "
                "filled in"
            )
        found: dict[Key, Recording | None] = {}
        for row in recordings:
            for key in _keys(row):
                before = found.get(key, row)
                found[key] = row if before and before.said == row.said else None
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
            missing = f"no answer for {case.id} in {self.source.path.name}"
            if row:
                missing = f"no answer: {row.error or f'row {row.row} holds none'}"
            return Answer("", error=missing, passages=self.shown(case, passages))
        return answered(row.answer, finish_reason=row.finish, passages=self.shown(case, passages))

    def scores(self, case: Case) -> dict[str, float]:
        """What the framework that produced the answer made of it, by scorer."""
        row = self._row(case)
        return dict(row.scores) if row else {}

    def matched(self, cases: Iterable[Case]) -> Matched:
        """What the file answers of these cases, and which of its rows answer none of them."""
        count, ambiguous, used = 0, [], set()
        asked: dict[str, set[str]] = {}
        for case in cases:
            key = self._key(case)
            if key is None:
                continue
            if row := self._rows[key]:
                used.update(_keys(row))
                count += 1
                if key[0] == "question":
                    asked.setdefault(row.name, set()).add(case.contract.id)
            else:
                used.add(key)
                ambiguous.append(case.id)
        unmatched = [
            row.name
            for row in self._imported.recordings
            if row.repeat == self.repeat and used.isdisjoint(_keys(row))
        ]
        anywhere = tuple(name for name, contracts in asked.items() if len(contracts) > 1)
        return Matched(count, tuple(unmatched), tuple(ambiguous), anywhere)

    def _row(self, case: Case) -> Recording | None:
        key = self._key(case)
        return None if key is None else self._rows[key]

    def _key(self, case: Case) -> Key | None:
        """By what the file answers a case."""
        keys = (
            ("id", case.id),
            ("row", case.id, case.question, case.contract.id),
            ("numbered", case.id, case.question),
            ("contract", case.question, case.contract.id),
            ("text", case.question, case.contract.text.strip()),
            ("question", case.question),
        )
        return next((key for key in keys if key in self._rows), None)

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
    asked = [row.question]
    if CUAD in row.question:
        asked.append(as_question(row.question))
    found: list[Key] = [("row", row.name, row.question, row.contract_id)]
    if row.sample.isdecimal():
        found += [("numbered", row.sample, question) for question in asked]
    elif row.sample:
        found.append(("id", row.sample))
    if row.contract:
        found += [("contract", question, row.contract) for question in asked]
    elif row.context:
        found += [("text", question, row.text.strip()) for question in asked]
    elif not row.sample:
        found.append(("question", row.question))
    return found


def _passage(text: str, case: Case) -> Passage:
    """The text as a passage; one that does not stand in the contract is of no length there."""
    start = case.contract.text.find(text)
    return Passage(case.contract.id, max(start, 0), start + len(text) if start >= 0 else 0, text)
