"""Answers to open questions of one's own contracts: drafts that a person confirms or corrects.

What is decided stands in the data set alone (fixtures/contracts/gold.py), so nothing is kept here.
"""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from common.clock import utc_now
from common.errors import UserError
from common.identity import digest
from fixtures.cases import Case, Contract, Span
from fixtures.contracts.collection import read_collection
from fixtures.contracts.drafts import Draft, read_drafts, standing
from fixtures.contracts.gold import Decision, settle
from reports.review.forms import BadFormError, Given


class StaleError(Exception):
    """Somebody decided otherwise since the page was made."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question of the queue, as the data set has it now.

    `draft` is None where there is none of this text; `is_open` says that nobody has decided.
    """

    case: Case
    draft: Draft | None
    is_open: bool

    @property
    def seen(self) -> str:
        """What stands there, as a page that shows it says."""
        spans = [[span.start, span.text] for span in self.spans]
        absent = bool(self.draft and self.draft.absent)
        return digest(self.case.contract.digest, self.is_open, spans, absent)[:16]

    @property
    def spans(self) -> tuple[Span, ...]:
        """What to show as the answer: that which was decided, else the draft's."""
        if not self.is_open:
            return self.case.spans
        return self.draft.spans if self.draft else ()


@dataclass(frozen=True)
class GoldDesk:
    """The open questions of a data set, in its order; `ids` are theirs when the desk was opened."""

    path: Path
    ids: tuple[str, ...]
    reviewers: tuple[str, ...]
    _deciding: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def questions(self) -> Mapping[str, Question]:
        """Those that are still in the data set, by id.

        Raises:
            UserError: the file cannot be read.
        """
        dataset = read_collection(self.path)
        drafts = standing(dataset, read_drafts(self.path))
        found = {case.id: Question(case, drafts.get(case.id), True) for case in dataset.open}
        found |= {case.id: Question(case, drafts.get(case.id), False) for case in dataset.cases}
        return {name: found[name] for name in self.ids if name in found}

    def decide(self, name: str, spans: tuple[Span, ...], by: str, seen: str) -> None:
        """Make these spans the answer; none say that the contract does not answer.

        Raises:
            StaleError: it is no longer what the page showed.
            UserError: the question is gone, or the file cannot be written.
        """
        with self._deciding:
            question = self.questions().get(name)
            if question is None:
                raise UserError("this question is no longer in the data set")
            if question.seen != seen:
                raise StaleError
            when = utc_now()
            settle(self.path, {name: Decision(spans, by, when)})


def gold_desk(path: Path, reviewers: tuple[str, ...]) -> GoldDesk:
    """The desk of a data set.

    Raises:
        UserError: there is no such file, or nothing in it is open.
    """
    if not path.is_file():
        raise UserError(
            f"--gold {path}: no such file; `python -m fixtures.contracts add FILES` makes one"
        )
    ids = tuple(case.id for case in read_collection(path).open)
    if not ids:
        raise UserError(f"--gold {path}: no question is open; every one has an answer")
    return GoldDesk(path, ids, reviewers)


def decided(given: Given, question: Question) -> tuple[Span, ...]:
    """The answer that a form gives to a question.

    Raises:
        BadFormError: nothing was selected, or it does not stand in the contract.
    """
    do = given.cells.get("do", "")
    if do == "absent":
        return ()
    if do == "confirm":
        if not question.draft or not question.draft.proposes:
            raise BadFormError("the draft names no place in the contract; select the answer")
        return question.draft.spans
    contract = question.case.contract
    spans = {*_selected(given.cells.get("spans", ""), contract)}
    if words := given.text("words"):
        spans.add(written(words, contract))
    if not spans:
        raise BadFormError("select the answer in the contract, or write its words below it")
    return tuple(sorted(spans, key=lambda span: span.start or 0))


def _selected(text: str, contract: Contract) -> Iterator[Span]:
    """The spans of a JSON list of (start, text), without the white space around them."""
    try:
        places = json.loads(text or "[]")
        for start, chosen in places:
            if not (type(start) is int and start >= 0 and contract.text.startswith(chosen, start)):
                raise BadFormError("the selection does not stand in the contract; select it anew")
            if chosen.strip():
                yield Span(chosen.strip(), start + len(chosen) - len(chosen.lstrip()))
    except (ValueError, TypeError, RecursionError) as error:
        raise BadFormError("the selection cannot be read; select it anew") from error


def written(words: str, contract: Contract) -> Span:
    r"""The span that has these words, whatever white space is between them.

    Raises:
        BadFormError: they stand nowhere in the contract, or more than once.

    >>> written("two  years", Contract("A", "For two\nyears."))
    Span(text='two\nyears', start=4)
    """
    pattern = r"\s+".join(map(re.escape, words.split()))
    found = [Span(match[0], match.start()) for match in re.finditer(pattern, contract.text)]
    if not found:
        raise BadFormError("these words do not stand so in the contract; copy them from it")
    if len(found) > 1:
        places = [str(place) for span in found[:5] if (place := contract.place(span.start or 0))]
        where = f" ({'; '.join(places)})" if places else ""
        raise BadFormError(
            f"these words stand {len(found)} times in the contract{where}; write more of those "
            "around them, or select the place"
        )
    return found[0]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a contract; `first` where it is the first of those that are marked."""

    text: str
    marked: bool
    first: bool


def pieces(contract: Contract, spans: tuple[Span, ...]) -> list[Piece]:
    """The contract's text in stretches that are an answer or are not; together they are the text.

    >>> [piece.text for piece in pieces(Contract("A", "For two years."), (Span("two", 4),))]
    ['For ', 'two', ' years.']
    """
    inside = [(span.start, span.start + len(span.text)) for span in spans if span.start is not None]
    cuts = sorted({0, len(contract.text), *(cut for place in inside for cut in place)})
    found: list[Piece] = []
    for start, end in pairwise(cuts):
        marked = any(low <= start and end <= high for low, high in inside)
        first = marked and not any(piece.marked for piece in found)
        found.append(Piece(contract.text[start:end], marked, first))
    return found
