"""Noise that leaves a contract readable: white space, scanning errors, capitals.

Numbers, names, dates and short words ("not", "ten") are left as they are, so that no value and
no meaning changes.
"""

import re
from collections.abc import Iterator
from random import Random

from evals.language.quantities import MONTHS, NUMERALS
from evals.variants.edits import Edit

BREAKS, DOUBLES, HYPHENS = 0.05, 0.05, 0.05
MISREAD, RUN_TOGETHER = 0.06, 0.10
BLANK = re.compile(r"(?<=\S) (?=\S)")
LONG_WORD = re.compile(r"(?<![\w@./'’-])[a-z]{8,}(?![\w@/'’-])")
PLAIN_WORD = re.compile(r"(?<![\w@./'’-])[a-z]{4,}(?![\w@/'’-])")
SYLLABLE = re.compile(r"(?<=[a-z]{2}[aeiou])(?=[bcdfghlmnprstv][aeiou][a-z]{2})")
SMALL_PAIR = re.compile(
    r"\b(?:of|to|by|and|for|from|under|upon|with|that|in) (?=(?:the|this|such|any|each|its)\b)"
)
# What scanners confuse; "e" is kept at a word's start, where "c" makes other words ("ease").
CONFUSIONS = (("l", "1"), ("o", "0"), ("rn", "m"), ("m", "rn"), ("(?<=.)e", "c"))
# Misread, these are other words.
OTHER_WORDS = frozenset({"modern", "stern", "burn", "corn", "barn", "born", "torn", "intern"})
MEASURES = frozenset(
    {"percent", "cent", "hours", "days", "weeks", "month", "months", "year", "years"}
)
WORD = re.compile(r"[^\W\d_]+")


def whitespace(text: str, draw: Random) -> Iterator[Edit]:
    """Line breaks and double blanks between words, and words that a line's end divides."""
    for match in BLANK.finditer(text):
        rolled = draw.random()
        if rolled < BREAKS + DOUBLES:
            yield Edit(*match.span(), "\n" if rolled < BREAKS else "  ")
    for match in LONG_WORD.finditer(text):
        joints = [found.start() for found in SYLLABLE.finditer(match[0])]
        if joints and draw.random() < HYPHENS:
            at = match.start() + draw.choice(joints)
            yield Edit(at, at, "-\n")


def scanning(text: str, draw: Random) -> Iterator[Edit]:
    """Letters that a scanner confuses, and small words run together."""
    for match in PLAIN_WORD.finditer(text):
        if draw.random() < MISREAD and not is_kept(match[0]):
            seen = [(f, new) for old, new in CONFUSIONS for f in re.finditer(old, match[0])]
            if seen:
                found, new = draw.choice(seen)
                yield Edit(match.start() + found.start(), match.start() + found.end(), new)
    for match in SMALL_PAIR.finditer(text):
        if draw.random() < RUN_TOGETHER:
            yield Edit(match.end() - 1, match.end(), "")


def is_kept(word: str) -> bool:
    """Whether a word is of a number or a date, or would be read as another word."""
    return word in NUMERALS | MEASURES | OTHER_WORDS or word[:3] in MONTHS


def capitals(text: str) -> Iterator[Edit]:
    """Every word in capitals."""
    for match in WORD.finditer(text):
        if not match[0].isupper():
            yield Edit(*match.span(), match[0].upper())
