"""What a reviewer says of an item, and how it was stored."""

from dataclasses import dataclass
from typing import Literal

Choice = Literal["", "first", "second", "tie"]


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a reviewer said of an item.

    Attributes:
        skipped: the reviewer could not say; nothing else counts then, but for the comment.
        score: of an answer, 0 to 1; None of a pair.
        hallucination: whether the answer claims what the contract does not say.
        comment: for people.
        corrected: what the answer should have been; empty where nothing was corrected.
        choice: the better answer of a pair, as the item lists them; empty of a single answer.
    """

    skipped: bool = False
    score: float | None = None
    hallucination: bool = False
    comment: str = ""
    corrected: str = ""
    choice: Choice = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """An opinion as it was stored: `number` rises, `time` is UTC, `rubric` digests the rules."""

    number: int
    item: str
    case_id: str
    reviewer: str
    rubric: str
    opinion: Opinion
    time: str


@dataclass(frozen=True, slots=True)
class Stored:
    """The entry that counts now, and what it took the place of unseen, from another tab."""

    entry: Entry
    unseen: Entry | None = None
