"""What a reader sees of a text: nothing is scored that nobody can read."""

import re
import unicodedata
from functools import cache

BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
"""Letters and marks that are drawn as nothing."""


def visible(text: str) -> str:
    r"""The text without characters that have no shape.

    Those are Unicode's format characters (zero-width spaces and joiners, marks of direction, soft
    hyphens, tags), variation selectors and blank letters. What is compared with such a text must be
    made visible too: joiners and soft hyphens also stand in honest ones.

    >>> visible("two\u200b ye\u00adars\U000e0041")
    'two years'
    """
    return text if text.isascii() else _invisible().sub("", text)


@cache  # the table of Unicode is gone through once, when a text first needs it
def _invisible() -> re.Pattern[str]:
    shapeless = [
        char
        for char in map(chr, (*range(0x80, 0x20000), *range(0xE0000, 0xE1000)))
        if unicodedata.category(char) == "Cf"
    ]
    selectors = "\ufe00-\ufe0f\U000e0000-\U000e0fff"
    return re.compile(f"[{''.join(map(re.escape, shapeless))}{BLANK}{selectors}]")
