"""Labelled answer pairs: what a careful reader would score an answer at, against the gold one."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from common.errors import UserError
from common.files import read_jsonl
from common.identity import digest
from common.settings import validated
from fixtures.cases import Case, Contract, Span

SHIPPED = Path(__file__).parent / "data"
HELD_OUT_OF = 5

Style = Literal[
    "extractive", "short", "chat", "reasoned", "list",
    "markdown", "references", "hedged", "refusing",
]  # fmt: skip
"""The form of an answer, whatever it says: see `data/README.md`."""

Origin = Literal["written", "probe", "retrieved", "model", "template"]
"""Where an answer is from: invented in the manner of a system, or to deceive a judge; written from
what a retriever found, unaware of the gold texts; a model's; or made by a rule, and so labelled."""


class Pair(BaseModel):
    """One labelled answer: `score` in 0..1 says how right and complete `answer` is.

    `contract` groups pairs that share facts; `kind` names what went right or wrong; `expected`
    holds the gold texts, any of which is right, and is empty where the contract does not answer.
    `system` is what answered, or is imagined to have answered; `second` is the score that another
    reader gave without having seen the first; `rubric` digests the rules that both scored by.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    contract: str = Field(min_length=1)
    category: str
    kind: str
    question: str = Field(min_length=1)
    expected: tuple[str, ...]
    answer: str
    score: float = Field(ge=0, le=1)
    second: float | None = Field(default=None, ge=0, le=1)
    system: str = ""
    style: Style | None = None
    origin: Origin = "written"
    rubric: str = ""

    @property
    def case(self) -> Case:
        """The pair as a case of a contract whose text nobody has."""
        key = digest("pair", self.contract, self.question, self.expected)[:16]
        spans = tuple(Span(text, None) for text in self.expected)
        return Case(key, key, Contract(self.contract, ""), self.category, self.question, spans)

    @property
    def label(self) -> float:
        """What both readers found, the mean of their scores."""
        return self.score if self.second is None else (self.score + self.second) / 2

    @property
    def held_out(self) -> bool:
        """Whether the pair is for examining judges, and no embedded judge was fitted on it.

        About a fifth of the contracts, by the digest of their names.
        """
        return int(digest("held out", self.contract)[:8], 16) % HELD_OUT_OF == 0


def read_pairs(folder: Path = SHIPPED) -> tuple[Pair, ...]:
    """Every pair of the folder's `*.jsonl` files.

    Raises:
        UserError: a line is no pair, or there are none.
    """
    pairs = tuple(
        validated(where, row, Pair)
        for path in sorted(folder.glob("*.jsonl"))
        for where, row in read_jsonl(path)
    )
    if not pairs:
        raise UserError(f"{folder}: no labelled pairs in *.jsonl")
    return pairs
