"""Particulars that two texts share or dispute: dates, amounts, durations, shares, counts.

Compared by value: "two months" is "60 days" (within 3 %, a month being 30.4 days), "US$1.5m" is
"1,500,000 dollars", "half" is "50%".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from evals.language.quantities import (
    DATE,
    NUMBER,
    NUMERALS,
    POWERS,
    REFERENCE,
    dates,
    numbers,
    plain,
    spoken_value,
)

DAYS = {"hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 30.4, "quarter": 91.2, "year": 365.0}

MONEY = {
    "$": "usd", "usd": "usd", "dollar": "usd", "€": "eur", "eur": "eur", "euro": "eur",
    "£": "gbp", "gbp": "gbp", "pound": "gbp", "sterling": "gbp",
}  # fmt: skip

LIST_MARKER = re.compile(r"^[ \t]*(?:[-*•]+[ \t]+)?\(?[0-9]{1,2}[.)][ \t]+(?=\S)", re.MULTILINE)
NUMERAL = "|".join(sorted(NUMERALS, key=len, reverse=True))
SPOKEN = re.compile(rf"\b(?:{NUMERAL})(?:(?:[- ]|,? and )(?:{NUMERAL}))*\b")
MOST = 200
"""Particulars of a text that are compared: each with each takes quadratic time."""

AMBIGUOUS = frozenset({"one", "first", "second", "third"})

IDIOMS = (
    (re.compile(r"\b(?:a|one) (day|week|month|year) and a half\b"), r"1.5 \1s"),
    (re.compile(r"\bhalf an? (hour|day|week|month|year)\b"), r"0.5 \1s"),
    (re.compile(r"\b(?:one )?half (?=of\b|the\b)"), "50% "),
    (re.compile(r"\bfortnight\b"), "2 weeks"),
    (re.compile(r"\b(?:twice|double)\b"), "2 times"),
)

BEFORE = re.compile(r"(us\s?\$|[$€£]|\b(?:usd|eur|gbp))\s*$")

WANTED = re.compile(
    r"\bwhen\b|\bhow (?:long|much|many|often|soon|late)\b|\b(?:date|day|period|term|duration|"
    r"notice|amount|fee|price|rate|percentage|cap|limit|number|minimum|maximum|deadline|expire|premium)\b"
)

AFTER = re.compile(
    r"(?:\s*\([^()]{1,12}\))?[-\s)]*"
    r"(?:(?:full|whole|consecutive|calendar|contract|successive)[\s-]){0,2}"
    r"(?P<business>(?:business|working|banking)[\s-])?"
    r"(?P<unit>hour|day|week|month|quarter|year|dollar|euro|pound|usd|eur|gbp|sterling|time)s?\b"
)


@dataclass(frozen=True, slots=True)
class Particular:
    """A value as written: `kind` is date, days, usd, eur, gbp, %, times or number."""

    kind: str
    shown: str
    values: tuple[object, ...]

    def equals(self, other: "Particular") -> bool:
        """Whether both say the same; a bare number may be of any unit."""
        if self.kind == "date" or other.kind == "date":
            return self.kind == other.kind and any(
                _same_date(one, two) for one in self.values for two in other.values
            )
        if self.kind == other.kind == "days":
            one, two = float(str(self.values[0])), float(str(other.values[0]))
            return abs(one - two) <= 0.03 * max(one, two)
        bare = "number" in (self.kind, other.kind)
        return (bare or self.kind == other.kind) and self.values[-1] == other.values[-1]


def _same_date(one: object, two: object) -> bool:
    """Equal, or one of them lacks the year or the day and the rest is equal."""
    assert isinstance(one, tuple) and isinstance(two, tuple)
    return sum(one) > 0 and all(a == b or not a or not b for a, b in zip(one, two, strict=True))


def is_wanted(question: str) -> bool:
    """Whether the question asks for a date, a number or an amount."""
    return WANTED.search(question.lower()) is not None


@lru_cache(maxsize=256)  # the same gold meets many answers
def particulars(text: str) -> tuple[Particular, ...]:
    """Its particulars, `MOST` at most, each once, bare numbers last; no section or list numbers."""
    flat = " ".join(LIST_MARKER.sub("; ", text).lower().split())
    flat = REFERENCE.sub(" ", flat)
    found = [Particular("date", shown, tuple(values)) for shown, values in dates(flat)]
    flat = DATE.sub(" ; ", flat)
    for idiom, words in IDIOMS:
        flat = idiom.sub(words, flat)
    flat = SPOKEN.sub(_digits, flat)
    for match in NUMBER.finditer(flat):
        for _, value in islice(numbers(match[0]), MOST):
            found.append(_quantity(flat, match, value))
    unique: list[Particular] = []
    for each in sorted(found, key=lambda each: each.kind == "number"):
        if len(unique) == MOST:
            break
        if not any(each.equals(other) for other in unique):
            unique.append(each)
    return tuple(unique)


def _digits(match: re.Match[str]) -> str:
    words = re.findall(r"[a-z]+", match[0])
    words = [word for word in words if word != "and"]
    if len(words) == 1 and (words[0] in AMBIGUOUS or words[0] in POWERS or words[0] == "hundred"):
        return "1" if words[0] == "one" and AFTER.match(match.string, match.end()) else match[0]
    return plain(str(spoken_value(words)))


def _quantity(flat: str, match: re.Match[str], value: str) -> Particular:
    if value.endswith("%"):
        return Particular("%", match[0].strip(), (value, value[:-1]))
    before = BEFORE.search(flat, max(0, match.start() - 6), match.start())
    if before:
        sign = before[1] if before[1] in MONEY else "$"
        return Particular(MONEY[sign], before[0] + match[0], (value, value))
    after = AFTER.match(flat, match.end())
    if not after:
        return Particular("number", match[0].strip(), (value, value))
    unit, shown = after["unit"], flat[match.start() : after.end()]
    if unit in DAYS and value.count(".") < 2:
        return Particular("days", shown, (float(value) * DAYS[unit], value))
    return Particular(MONEY.get(unit, "times"), shown, (value, value))


@dataclass(frozen=True, slots=True)
class Dispute:
    """What an answer leaves out of the gold particulars, and what it says instead.

    `missing` are gold ones it lacks; `alien` are its own of a kind and value that gold lacks;
    `swapped` are the missing ones for which there is an alien one of the same kind.
    """

    golds: tuple[Particular, ...]
    said: int
    missing: tuple[Particular, ...]
    alien: tuple[Particular, ...]
    swapped: tuple[tuple[Particular, Particular], ...]

    @property
    def gold(self) -> int:
        """How many particulars the gold text has."""
        return len(self.golds)


def dispute(gold: str, said: str, question: str) -> Dispute:
    """Compare particulars; those that the question states already prove nothing."""
    asked = particulars(question)
    golds = _new(particulars(gold), asked)
    saids = _new(particulars(said), asked)
    missing = tuple(each for each in golds if not any(each.equals(other) for other in saids))
    alien = tuple(each for each in saids if not any(each.equals(other) for other in golds))
    swapped = tuple(
        (each, next(other for other in alien if other.kind == each.kind))
        for each in missing
        if any(other.kind == each.kind for other in alien)
    )
    return Dispute(tuple(golds), len(saids), missing, alien, swapped)


def _new(found: Sequence[Particular], known: Sequence[Particular]) -> list[Particular]:
    return [each for each in found if not any(each.equals(other) for other in known)]
