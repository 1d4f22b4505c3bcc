"""What stands out in a passage: gold answers, and what the models' answers quote of it.

Offsets are characters of the passage's own text, exact whatever its case, spacing and typography
are. A quotation is found word by word: words of a passage are quoted where `RUN` of them in a row
stand so in an answer, or all of a shorter answer or of what an answer puts in quotation marks.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from evals.metrics.grounding import ELISION, QUOTED, plainly
from fixtures.cases import Span
from reports.report import ReportedPassage

RUN = 4
"""Words in a row that two texts seldom have by chance."""

WORD = re.compile(r"\w+")

Place = tuple[int, int]
"""First character, and the one after the last."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Characters of a passage that are alike.

    Attributes:
        text: what stands there.
        gold: whether a gold answer holds it.
        quoted: the models whose answers quote it.
    """

    text: str
    gold: bool
    quoted: tuple[str, ...]


def gold_places(passage: ReportedPassage, contract: str, spans: Iterable[Span]) -> list[Place]:
    """Where gold answers of `contract` lie in the passage, or the part of them that does."""
    if passage.contract != contract:
        return []
    ends = len(passage.text)
    located = [(s.start - passage.start, s.text) for s in spans if s.start is not None]
    cut = [(max(start, 0), min(start + len(text), ends)) for start, text in located]
    return sorted({(start, end) for start, end in cut if start < end})


def quoted_places(text: str, answer: str) -> list[Place]:
    r"""Where `text` has what `answer` quotes; linear in both.

    >>> quoted_places("The term is  two\nYEARS from signing.", 'It says: "two years".')
    [(13, 22)]
    """
    return _merged(
        place
        for size, runs in _wanted(answer).items()
        for standing in [_standing(text, size)]
        for run in runs
        for place in standing.get(run, ())
    )


@lru_cache(maxsize=16)  # an answer is looked for in each of its passages
def _wanted(answer: str) -> Mapping[int, set[tuple[str, ...]]]:
    """What counts as a quotation of an answer: runs of words, by how many they are."""
    wanted: dict[int, set[tuple[str, ...]]] = {}
    marked = (
        piece for match in QUOTED.finditer(plainly(answer)) for piece in ELISION.split(match[1])
    )
    for piece in (answer, *marked):
        words = [match[0].casefold() for match in WORD.finditer(piece)]
        size = min(RUN, len(words))
        if size:
            wanted.setdefault(size, set()).update(_windows(words, size))
    return wanted


@lru_cache(maxsize=512)  # the questions of a contract share its passages
def _standing(text: str, size: int) -> Mapping[tuple[str, ...], list[Place]]:
    """Where each run of `size` words stands."""
    found = list(WORD.finditer(text))
    standing: dict[tuple[str, ...], list[Place]] = {}
    for at, run in enumerate(_windows([match[0].casefold() for match in found], size)):
        standing.setdefault(run, []).append((found[at].start(), found[at + size - 1].end()))
    return standing


def _windows(words: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    return zip(*(words[start:] for start in range(size)), strict=False)


def _merged(places: Iterable[Place]) -> list[Place]:
    """The same characters, in places that do not overlap."""
    merged: list[Place] = []
    for start, end in sorted(places):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def stretches(
    text: str, gold: Iterable[Place], quoted: Mapping[str, Iterable[Place]]
) -> tuple[Stretch, ...]:
    """`text` cut where anything begins or ends to stand out; joined, they are the text.

    Args:
        text: of a passage.
        gold: places of gold answers, which may overlap.
        quoted: places that each model quotes.
    """
    marked: dict[str | None, list[Place]] = {None: _merged(gold)}
    marked |= {model: _merged(places) for model, places in quoted.items()}
    ends = sorted({0, len(text), *(end for places in marked.values() for p in places for end in p)})
    beginning: dict[int, list[str | None]] = {}
    ending: dict[int, list[str | None]] = {}
    for name, places in marked.items():
        for start, end in places:
            beginning.setdefault(start, []).append(name)
            ending.setdefault(end, []).append(name)
    on: set[str | None] = set()
    found = []
    for start, end in pairwise(ends):
        on.difference_update(ending.get(start, ()))
        on.update(beginning.get(start, ()))
        by = tuple(model for model in quoted if model in on)
        found.append(Stretch(text[start:end], None in on, by))
    return tuple(found)
