"""A contract without the clause that answers the question."""

import re
from collections.abc import Iterable, Iterator, Sequence

from evals.language.quantities import Date, dates
from evals.variants.edits import Edit, applied, gold_in
from fixtures.cases import Case
from fixtures.retrieval.passages import Passage

# What every page of an agreement says again, whatever is deleted.
SAID_EVERYWHERE = frozenset({"Document Name", "Parties"})
LEAST = 20
HEADING = 40
PARAGRAPH = re.compile(r"\S(?:.|\n(?![ \t]*\n))*")


def deletions(case: Case, passages: Sequence[Passage]) -> list[tuple[Passage, list[Edit]]] | None:
    """The passages that are left, and the edits that take the gold answers out of them.

    A gold answer goes wherever it stands, whole or cut off, in whatever letter case.

    Returns:
        None where no gold answer is shown, nothing else is, or the passages still tell what was
        deleted: the names of the contract and the parties, or the same date in another form.
    """
    cuts = [_cuts(case, passage) for passage in passages]
    if case.category in SAID_EVERYWHERE or not any(cuts):
        return None
    left = [
        (passage, cut)
        for passage, cut in zip(passages, cuts, strict=True)
        if len("".join(applied(passage.text, cut).split())) >= LEAST
    ]
    gold = {date for span in case.spans for date in _dates(span.text)}
    told = {date for passage, cut in left for date in _dates(applied(passage.text, cut))}
    return left if left and not gold & told else None


def _cuts(case: Case, passage: Passage) -> list[Edit]:
    text = passage.text
    pieces = gold_in(case, passage)
    for span in case.spans:
        words = r"\s+".join(re.escape(word) for word in span.text.split())
        if words:
            alone = re.compile(rf"(?<!\w){words}(?!\w)", re.IGNORECASE)
            pieces += [match.span() for match in alone.finditer(text)]
    pieces = _joined(pieces)
    # A number or a heading that is left of a deleted clause goes with it.
    for paragraph in PARAGRAPH.finditer(text):
        begin, end = paragraph.span()
        inside = [(max(a, begin), min(b, end)) for a, b in pieces if a < end and b > begin]
        if inside and end - begin - sum(b - a for a, b in inside) < HEADING:
            pieces.append((begin, end))
    return [Edit(start, end, "") for start, end in _joined(pieces)]


def _joined(pieces: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(pieces):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def _dates(text: str) -> Iterator[Date]:
    for _, readings in dates(" ".join(text.lower().split())):
        yield from readings
