"""The embedded writer: templates over verified spans, and details that stand in them.

No model is asked. A question in other words has the gold answer as its answer; a question about a
detail (a date, an amount, a period, a party) is asked only where the gold answers of the case hold
exactly one such detail, and its answer is cut out of the contract.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from evals.language.quantities import CARDINALS, DATE
from fixtures.cases import Case, Span
from training.data.synthetic import QuestionKind
from training.synthesize.drafts import Draft
from training.synthesize.phrasings import phrasing_of
from training.synthesize.seeds import Seed

YES = (
    "Is there anything on {topic} in this contract? If so, quote it.",
    "Does any clause deal with {topic}? Give its words.",
    "Did the parties agree on {topic}? Answer with the wording.",
)

WHERE = (
    "Where does the text speak of {topic}?",
    "Find the passage on {topic}.",
    "Show me the part about {topic}.",
)

WORDS = "|".join(sorted([*CARDINALS, "hundred", "thousand"], key=len, reverse=True))
SPELT = rf"(?:{WORDS})(?:[-\s]+(?:and\s+)?(?:{WORDS}))*(?:\s*\([0-9]{{1,3}}\))?"
KIND_OF_DAY = r"(?:(?:business|calendar|consecutive|working|full|additional|successive)\s+)?"
BEFORE, AFTER = r"(?<![\w.,$(-])", r"(?![\w-]|[.,][0-9])"
COMPANY = r"[A-Z][\w&.'’-]*(?: (?:[A-Z][\w&.'’-]*|of|and|&)){0,5}"

RIGHT = (
    r"may\b(?! not)|has the right|"
    r"(?:shall|will) (?:\w+ )?(?:have the (?:right|option)|be (?:entitled|permitted))"
)

DUTY = r"(?:hereby )?(?:shall|will|must|agrees)\b(?! (?:have|be|own|retain|\w+ be)\b)"
YEAR = r"\A(?=.{1,60}\Z).*?\b((?:19|20)[0-9]{2})\b(?!.*\b(?:19|20)[0-9]{2}\b)"

LAND = (
    r"(?:(?:State|Commonwealth|Province|(?:People[’']s )?Republic|Kingdom) of )?"
    r"[A-Z][a-z]+(?: (?:[A-Z][a-z]+|and [A-Z][a-z]+)){0,2}(?![’'\w])"
)

NOT_A_PARTY = re.compile(
    r"\b(?:Agreement|Section|Article|Term|Party|Parties|Date|It|This|That|Such|Each|Any|All|No|"
    r"If|Neither|Either|Nothing|Notwithstanding|Upon|There|Both|They|He|She|We|You|I|Fees?|"
    r"Products?|Services?|License|Period|Notice|Payment|Records?|Liability)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Detail:
    """What to look for in a gold answer, and how to ask for it.

    Group 1 of `pattern` is the detail. Of dates, which are read in lower case, those in digits
    alone are left out, since page footers hold such dates; of parties, words that name none.
    Only answers of `categories` are searched, or of all.
    """

    pattern: re.Pattern[str]
    questions: tuple[str, ...]
    categories: tuple[str, ...] = ()
    of: Literal["date", "party", ""] = ""


def _period(units: str) -> re.Pattern[str]:
    return re.compile(
        rf"{BEFORE}((?:{SPELT}|[0-9]{{1,3}})\s+{KIND_OF_DAY}(?:{units})){AFTER}", re.IGNORECASE
    )


DETAILS = (
    Detail(
        re.compile(f"({DATE.pattern})"),
        (
            "Which calendar date is mentioned in the clause on {topic}?",
            "What date stands in the words on {topic}?",
        ),
        of="date",
    ),
    Detail(
        re.compile(
            rf"{BEFORE}((?:US)?\$ ?(?:[0-9]{{1,3}}(?:,[0-9]{{3}})+|[0-9]+)(?:\.[0-9]+)?"
            rf"(?: (?:million|billion))?){AFTER}"
        ),
        (
            "What sum of money is named in the clause on {topic}?",
            "How many dollars does the provision on {topic} speak of?",
        ),
    ),
    Detail(
        re.compile(rf"{BEFORE}([0-9]+(?:\.[0-9]+)? ?(?:%|percent\b))"),
        (
            "What percentage is stated in the clause on {topic}?",
            "Which share in per cent do the words on {topic} name?",
        ),
    ),
    Detail(
        _period("days?"),
        (
            "How many days does the clause on {topic} state?",
            "What number of days stands in the provision on {topic}?",
        ),
    ),
    Detail(
        _period("weeks?|months?|years?"),
        (
            "What length of time does the clause on {topic} state?",
            "Which period of months or years stands in the provision on {topic}?",
        ),
    ),
    Detail(
        re.compile(rf"\b[Ll]aws? of (?:the )?({LAND})"),
        ("Name the state or country whose law was chosen.", "Whose law has to be applied?"),
        ("Governing Law",),
    ),
    Detail(
        re.compile(YEAR, re.DOTALL),
        ("In which year was the agreement made?", "Give only the year of signing."),
        ("Agreement Date",),
    ),
    Detail(
        re.compile(YEAR, re.DOTALL),
        ("In which year does the agreement take effect?", "Give only the first year of effect."),
        ("Effective Date",),
    ),
    Detail(
        re.compile(rf"\A(?:The )?({COMPANY}) (?!{RIGHT}){DUTY}"),
        (
            "Which party owes a duty under the clause on {topic}?",
            "Who has to act or refrain by the words on {topic}?",
        ),
        of="party",
    ),
    Detail(
        re.compile(rf"\A(?:The )?({COMPANY}) (?:{RIGHT})"),
        (
            "Which party is given a right by the clause on {topic}?",
            "Who holds the option or right regarding {topic}?",
        ),
        of="party",
    ),
    Detail(
        re.compile(rf"\A(?:The )?({COMPANY}) (?:hereby )?grants\b"),
        ("Which party is the one that grants the license?", "Who gives the license?"),
        ("License Grant", "Irrevocable Or Perpetual License", "Non-Transferable License"),
        of="party",
    ),
)


def write_by_rule(seed: Seed, most: int, draw: int) -> tuple[Draft, ...]:
    """At most `most` drafts, in an order that `draw` and the seed decide.

    Details come before questions in other words, which every seed has.
    """
    chance = random.Random(f"{draw} {seed.case.identity} {seed.start}")
    details = list(_details(seed, chance))
    chance.shuffle(details)
    others = list(_reworded(seed, chance))
    chance.shuffle(others)
    return tuple([*details[: max(1, most // 2)], *others][:most])


def _reworded(seed: Seed, chance: random.Random) -> Iterator[Draft]:
    asked = phrasing_of(seed.case.category)
    for wording in asked.wordings:
        yield Draft(wording, seed.span.text, "rephrased", seed.start)
    frames: tuple[tuple[QuestionKind, Sequence[str]], ...] = (("yes", YES), ("where", WHERE))
    for kind, wordings in frames:
        question = chance.choice(wordings).format(topic=asked.topic)
        yield Draft(question, seed.span.text, kind, seed.start)


def _details(seed: Seed, chance: random.Random) -> Iterator[Draft]:
    topic = phrasing_of(seed.case.category).topic
    for detail in DETAILS:
        if detail.categories and seed.case.category not in detail.categories:
            continue
        found = find_details(detail, seed.span)
        if len(found) == 1 and _is_only(detail, found[0], seed.case):
            question = chance.choice(detail.questions).format(topic=topic)
            yield Draft(question, found[0].text, "part", found[0].start)


def find_details(detail: Detail, span: Span) -> list[Span]:
    """The details of a kind that stand in a span and are not nearly all of it."""
    text = span.text.lower() if detail.of == "date" else span.text
    if len(text) != len(span.text) or span.start is None:  # "İ" has two characters in lower case
        return []
    found = []
    for match in detail.pattern.finditer(text):
        begin, end = match.span(1)
        part = span.text[begin:end]
        if 5 * len(part) < 4 * len(span.text) and _is_of_kind(detail, part):
            found.append(Span(part, span.start + begin))
    return found


def _is_of_kind(detail: Detail, part: str) -> bool:
    if detail.of == "party":
        return NOT_A_PARTY.search(part) is None
    return detail.of != "date" or any(char.isalpha() for char in part)


def _is_only(detail: Detail, found: Span, case: Case) -> bool:
    """Whether no gold answer of the case has another detail of the kind."""
    others = {each.text for span in case.spans for each in find_details(detail, span)}
    return others <= {found.text}
