"""Which cases lie in the page and which in cases.json, each drawn once by the same template."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reports.html.drawing import embedded
from reports.page.cases import MOST, Shown, by_weight, index_of
from reports.report import Report

LEAST = 10_000
"""Characters of room below which no further case is tried."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A case as HTML: its row of the matrix, and what stands below when it is opened."""

    row: str
    opened: str


Draw = Callable[[Shown, bool], Drawn]
"""With True the passages of a case stand in it, else where they go is marked."""


@dataclass(frozen=True, slots=True)
class Carried:
    """The cases of a page.

    Attributes:
        cases: those that lie in it, in the order of the exam.
        drawn: the same as HTML.
        index: of these, what a script finds them by.
        beside: the lines of cases.json; empty where all lie in the page.
    """

    cases: tuple[Shown, ...]
    drawn: tuple[Drawn, ...]
    index: tuple[dict[str, Any], ...]
    beside: tuple[str, ...]


def carried(
    report: Report, cases: Sequence[Shown], metrics: Sequence[str], draw: Draw, most: int = MOST
) -> Carried:
    """Divide cases between a page and cases.json.

    Args:
        report: theirs.
        cases: all of them.
        metrics: those that are scored.
        draw: one of them.
        most: characters of cases in the page.
    """
    within = dict(_within(cases, metrics, draw, most))
    inside = [each for each in cases if each.place in within]
    others = [each for each in cases if each.place not in within]
    return Carried(
        tuple(inside),
        tuple(within[each.place] for each in inside),
        tuple(index_of(each, metrics) for each in inside),
        tuple(_lines(report, others, metrics, draw)) if others else (),
    )


def _within(
    cases: Iterable[Shown], metrics: Sequence[str], draw: Draw, most: int
) -> Iterator[tuple[int, Drawn]]:
    """What finds room, by place."""
    left = most
    for each in by_weight(cases):
        if left < min(LEAST, most):
            return
        drawn = draw(each, True)
        size = len((drawn.row + drawn.opened).encode()) + len(embedded(index_of(each, metrics)))
        if size <= left:
            left -= size
            yield each.place, drawn


def _lines(
    report: Report, cases: Sequence[Shown], metrics: Sequence[str], draw: Draw
) -> Iterator[str]:
    """A JSON object of four lists, an element a line.

    A browser can find the lines without reading them, and read those that it needs: no string of
    its has to hold the whole.
    """
    drawn = [draw(each, False) for each in cases]
    parts: dict[str, Iterable[Any]] = {
        "passages": (passage.text for passage in report.passages),
        "cases": (index_of(each, metrics) for each in cases),
        "rows": (each.row for each in drawn),
        "opened": (each.opened for each in drawn),
    }
    opening = "{"
    for name, values in parts.items():
        yield f'{opening}"{name}":[\n'
        opening, comma = "],", ""
        for value in values:
            yield f"{comma}{_dumped(value)}"
            comma = ",\n"
        yield "\n"
    yield "]}\n"


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
