"""Contract prose and answers, cut into sentences and clauses."""

import re
from collections.abc import Iterator

BULLET = r"(?:[-*•]|\(?(?:[0-9]{1,2}|[a-z]|[ivx]{1,4})[.)])"
BLOCK_END = re.compile(r"\n[ \t]*\n|\n(?=[ \t]*" + BULLET + r"\s)")
SENTENCE_END = re.compile(r"(?<=[.!?;])[\"”’)\]]*\s+(?=[\"“(\[]*(?:[A-Z0-9$€£]|" + BULLET + r"\s))")
MARK = re.compile(r"^(?:[-*•]|\(?[0-9]{1,2}[.)])\s+")

# These end in a full stop, and yet no sentence: the number of a clause at its beginning, and
# abbreviations.
LABEL = re.compile(r"\(?(?:[A-Z]|[0-9]{1,2}(?:\.[0-9]{1,2})*)\.")

ABBREVIATED = re.compile(
    r"(?:Inc|Corp|Ltd|Co|LLC|Nos?|Sec|Art|Cl|Ex|Mr|Mrs|Ms|Dr|St|vs?|cf|approx|(?:[A-Z]\.)+[A-Z])\."
)

LEAD_IN = re.compile(r"(?:yes|no|sure|certainly|answer)\W*|.*:", re.IGNORECASE)


def claims(text: str) -> tuple[str, ...]:
    r"""What an answer asserts: its sentences without lead-ins, unless it has nothing else.

    >>> claims("Yes. The contract says:\n- It ends on May 3.")
    ('It ends on May 3.',)
    """
    found = sentences(text)
    return tuple(part for part in found if not LEAD_IN.fullmatch(part)) or found


def sentences(text: str) -> tuple[str, ...]:
    """The sentences, clauses after a semicolon, and list items of `text`, white space single.

    Only a text without a letter or digit has none: a short answer is a sentence too.

    >>> sentences("Acme Inc. may end it. 30 days' notice is enough; fees stay due.")
    ('Acme Inc. may end it.', "30 days' notice is enough; fees stay due.")
    """
    return tuple(
        MARK.sub("", sentence)
        for block in BLOCK_END.split(text)
        for sentence in _of_block(block)
        if any(char.isalnum() for char in sentence)
    )


def _of_block(block: str) -> Iterator[str]:
    begun: list[str] = []
    for part in SENTENCE_END.split(block):
        begun += part.split()
        unended = LABEL if len(begun) == 1 else ABBREVIATED
        if begun and not unended.fullmatch(begun[-1]):
            yield " ".join(begun)
            begun = []
    yield " ".join(begun)
