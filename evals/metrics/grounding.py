"""Whether what an answer asserts in particulars stands in the passages that the model saw.

Particulars are dates, numbers, names and quoted strings. Dates and numbers are compared by value
across forms, names by their words, quotations letter by letter but for case, white space,
typographic quotes and dashes, and elisions. The time is linear in the answer.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, islice
from typing import Literal

from common.visible import visible
from evals.language.declining import abstains
from evals.language.names import name_words, names
from evals.language.quantities import DATE, REFERENCE, Date, dates, quantities
from evals.results import Score
from fixtures.cases import Case
from fixtures.retrieval.passages import Passage
from models.chat import Answer

TYPOGRAPHY = str.maketrans(
    "‘’‛“”„‟«»‐‑‒–—―\u00a0０１２３４５６７８９％，．", '\'\'\'""""""------ 0123456789%,.', "*_`"
)
# Thousands that are kept together by a space which breaks no line.
THOUSANDS = re.compile("(?<=[0-9])[\u00a0\u2007\u2009\u202f](?=[0-9]{3}(?![0-9]))")
# Two such groups and more are kept together by any space.
MILLIONS = re.compile("(?<![0-9.,'])[0-9]{1,3}(?: [0-9]{3}){2,}(?![0-9])")
LIST_MARKER = re.compile(r"^[ \t]*(?:[-•]|\(?[0-9]{1,2}[.)])[ \t]+(?=\S)", re.MULTILINE)
SECTION = re.compile(r"(?<![0-9.,])[0-9]+(?:\.[0-9]+)*(?![0-9]|[.,][0-9])")
MARKS = (".", ",", "'")
QUOTED = re.compile(r'"([^"]+)"')
ELISION = re.compile(r"\[?\.{3,}\]?|…|\[…\]")
ALTERED = re.compile(r"\[(\w)\]")


def grounded_quote(case: Case, answer: Answer) -> Score:
    """1.0 when every date, number, name and quotation of the answer is in the passages shown.

    0.0 names what is not. Names may also come from the question, for a party asked about is not
    made up. Unscored are abstentions, answers without passages, and answers with no particulars,
    which would otherwise be rewarded for vagueness.

    >>> from fixtures.cases import Contract
    >>> contract = Contract("A", "Rent of $500 falls due on March 1, 2024.")
    >>> case = Case("1", "1", contract, "Rent", "What is the rent?", ())
    >>> shown = (Passage("A", 0, 40, contract.text),)
    >>> grounded_quote(case, Answer("500 dollars, due 2024-03-01", passages=shown))
    Score(value=1.0, reason='')
    >>> grounded_quote(case, Answer("$600", passages=shown))
    Score(value=0.0, reason='not in the passages: 600')
    """
    if not any(passage.text.strip() for passage in answer.passages):
        return Score(None, "no passages shown")
    if abstains(answer.text, case.question, case.golds):
        return Score(None, "abstained")
    found = made_up(answer.text, Evidence(answer.passages, f"{case.question} {case.category}"))
    if found is None:
        return Score(None, "nothing to check")
    return Score(0.0, f"not in the passages: {found}") if found else Score(1.0)


def fabrication(case: Case, answer: Answer) -> Score:
    """1.0 when a date, number, name or quotation of the answer is nowhere in the contract.

    Unlike `grounded_quote` it looks at the whole contract, and where there is one it is never
    unscored, so that it can gate: who declines, or asserts nothing in particular, has made nothing
    up.

    >>> from fixtures.cases import Contract, Span
    >>> spans = (Span("Rent of $500", 0),)
    >>> contract = Contract("A", "Rent of $500 falls due on March 1, 2024.")
    >>> case = Case("1", "1", contract, "Rent", "What is the rent?", spans)
    >>> [fabrication(case, Answer(said)).value for said in ("$500", "$600", "Not found.")]
    [0.0, 1.0, 0.0]
    """
    if not case.contract.whole:
        return Score(None, "the data set does not hold the contract")
    if abstains(answer.text, case.question, case.golds):
        return Score(0.0)
    asked = Evidence((Passage("", 0, 0, f"{case.question} {case.category}"),), "")
    found = made_up(answer.text, _whole(case.contract.text), asked)
    return Score(1.0, f"not in the contract: {found}") if found else Score(0.0)


@lru_cache(maxsize=64)  # the questions of a contract follow on each other
def _whole(contract: str) -> "Evidence":
    return Evidence((Passage("", 0, len(contract), contract),), "")


def made_up(said: str, *evidence: "Evidence") -> str | None:
    """The first particulars that no evidence holds, in words; None where there are none at all.

    >>> shown = Evidence((Passage("A", 0, 12, "Rent of $500"),), "")
    >>> [made_up(said, shown) for said in ("$600", "$500", "rent")]
    ['600', '', None]
    """
    text = LIST_MARKER.sub(" ; ", plainly(said))
    found = claims(text)
    first = next(found, None)
    if first is None:
        return None
    if any(each.has(flatten(text)) for each in evidence):  # but "$2" may be cut from "$2 million"
        found = (claim for claim in found if claim.kind == "number")
        first = first if first.kind == "number" else next(found, first)
        if first.kind != "number":
            return ""
    missing = (c.shown for c in chain([first], found) if not any(e.holds(c) for e in evidence))
    return ", ".join(dict.fromkeys(shorten(shown) for shown in islice(missing, 3)))


@dataclass(frozen=True, slots=True)
class Claim:
    """A particular as written, and its readings, any of which may be in the passages."""

    kind: Literal["date", "reference", "number", "name", "quote"]
    shown: str
    forms: Sequence[str] | Sequence[Date]


class Evidence:
    """The passages in the forms in which claims are looked up, each made when first needed."""

    def __init__(self, passages: Sequence[Passage], question: str) -> None:
        self.passages = passages
        self.question = question

    @cached_property
    def flat(self) -> str:
        """Lower case, plain quotes and dashes, single spaces."""
        return flatten(plainly("\n".join(stitched(self.passages))))

    @cached_property
    def words(self) -> str:
        """Words of passages and question, joined by single spaces, company suffixes abridged."""
        return name_words(f"{self.flat} {flatten(plainly(self.question))}")

    @cached_property
    def dates(self) -> set[Date]:
        """Dates, and the same without their day and without their year."""
        found = {date for _, readings in dates(self.flat) for date in readings}
        return found | {(y, m, 0) for y, m, _ in found} | {(0, m, d) for _, m, d in found}

    @cached_property
    def numbers(self) -> set[str]:
        """Numbers by value, also of dates; a share is also found without its percent sign."""
        texts = (self.flat, DATE.sub(" ; ", self.flat))
        found = {value for text in texts for _, value in quantities(REFERENCE.sub(" ; ", text))}
        return found | {value.rstrip("%") for value in found}

    @cached_property
    def written(self) -> set[str]:
        """Numbers in digits letter by letter: section 5.10 is not section 5.1."""
        return set(SECTION.findall(self.flat))

    @cached_property
    def referenced(self) -> set[str]:
        """The numbers of the sections to which the passages refer."""
        return {each for match in REFERENCE.findall(self.flat) for each in SECTION.findall(match)}

    def has(self, text: str) -> bool:
        """Whether a flat text occurs as it is, and not as a part of a longer number or word."""
        at = self.flat.find(text)
        while at >= 0 and not _stands_alone(self.flat, at, at + len(text)):
            at = self.flat.find(text, at + 1)
        return at >= 0

    def holds(self, claim: Claim) -> bool:
        """Whether a reading of the claim is in the passages."""
        match claim.kind:
            case "date":
                return self.has(claim.shown) or not self.dates.isdisjoint(claim.forms)
            case "reference":
                return all(form in self.written for form in claim.forms)
            case "number":
                by_value = any(form in self.numbers for form in claim.forms)
                return by_value or claim.shown in self.referenced
            case "name":
                return self.has(claim.shown.lower()) or any(
                    f" {form} " in self.words for form in claim.forms
                )
            case "quote":
                return any(form in self.flat for form in map(str, claim.forms))


def claims(text: str) -> Iterator[Claim]:
    """The particulars of `text`, whose typography is already plain.

    >>> [(claim.kind, claim.shown) for claim in claims("Acme Robotics Inc. owes $500")]
    [('number', '500'), ('name', 'Acme Robotics Inc')]
    """
    flat = flatten(text)
    for shown, readings in dates(flat):
        yield Claim("date", shown, readings)
    undated = DATE.sub(" ; ", flat)
    for match in REFERENCE.finditer(undated):
        for number in SECTION.findall(match[0]):
            yield Claim("reference", number, [number])
    for shown, value in quantities(REFERENCE.sub(" ; ", undated)):
        # "one" is a pronoun, "first" a conjunction and "third" half a party as often as a number.
        if shown not in ("one", "first", "second", "third"):
            yield Claim("number", shown, [value])
    for shown, forms in names(text):
        yield Claim("name", shown, forms)
    for match in QUOTED.finditer(ALTERED.sub(r"\1", flat)):
        for piece in ELISION.split(match[1]):
            quote = piece.strip(" .,;:!?'")
            if quote:
                yield Claim("quote", f'"{quote}"', [quote])


def plainly(text: str) -> str:
    """Plain quotes, dashes, digits and spaces; no markup, and nothing that cannot be seen.

    >>> plainly("“**1 000 000**”")
    '"1,000,000"'
    """
    text = MILLIONS.sub(lambda number: number[0].replace(" ", ","), visible(text))
    return THOUSANDS.sub(",", text).translate(TYPOGRAPHY)


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether what is found there is not cut out of a longer number or word."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if before[-1:].isalnum() or after[:1].isalnum():
        return False
    begins, ends = text[start : start + 1].isdigit(), text[end - 1 : end].isdigit()
    cut_before = begins and before[-1:] in MARKS and before[:1].isdigit()
    cut_after = ends and after[:1] in MARKS and after[1:].isdigit()
    return not (cut_before or cut_after or (begins and before[-1:] == "."))


def shorten(shown: str) -> str:
    """At most 60 characters.

    >>> len(shorten("word " * 100)), shorten("two words")
    (60, 'two words')
    """
    return shown if len(shown) <= 60 else shown[:57] + "..."


def flatten(text: str) -> str:
    """Lower case, single spaces.

    >>> flatten("The  Term is   Two Years")
    'the term is two years'
    """
    return " ".join(text.lower().split())


def stitched(passages: Sequence[Passage]) -> list[str]:
    """Texts in contract order, chunks that touch or overlap made one, so that no quote is cut.

    >>> stitched([Passage("A", 4, 11, "term is"), Passage("A", 0, 8, "The term")])
    ['The term is']
    """
    texts: list[str] = []
    last: Passage | None = None
    for passage in sorted(passages, key=lambda p: (p.contract_id, p.start, p.end)):
        whole = len(passage.text) == passage.end - passage.start
        if last and whole and last.contract_id == passage.contract_id and passage.start <= last.end:
            texts[-1] += passage.text[max(0, last.end - passage.start) :]
            last = passage if passage.end > last.end else last
        else:
            texts.append(passage.text)
            last = passage if whole else None
    return texts
