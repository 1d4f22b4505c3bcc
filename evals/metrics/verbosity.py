"""How much of an answer is said beyond what could be expected."""

from collections.abc import Sequence

from common.visible import visible
from evals.language.words import normalise
from evals.results import Score
from fixtures.cases import Case
from models.chat import Answer

FREE, TIMES = 25, 1.5
"""Words that are free, and how often the longest gold span may be said."""
RUN = 6
"""Words in a row that an honest answer does not say twice."""


def verbosity(case: Case, answer: Answer) -> Score:
    """Share of the answer's words that are too many, or were said before.

    Too many are those beyond one and a half times the longest gold span and 25 more: a clause with
    the sentence after it or with a reason is within that, a whole passage is not.

    >>> from fixtures.cases import Contract, Span
    >>> spans = (Span("two years", 12),)
    >>> case = Case("1", "1", Contract("A", "The term is two years."), "Term", "How long?", spans)
    >>> verbosity(case, Answer("The term is two years.")).value
    0.0
    >>> verbosity(case, Answer("The term of this contract is two years. " * 2)).value
    0.5
    """
    words = normalise(visible(answer.text)).split()
    if not words:
        return Score(0.0)
    longest = max((len(normalise(gold).split()) for gold in case.golds), default=0)
    too_many = len(words) - FREE - TIMES * longest
    return Score(max(0.0, too_many, said_before(words)) / len(words))


def said_before(words: Sequence[str]) -> int:
    """How many of the words stand in a run of `RUN` that was said before.

    >>> said_before("the term of this contract is two years".split() * 2)
    8
    """
    seen: set[tuple[str, ...]] = set()
    covered: set[int] = set()
    for at in range(len(words) - RUN + 1):
        run = tuple(words[at : at + RUN])
        if run in seen:
            covered.update(range(at, at + RUN))
        seen.add(run)
    return len(covered)
