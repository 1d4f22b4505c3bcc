"""How near the words of an answer come to the gold ones; the best gold span counts."""

import re
import string
from collections import Counter
from functools import lru_cache

from evals.scores import Score
from fixtures.cases import Case
from models.chat import Answer

ARTICLES = re.compile(r"\b(?:a|an|the)\b")
NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


@lru_cache(maxsize=32)  # three metrics ask for the same few texts in a row
def normalise(text: str) -> str:
    """SQuAD v1.1's normal form: lower case, no ASCII punctuation, no articles, single spaces.

    Source: Rajpurkar et al. 2016, evaluate-v1.1.py.

    >>> normalise("The  State of New York.")
    'state of new york'
    """
    bare = text.lower().translate(NO_PUNCTUATION)
    return " ".join(ARTICLES.sub(" ", bare).split())


def exact_match(case: Case, answer: Answer) -> Score:
    """1.0 when the answer equals a gold span in SQuAD's normal form."""
    said = normalise(answer.text)
    return Score(float(any(said == normalise(span.text) for span in case.spans)))


def token_f1(case: Case, answer: Answer) -> Score:
    """F1 of the words shared with the nearest gold span, counted with multiplicity."""
    said = normalise(answer.text).split()
    return Score(max((f1(said, normalise(span.text).split()) for span in case.spans), default=0.0))


def f1(said: list[str], gold: list[str]) -> float:
    """F1 of two bags of words; where one is empty, 1.0 if both are, as in SQuAD v2.

    v1.1 leaves that corner at 0.0, so that an exact match could score F1 0.
    """
    if not said or not gold:
        return float(said == gold)
    left = Counter(gold)
    shared = 0
    for word in said:
        if left.get(word):
            left[word] -= 1
            shared += 1
    return 2 * shared / (len(said) + len(gold))


def containment(case: Case, answer: Answer) -> Score:
    """1.0 when a gold span stands whole in the answer, in SQuAD's normal form.

    An answer that is a part of the gold does not contain it: half a clause is not the clause.
    """
    said = f" {normalise(answer.text)} "
    golds = (normalise(span.text) for span in case.spans)
    return Score(float(any(gold and f" {gold} " in said for gold in golds)))


def jaccard(case: Case, answer: Answer) -> Score:
    """Shared words over all words, as CUAD's official script counts them.

    Its own normal form: `. , ; :` dropped, `/` a space, lower case, words split at single
    spaces. Source: Hendrycks et al. 2021, TheAtticusProject/cuad, evaluate.py.
    """
    said = cuad_words(answer.text)
    golds = (cuad_words(span.text) for span in case.spans)
    return Score(max((len(said & gold) / len(said | gold) for gold in golds), default=0.0))


def cuad_words(text: str) -> set[str]:
    """The set of words that CUAD compares; never empty, for a split leaves at least ''."""
    for mark in ".,;:":
        text = text.replace(mark, "")
    return set(text.lower().replace("/", " ").split(" "))
