"""Which cases lie in the page and which in cases.json, each drawn once by the same template."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reports.page.cases import MOST, Shown, by_weight, index_of
from reports.page.drawing import embedded
from reports.report import Report

LEAST = 10_000
"""Characters of room below which no further case is tried."""

Draw = Callable[[Shown, bool], str]
"""A case as HTML; with True its passages stand in it, else where they go is marked."""


@dataclass(frozen=True, slots=True)
class Carried:
    """The cases of a page.

    Attributes:
        rows: HTML of those that lie in it, in the order of the exam.
        index: of these, what a script finds them by.
        beside: the lines of cases.json; empty where all lie in the page.
    """

    rows: tuple[str, ...]
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
    places = sorted(within)
    others = [each for each in cases if each.place not in within]
    return Carried(
        tuple(within[place] for place in places),
        tuple(index_of(cases[place], metrics) for place in places),
        tuple(_lines(report, others, metrics, draw)) if others else (),
    )


def _within(
    cases: Iterable[Shown], metrics: Sequence[str], draw: Draw, most: int
) -> Iterator[tuple[int, str]]:
    """(place, HTML) of what finds room."""
    left = most
    for each in by_weight(cases):
        if left < min(LEAST, most):
            return
        drawn = draw(each, True)
        size = len(drawn.encode()) + len(embedded(index_of(each, metrics)))
        if size <= left:
            left -= size
            yield each.place, drawn


def _lines(
    report: Report, cases: Sequence[Shown], metrics: Sequence[str], draw: Draw
) -> Iterator[str]:
    """One JSON object: passages once each, then a case a line."""
    yield f'{{"passages":{_dumped([passage.text for passage in report.passages])},"cases":[\n'
    last = len(cases) - 1
    for at, each in enumerate(cases):
        found = {**index_of(each, metrics), "html": draw(each, False)}
        yield f"{_dumped(found)}{',' if at < last else ''}\n"
    yield "]}\n"


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
