"""Which passages fit into a prompt: the best first, and the first that does not is cut."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from fixtures.retrieval.passages import Passage

LEAST_PASSAGE = 32
"""Tokens below which a passage is not worth quoting."""

BETWEEN = 2
"""Tokens of the blank line after a passage."""

Cost = Callable[[int, str], int]
"""Tokens of a passage's text as a prompt has it, by its number from 1."""


def fitting(passages: Sequence[Passage], room: int, cost: Cost) -> tuple[Passage, ...]:
    """The longest prefix of `passages` in `room` tokens; the first that does not fit is cut."""
    shown: list[Passage] = []
    for number, passage in enumerate(passages, start=1):
        taken = cost(number, passage.text) + BETWEEN
        if taken > room:
            cut = _cut(number, passage, room - BETWEEN, cost)
            return (*shown, cut) if cut else tuple(shown)
        shown.append(passage)
        room -= taken
    return tuple(shown)


def _cut(number: int, passage: Passage, room: int, cost: Cost) -> Passage | None:
    """The longest head of a passage in `room` tokens, or None where that is little."""
    if room < LEAST_PASSAGE:
        return None
    fits, breaks = 0, len(passage.text)
    guess = room * 4
    while breaks - fits > 16:
        middle = guess if fits < guess < breaks else (fits + breaks) // 2
        guess = 0
        if cost(number, passage.text[:middle]) <= room:
            fits = middle
        else:
            breaks = middle
    text = passage.text[:fits]
    return replace(passage, end=passage.start + len(text), text=text) if text else None
