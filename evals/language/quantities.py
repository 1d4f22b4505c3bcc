"""Dates and numbers of a text, by value: "twelfth day of March, 2021" is 2021-03-12.

A date is (year, month, day), with 0 for what is not said. A number is its plain decimal notation
as a string ("1000000", "7.5"), followed by "%" for a share. All patterns run in linear time.
"""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

Date = tuple[int, int, int]

WORD = re.compile(r"[a-z]+")
MONTHS = WORD.findall("jan feb mar apr may jun jul aug sep oct nov dec")
UNITS = WORD.findall(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
UNIT_ORDINALS = WORD.findall(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth "
    "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
)
TENS = WORD.findall("twenty thirty forty fifty sixty seventy eighty ninety")
POWERS = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
SCALES = POWERS | {"hundred": 100, "k": 10**3, "m": 10**6, "mm": 10**6, "mn": 10**6, "bn": 10**9}
CARDINALS = {word: value for value, word in enumerate(UNITS, 1)} | {
    word: 10 * value for value, word in enumerate(TENS, 2)
}
ORDINALS = {word: value for value, word in enumerate(UNIT_ORDINALS, 1)} | {
    word[:-1] + "ieth": 10 * value for value, word in enumerate(TENS, 2)
}
NUMERALS = CARDINALS.keys() | ORDINALS.keys() | POWERS.keys() | {"hundred"}

MONTH = (
    r"(?P<{}>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
DAY = r"(?P<{}>[0-9]{{1,2}})(?:st|nd|rd|th)?"
WORD_DAY = "|".join(sorted(ORDINALS, key=len, reverse=True))
DATE = re.compile(
    r"(?<!\w)(?<![0-9][.])(?:"
    r"(?P<iso>[0-9]{4}(?:-[0-9]{1,2}-|/[0-9]{1,2}/)[0-9]{1,2})|"
    r"(?P<slash>[0-9]{1,2}/[0-9]{1,2}/(?:[0-9]{4}|[0-9]{2})|[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4})"
    r"|(?:" + DAY.format("d1") + r"|(?P<word>(?:(?:twenty|thirty)[- ])?(?:" + WORD_DAY + r")))"
    r"\s(?:day\s)?(?:of\s)?" + MONTH.format("m1") + r"(?:,?\s(?P<y1>[0-9]{4}))?"
    r"|" + MONTH.format("m2") + r"\s(?:" + DAY.format("d2") + r"(?:,?\s(?P<y2>[0-9]{4}))?"
    r"|(?:of\s)?(?P<y3>[0-9]{4}))"
    r")(?![\w])"
)
NUMBER = re.compile(
    r"([0-9]+(?:[.,'][0-9]+)*|(?<![\w.,])\.[0-9]+)(?::00)?"
    r"(?:((?:[\s-]?(?:hundred|thousand|million|billion|trillion)s?\b)+)|( ?(?:mm|mn|bn)|m|k)\b)?"
    r"(\)?\s?(?:%|percent|per[\s-]cent|pct\b|bps?\b|basis\spoints?))?"
)
GROUPED = re.compile(
    r"(?:[0-9]{1,3}(?:(?:,[0-9]{3})+|(?:'[0-9]{3})+)|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3})(?:\.[0-9]+)?"
)
# Points group and the comma is the decimal one, which nothing but these can mean.
POINTED = re.compile(
    r"[0-9]{1,3}(?:\.[0-9]{3}){2,}(?:,[0-9]+)?|[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]{1,2}"
)
MIXED = re.compile(r"(?<![0-9/.,])([0-9]+)[ -](1/2|1/4|3/4)(?![0-9/])")
VULGAR = re.compile(r"([0-9]?)\s?([½¼¾])")
FRACTIONS = {"½": ".5", "¼": ".25", "¾": ".75", "1/2": ".5", "1/4": ".25", "3/4": ".75"}
PARTS = {"half": Decimal("0.5"), "quarter": Decimal("0.25"), "quarters": Decimal("0.25")}
SHARE = ("percent", "%")
REFERENCE = re.compile(
    r"(?:\b(?:sections?|clauses?|articles?|paragraphs?|schedules?|exhibits?|passages?|annex(?:es)?|"
    r"appendix|attachment|part)|§+)\s*[(\[]?[0-9]+(?:\.[0-9]+)*(?:\([a-z0-9]+\))*"
)
TOKEN = re.compile(r"[a-z]+|%|[^\sa-z]")


def dates(text: str) -> Iterator[tuple[str, list[Date]]]:
    """Each date of a lower-case text with single spaces: as written, and its readings.

    03/12/2021 has two readings; a day that no month has is no date.

    >>> list(dates("signed on 03/12/2021, effective march 1, 2024"))
    [('03/12/2021', [(2021, 3, 12), (2021, 12, 3)]), ('march 1, 2024', [(2024, 3, 1)])]
    """
    for match in DATE.finditer(text):
        readings = [date for date in read_date(match) if date[1] <= 12 and date[2] <= 31]
        if readings:
            yield match[0], readings


def read_date(match: re.Match[str]) -> list[Date]:
    """The values that one match of `DATE` may have.

    >>> read_date(DATE.search("the 3rd day of may, 2019"))
    [(2019, 5, 3)]
    """
    part = match.groupdict()
    if part["iso"]:
        year, month, day = map(int, re.split("[-/]", part["iso"]))
        return [(year, month, day)]
    if part["slash"]:
        first, second, year = map(int, re.split(r"[/.]", part["slash"]))
        year += 0 if year > 99 else 2000 if year < 50 else 1900
        return [(year, first, second), (year, second, first)]
    month = MONTHS.index((part["m1"] or part["m2"])[:3]) + 1
    year = int(part["y1"] or part["y2"] or part["y3"] or 0)
    if part["word"]:
        day = int(spoken_value(re.split(r"[- ]", part["word"])))
    else:
        day = int(part["d1"] or part["d2"] or 0)
    return [(year, month, day)]


def numbers(text: str) -> Iterator[tuple[str, str]]:
    """Each number in digits of a lower-case text: as written, and its value.

    >>> list(numbers("$2 million, .5%, 50 bps, 1'000"))
    [('2 million', '2000000'), ('.5%', '0.5%'), ('50 bps', '0.5%'), ("1'000", '1000')]
    """
    text = VULGAR.sub(lambda m: f"{m[1] or 0}{FRACTIONS[m[2]]}", text)
    for match in NUMBER.finditer(MIXED.sub(lambda m: m[1] + FRACTIONS[m[2]], text)):
        digits, words, letter, share = match.groups()
        factor = Decimal(SCALES.get((letter or "").strip(), 1))
        for word in WORD.findall(words or ""):
            factor *= SCALES[word.removesuffix("s")]
        if share and share.rstrip("s").endswith(("bp", "point")):
            factor /= 100
        shown = match[0].strip()  # one text, however many numbers a run of commas holds
        for part in _ungrouped(digits):
            value = plain(part, factor)
            yield shown, value + "%" if share else value


def quantities(text: str) -> Iterator[tuple[str, str]]:
    """Each number of a lower-case text, in digits or in words: as written, and its value.

    The "million" of "2 million" is no number of its own.

    >>> list(quantities("thirty days and $2 million"))
    [('2 million', '2000000'), ('thirty', '30')]
    """
    yield from numbers(text)
    yield from spoken(NUMBER.sub(" ; ", text))


def _ungrouped(digits: str) -> list[str]:
    """The numbers that stand in digits, points and commas, without what groups thousands."""
    if GROUPED.fullmatch(digits):
        return [digits.replace(",", "").replace("'", "")]
    if POINTED.fullmatch(digits):
        return [digits.replace(".", "").replace(",", ".")]
    return re.split("[,']", digits)


def plain(digits: str, factor: Decimal = Decimal(1)) -> str:
    """Canonical notation: "0030" is "30", "2.50" is "2.5"; section numbers stay as they are.

    >>> plain("0030"), plain("2.50", Decimal(1000)), plain("5.1.2")
    ('30', '2500', '5.1.2')
    """
    if digits.count(".") > 1 or len(digits) > 24:
        return digits
    return format((Decimal(digits) * factor).normalize(), "f")


def spoken(text: str) -> Iterator[tuple[str, str]]:
    """Each number in words of a lower-case text: as written, and its value.

    >>> list(spoken("one hundred and eighty days, twenty-five percent, two and one-half million"))
    [('one hundred eighty', '180'), ('twenty five', '25%'), ('two one half million', '2500000')]
    """
    group: list[str] = []
    found = TOKEN.findall(text.replace("per cent", "percent"))
    words = [word for word in found if word not in ("-", "and")] + ["."] * 3
    part = False
    for at, word in enumerate(words):
        if part:
            part = False
            continue
        if _is_fraction(*words[at : at + 3], group=group):
            group += words[at : at + 2]
            part = True
        elif word in NUMERALS and (not group or joins(group[-1], word, group)):
            group.append(word)
        else:
            if group:
                points = word in ("bps", "basis")
                value = plain(str(spoken_value(group) / (100 if points else 1)))
                yield " ".join(group), f"{value}%" if points or word in SHARE else value
            group = [word] if word in NUMERALS else []


def _is_fraction(count: str, part: str = "", after: str = "", *, group: Sequence[str]) -> bool:
    """Whether "one half" ends a number, or begins one: a mere "quarter" is a time."""
    counted = part in ("half", "quarter") if count in ("a", "one") else part == "quarters"
    begins = not group and (after in SHARE or after in POWERS)
    ends = bool(group) and group[-1] not in PARTS
    return counted and count in ("a", "one", "three") and (begins or ends)


def joins(last: str, word: str, group: Sequence[str]) -> bool:
    """Whether `word` continues the number: "one" after "twenty", not "two" after "one".

    >>> joins("twenty", "one", ["twenty"]), joins("one", "two", ["one"])
    (True, False)
    """
    if last in PARTS:
        return word in POWERS
    if last in ORDINALS:
        return False
    if word in POWERS:
        return True
    if word == "hundred":
        return last in CARDINALS and last not in TENS and "hundred" not in group[-2:]
    if last in TENS:
        return (CARDINALS.get(word) or ORDINALS.get(word, 10)) < 10
    return last == "hundred" or last in POWERS


def spoken_value(group: Sequence[str]) -> Decimal:
    """Value of the words of one number.

    >>> int(spoken_value(["two", "thousand", "twenty", "one"]))
    2021
    """
    total = current = scaled = Decimal(0)
    for place, word in enumerate(group):
        if word in PARTS:
            count = 3 if group[place - 1] == "three" else 1
            current += PARTS[word] * count
        elif place + 1 < len(group) and group[place + 1] in PARTS:
            continue  # how many halves or quarters
        elif word in POWERS:
            again = place > 0 and group[place - 1] in POWERS  # "one thousand billion"
            total -= scaled if again else 0
            scaled = (scaled if again else current or Decimal(1)) * POWERS[word]
            total += scaled
            current = Decimal(0)
        elif word == "hundred":
            current = Decimal(current or 1) * 100
        else:
            current += CARDINALS.get(word) or ORDINALS[word]
    return total + current
