"""Words of an answer and of a gold span, in the form in which they are compared."""

import re
import string
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

ARTICLES = re.compile(r"\b(?:a|an|the)\b")
NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


@lru_cache(maxsize=256)  # several metrics ask for the same few texts in a row
def normalise(text: str) -> str:
    """SQuAD v1.1's normal form: lower case, no ASCII punctuation, no articles, single spaces.

    A text of which that leaves nothing ("[***]", "The") stays as it is written, or it would equal
    an empty answer. Source: Rajpurkar et al. 2016, evaluate-v1.1.py.

    >>> normalise("The  State of New York."), normalise("[***]")
    ('state of new york', '[***]')
    """
    bare = text.lower().translate(NO_PUNCTUATION)
    return " ".join(ARTICLES.sub(" ", bare).split()) or " ".join(text.split())


def says_something(text: str) -> bool:
    """Whether there is a letter or a digit in it.

    >>> says_something("$5"), says_something("[***]")
    (True, False)
    """
    return any(char.isalnum() for char in text)


def f1(said: Sequence[str], gold: Sequence[str]) -> float:
    """F1 of two bags of words, counted with multiplicity; 0.0 where one is empty.

    >>> f1(["for", "two", "years"], ["two", "years"])
    0.8
    """
    left = Counter(gold)
    shared = 0
    for word in said:
        if left.get(word):
            left[word] -= 1
            shared += 1
    return 2 * shared / (len(said) + len(gold)) if shared else 0.0
