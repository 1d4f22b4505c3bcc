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
POWERS = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
SCALES = POWERS | {"hundred": 100, "k": 10**3, "m": 10**6, "mm": 10**6, "bn": 10**9}
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
    r"(?P<iso>[0-9]{4}-[0-9]{1,2}-[0-9]{1,2})|"
    r"(?P<slash>[0-9]{1,2}/[0-9]{1,2}/(?:[0-9]{4}|[0-9]{2})|[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4})"
    r"|(?:" + DAY.format("d1") + r"|(?P<word>(?:(?:twenty|thirty)[- ])?(?:" + WORD_DAY + r")))"
    r"\s(?:day\s)?(?:of\s)?" + MONTH.format("m1") + r"(?:,?\s(?P<y1>[0-9]{4}))?"
    r"|" + MONTH.format("m2") + r"\s(?:" + DAY.format("d2") + r"(?:,?\s(?P<y2>[0-9]{4}))?"
    r"|(?:of\s)?(?P<y3>[0-9]{4}))"
    r")(?![\w])"
)
NUMBER = re.compile(
    r"([0-9]+(?:[.,][0-9]+)*)(?::00)?"
    r"(?:\s?(hundred|thousand|million|billion)|(mm?|bn|k)\b)?(\s?(?:%|percent|per\scent))?"
)
GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
TOKEN = re.compile(r"[a-z]+|%|[^\sa-z]")


def dates(text: str) -> Iterator[tuple[str, list[Date]]]:
    """Each date of a lower-case text with single spaces: as written, and its readings.

    03/12/2021 has two readings; a day that no month has is no date.
    """
    for match in DATE.finditer(text):
        readings = [date for date in read_date(match) if date[1] <= 12 and date[2] <= 31]
        if readings:
            yield match[0], readings


def read_date(match: re.Match[str]) -> list[Date]:
    """The values that one match of `DATE` may have."""
    part = match.groupdict()
    if part["iso"]:
        year, month, day = map(int, part["iso"].split("-"))
        return [(year, month, day)]
    if part["slash"]:
        first, second, year = map(int, re.split(r"[/.]", part["slash"]))
        year += 0 if year > 99 else 2000 if year < 50 else 1900
        return [(year, first, second), (year, second, first)]
    month = MONTHS.index((part["m1"] or part["m2"])[:3]) + 1
    year = int(part["y1"] or part["y2"] or part["y3"] or 0)
    if part["word"]:
        day = spoken_value(re.split(r"[- ]", part["word"]))
    else:
        day = int(part["d1"] or part["d2"] or 0)
    return [(year, month, day)]


def numbers(text: str) -> Iterator[tuple[str, str]]:
    """Each number in digits of a lower-case text: as written, and its value."""
    for match in NUMBER.finditer(text):
        digits, word, letter, percent = match.groups()
        factor = SCALES.get(word or letter, 1)
        shown = match[0].strip()
        parts = [digits] if GROUPED.fullmatch(digits) else digits.split(",")
        for part in parts:
            value = plain(part.replace(",", ""), factor)
            yield shown, value + "%" if percent else value


def plain(digits: str, factor: int = 1) -> str:
    """Canonical notation: "0030" is "30", "2.50" is "2.5"; section numbers stay as they are."""
    if digits.count(".") > 1 or len(digits) > 24:
        return digits
    return format((Decimal(digits) * factor).normalize(), "f")


def spoken(text: str) -> Iterator[tuple[str, str]]:
    """Each number in words of a lower-case text: as written, and its value.

    >>> list(spoken("one hundred and eighty days, twenty-five percent"))
    [('one hundred eighty', '180'), ('twenty five', '25%')]
    """
    group: list[str] = []
    found = TOKEN.findall(text.replace("per cent", "percent"))
    for word in [*(word for word in found if word not in ("-", "and")), "."]:
        if word in NUMERALS and (not group or joins(group[-1], word, group)):
            group.append(word)
            continue
        if group:
            percent = "%" if word in ("percent", "%") else ""
            yield " ".join(group), f"{spoken_value(group)}{percent}"
        group = [word] if word in NUMERALS else []


def joins(last: str, word: str, group: Sequence[str]) -> bool:
    """Whether `word` continues the number: "one" after "twenty", not "two" after "one"."""
    if last in ORDINALS:
        return False
    if word in POWERS:
        return True
    if word == "hundred":
        return last in CARDINALS and last not in TENS and "hundred" not in group[-2:]
    if last in TENS:
        return (CARDINALS.get(word) or ORDINALS.get(word, 10)) < 10
    return last == "hundred" or last in POWERS


def spoken_value(group: Sequence[str]) -> int:
    """Value of the words of one number.

    >>> spoken_value(["two", "thousand", "twenty", "one"])
    2021
    """
    total = current = 0
    for word in group:
        if word in POWERS:
            total += max(current, 1) * POWERS[word]
            current = 0
        elif word == "hundred":
            current = max(current, 1) * 100
        else:
            current += CARDINALS.get(word) or ORDINALS[word]
    return total + current
