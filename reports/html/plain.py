"""Pages without a script, of charts, tables and pairs of answers."""

from collections.abc import Iterable
from dataclasses import dataclass

from reports.charts.chart import Chart
from reports.html.drawing import STYLE, environment
from reports.views.word_difference import Piece


@dataclass(frozen=True, slots=True)
class Table:
    """Heads, and rows of as many cells; the first cell of a row names it."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """One case with two answers.

    Attributes:
        heading: its category.
        about: its contract and slug.
        scores: what turned, a metric each.
        question: as it was asked.
        expected: the gold answers; none where the contract does not answer.
        titles: of whom the answers are.
        first: what the one said.
        second: what the other said, word by word beside it.
    """

    heading: str
    about: str
    scores: tuple[str, ...]
    question: str
    expected: tuple[str, ...]
    titles: tuple[str, str]
    first: str
    second: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """What stands under one heading.

    Attributes:
        name: of its place in the page.
        heading: above it.
        lede: what a reader must know first.
        charts: drawn below.
        tables: below these.
        lines: what must be said beside, a paragraph each.
        cases: with two answers each, closed.
    """

    name: str
    heading: str
    lede: str = ""
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    lines: tuple[str, ...] = ()
    cases: tuple[Beside, ...] = ()


def plain_page(title: str, eyebrow: str, summary: Iterable[str], parts: Iterable[Part]) -> str:
    """One self-contained file without a script; the same arguments give the same bytes.

    Args:
        title: its first heading.
        eyebrow: what kind of page it is.
        summary: lines below the heading.
        parts: the rest.
    """
    from markupsafe import Markup

    return (
        environment()
        .get_template("plain.html.j2")
        .render(
            title=title,
            eyebrow=eyebrow,
            summary=tuple(summary),
            parts=tuple(parts),
            style=Markup(STYLE.read_text(encoding="utf-8")),
        )
    )
