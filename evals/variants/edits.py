"""Edits of passages, and where the gold answers stand once they are made."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from evals.language.words import normalise
from evals.variants.variant import Variant
from fixtures.cases import Case, Contract, Span
from fixtures.retrieval.passages import Passage

BETWEEN = "\n\n"


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Puts `text` in place of the characters `start` to `end` of a passage's text."""

    start: int
    end: int
    text: str


def revised(
    case: Case,
    passages: Sequence[Passage],
    kind: str,
    edits: Sequence[Sequence[Edit]] = (),
    *,
    question: str | None = None,
    planted: str = "",
    reworded: Callable[[str], str] = str,
) -> Variant:
    """The variant that results from edits.

    A gold answer that stands whole in a passage is gold as it stands there afterwards; where that
    has other words than before, as noise leaves it, the clean text is right too.

    Args:
        case: what is varied.
        passages: shown for it, best first.
        kind: what was done.
        edits: of each passage, apart from each other; none where empty.
        question: asked instead.
        planted: see Variant.
        reworded: what becomes of the gold texts themselves.
    """
    edits = [sorted(each) for each in edits] or [[] for _ in passages]
    texts = [applied(p.text, each) for p, each in zip(passages, edits, strict=True)]
    starts = list(offsets(texts))
    text = BETWEEN.join(texts)
    spans: dict[Span, None] = {}
    for span in case.spans:
        clean, found = reworded(span.text), found_whole(span, passages)
        stands = None
        if found:
            number, begin, end = found
            begin = starts[number] + moved(begin, edits[number], is_start=True)
            end = starts[number] + moved(end, edits[number], is_start=False)
            stands = Span(text[begin:end], begin)
            spans[stands] = None
        if stands is None or normalise(stands.text) != normalise(clean):
            spans[Span(clean, None)] = None
    contract = Contract(case.contract.id, text)
    changed = replace(
        case,
        id=f"{case.id}~{kind}",
        slug=f"{case.slug}~{kind}",
        contract=contract,
        question=case.question if question is None else question,
        spans=tuple(spans),
    )
    return Variant(kind, case, changed, slices(contract, starts, texts), planted)


def offsets(texts: Sequence[str]) -> Iterator[int]:
    """Where each text begins once they are joined by blank lines."""
    start = 0
    for text in texts:
        yield start
        start += len(text) + len(BETWEEN)


def slices(contract: Contract, starts: Sequence[int], texts: Sequence[str]) -> tuple[Passage, ...]:
    """The texts as passages of the contract that they make."""
    return tuple(
        Passage(contract.id, start, start + len(text), text)
        for start, text in zip(starts, texts, strict=True)
    )


def applied(text: str, edits: Iterable[Edit]) -> str:
    """`text` with sorted edits made."""
    parts, at = [], 0
    for edit in edits:
        parts += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*parts, text[at:]])


def moved(offset: int, edits: Iterable[Edit], *, is_start: bool) -> int:
    """Where an offset lies after sorted edits.

    A start inside an edited piece goes to its beginning, an end to its end. What is inserted at
    the edge of a gold answer is no part of it.
    """
    shift = 0
    for edit in edits:
        inserted_at = edit.start == edit.end == offset
        if edit.end <= offset and (is_start or not inserted_at):
            shift += len(edit.text) - (edit.end - edit.start)
        elif edit.start < offset:
            return edit.start + shift + (0 if is_start else len(edit.text))
        else:
            break
    return offset + shift


def found_whole(span: Span, passages: Sequence[Passage]) -> tuple[int, int, int] | None:
    """(passage, start, end) of a gold answer that one passage holds whole; the first counts."""
    for number, passage in enumerate(passages):
        at = passage.text.find(span.text) if span.start is None else span.start - passage.start
        if at >= 0 and span.text and passage.text.startswith(span.text, at):
            return number, at, at + len(span.text)
    return None


def gold_in(case: Case, passage: Passage) -> list[tuple[int, int]]:
    """(start, end) of every piece of a gold answer in a passage's text, also of those cut off."""
    found = []
    for span in case.spans:
        at = passage.text.find(span.text) if span.start is None else span.start - passage.start
        begin, end = max(at, 0), min(at + len(span.text), len(passage.text))
        if (at >= 0 or span.start is not None) and begin < end:
            found.append((begin, end))
    return sorted(found)
