"""Labelled sets of passages: can the expected answer be derived from them?"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from common.files import read_jsonl
from common.identity import digest
from common.settings import validated
from fixtures.cases import Case, Contract, Span
from fixtures.retrieval.passages import Passage

SHIPPED = Path(__file__).parent / "data" / "sufficiency" / "pairs.jsonl"

MARK = 0.5
"""Of sufficiency: from here on an answer counts as derivable."""


class Derivable(BaseModel):
    """One labelled set of passages; those of one question and contract differ in the passages.

    `kind` says how the answer stands there, or what of it is missing. `held_out` are for examining
    judges: nothing was chosen on them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    contract: str = Field(min_length=1)
    question: str = Field(min_length=1)
    expected: tuple[str, ...] = Field(min_length=1)
    passages: tuple[str, ...] = Field(min_length=1)
    derivable: bool
    kind: str
    held_out: bool

    @property
    def case(self) -> Case:
        """The question as a case of a contract whose text nobody has."""
        key = digest("derivable", self.contract, self.question, self.expected)[:16]
        spans = tuple(Span(text, None) for text in self.expected)
        return Case(key, key, Contract(self.contract, ""), "", self.question, spans)

    @property
    def shown(self) -> tuple[Passage, ...]:
        """The passages, none of which touches another."""
        names = (f"{self.contract} {number}" for number in range(len(self.passages)))
        return tuple(
            Passage(name, 0, len(text), text)
            for name, text in zip(names, self.passages, strict=True)
        )


def read_derivable(path: Path = SHIPPED) -> tuple[Derivable, ...]:
    """Every labelled set of passages.

    Raises:
        UserError: a line is none.
    """
    return tuple(validated(where, row, Derivable) for where, row in read_jsonl(path))
