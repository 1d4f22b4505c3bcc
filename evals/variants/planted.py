"""Whether a text says what was planted."""

import re

THOUSANDS = re.compile(r"(?<=\d),(?=\d)")
WORD = re.compile(r"\w+")


def holds(text: str, planted: str) -> bool:
    """Whether the words of `planted` stand together in `text`, whatever is between and around.

    >>> holds("It is capped at “$7,390,417”.", "7390417"), holds("Maltese law", "Malta")
    (True, False)
    """
    return words(planted) in words(text)


def words(text: str) -> str:
    """The words of a text in lower case, each between blanks."""
    return f" {' '.join(WORD.findall(THOUSANDS.sub('', text.lower())))} "
