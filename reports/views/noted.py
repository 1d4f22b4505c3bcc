"""Notes of a report: sentences, and the tables below some of them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Noted:
    """A note, and the table that it ends in; `heads` are empty where its columns have none.

    In the report a table is indented lines, set in columns for a terminal; heads begin with a blank
    first cell.
    """

    sentence: str
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def noted(notes: Iterable[str]) -> list[Noted]:
    """Notes, each with the rows that follow it.

    >>> found = noted(["a plan:", "          cases", "  one     1", "  thirty  2", "more"])
    >>> found[0]
    Noted(sentence='a plan:', heads=('', 'cases'), rows=(('one', '1'), ('thirty', '2')))
    >>> found[1]
    Noted(sentence='more', heads=(), rows=())
    """
    found: list[tuple[str, list[str]]] = []
    for note in notes:
        if found and note.startswith("  "):
            found[-1][1].append(note)
        else:
            found.append((note, []))
    return [_noted(sentence, _columns(lines)) for sentence, lines in found]


def _noted(sentence: str, rows: list[tuple[str, ...]]) -> Noted:
    if rows and not rows[0][0]:
        return Noted(sentence, rows[0], tuple(rows[1:]))
    return Noted(sentence, (), tuple(rows))


def _columns(lines: list[str]) -> list[tuple[str, ...]]:
    """The cells of lines that are set in columns: two blanks in every line stand between them."""
    longest = max(map(len, lines), default=0)
    padded = [line.ljust(longest) for line in lines]
    taken = "".join(
        " x"[any(char != " " for char in column)] for column in zip(*padded, strict=True)
    )
    places = [match.span() for match in re.finditer(r"x(?: ?x)*", taken)]
    return [tuple(line[start:end].strip() for start, end in places) for line in padded]
