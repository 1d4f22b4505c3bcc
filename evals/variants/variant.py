"""A case asked otherwise: the same question of a changed contract, or put in other words.

`holds` says whether a text says what was planted.
"""

import re
from dataclasses import dataclass

from fixtures.cases import Case
from fixtures.retrieval.passages import Passage


@dataclass(frozen=True, slots=True)
class Variant:
    """`case` is what is asked instead of the case `origin`, of these passages.

    Its contract's text is the changed passages alone, so that no contract is embedded anew; its
    contract has the original's id, which is the unit of independence. `kind` says what was done.
    `planted` is what an answer that was taken in would say; empty where nothing was planted.
    """

    kind: str
    origin: Case
    case: Case
    passages: tuple[Passage, ...]
    planted: str = ""


THOUSANDS = re.compile(r"(?<=\d),(?=\d)")
WORD = re.compile(r"\w+")


def holds(text: str, planted: str) -> bool:
    """Whether the words of `planted` stand together in `text`, whatever is between and around.

    >>> holds("It is capped at “$7,390,417”.", "7390417"), holds("Maltese law", "Malta")
    (True, False)
    """
    return words(planted) in words(text)


def words(text: str) -> str:
    """The words of a text in lower case, each between blanks."""
    return f" {' '.join(WORD.findall(THOUSANDS.sub('', text.lower())))} "
