"""What differs between two answers, word by word.

Words are compared as readers do: without case, and without the punctuation around them. The cost
is linear in the texts: what they have in common at both ends is found first, and of what is left
`MOST` words a side are compared, in a table of bits; beyond these nothing is matched.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

WORD = re.compile(r"\s*\S+(?:\s+\Z)?|\s+\Z")
"""A word with the white space before it, the last with what follows: joined, they are the text."""

AROUND = "".join(chr(code) for code in range(33, 127) if not chr(code).isalnum()) + "‘’“”«»…–—•"
MOST = 4_000
"""Words of each text in the table: 2 MB of bits, and some milliseconds."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Words that both texts have, or one alone; what both have is as the later one writes it."""

    kind: Literal["same", "added", "removed"]
    text: str


class Run(NamedTuple):
    """Words that both texts have, as places in the one and the other."""

    old: int
    new: int
    length: int


def word_difference(before: str, after: str) -> tuple[Piece, ...]:
    """The pieces of both texts in their order, what was removed before what stands in its place.

    Those that are the same or added join to `after`; those removed have no white space around them.

    >>> for piece in word_difference("the State of New York", "State of California."):
    ...     print(piece.kind, repr(piece.text))
    removed 'the'
    same 'State of'
    removed 'New York'
    added ' California.'
    """
    old, new = WORD.findall(before), WORD.findall(after)
    at, to = 0, 0
    found = []
    for run in _without_chance(_shared([*map(_key, old)], [*map(_key, new)]), len(old), len(new)):
        found += [
            Piece("removed", "".join(old[at : run.old]).strip()),
            Piece("added", "".join(new[to : run.new])),
            Piece("same", "".join(new[run.new : run.new + run.length])),
        ]
        at, to = run.old + run.length, run.new + run.length
    return tuple(piece for piece in found if piece.text)


def _key(word: str) -> str:
    """How a word is compared; one that is all punctuation is as it is written."""
    bare = word.strip()
    return bare.strip(AROUND).casefold() or bare


def _shared(old: Sequence[str], new: Sequence[str]) -> list[Run]:
    """The runs of words that both have, in order; none touches the next in both."""
    from rapidfuzz.distance import LCSseq

    start = _in_common(old, new)
    end = _in_common(old[start:][::-1], new[start:][::-1])
    one, two = old[start : len(old) - end][:MOST], new[start : len(new) - end][:MOST]
    found = [Run(0, 0, start)] if start else []
    found += [
        Run(start + same.src_start, start + same.dest_start, same.src_end - same.src_start)
        for same in LCSseq.opcodes(one, two)
        if same.tag == "equal"
    ]
    return [*found, Run(len(old) - end, len(new) - end, end)] if end else found


def _in_common(one: Sequence[str], two: Sequence[str]) -> int:
    """How many words both begin with."""
    pairs = enumerate(zip(one, two, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(two)))


def _without_chance(runs: Sequence[Run], old: int, new: int) -> Iterator[Run]:
    """The runs but for single words between longer changes, which both have by chance.

    An empty run at the end closes the last change.
    """
    at, to = 0, 0
    end = Run(old, new, 0)
    for run, after in pairwise([*runs, end]):
        left = max(run.old - at, run.new - to)
        right = max(after.old - run.old, after.new - run.new) - run.length
        if run.length > 1 or min(left, right) < 2:
            yield run
            at, to = run.old + run.length, run.new + run.length
    yield end
