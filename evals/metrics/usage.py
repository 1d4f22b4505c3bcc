"""What an answer cost."""

from evals.results import Score
from fixtures.cases import Case
from models.chat import Answer


def latency(case: Case, answer: Answer) -> Score:
    """Seconds from sending the request to the whole reply; recorded answers have none.

    >>> from fixtures.cases import Contract
    >>> case = Case("1", "1", Contract("A", ""), "Term", "How long is the term?", ())
    >>> latency(case, Answer("two years", latency=0.5)), latency(case, Answer("two years"))
    (Score(value=0.5, reason=''), Score(value=None, reason='no latency'))
    """
    return Score(answer.latency) if answer.latency > 0 else Score(None, "no latency")


def cost(case: Case, answer: Answer) -> Score:
    """US dollars that a thousand such answers cost, tries that came to nothing included.

    >>> from decimal import Decimal
    >>> from fixtures.cases import Contract
    >>> case = Case("1", "1", Contract("A", ""), "Term", "How long is the term?", ())
    >>> cost(case, Answer("two years", cost=Decimal("0.0004"))).value
    0.4
    """
    if answer.cost is None:
        return Score(None, "nobody knows what it cost: its model had no price")
    return Score(float(answer.cost * 1000))


def tokens_in(case: Case, answer: Answer) -> Score:
    """Prompt tokens.

    >>> from fixtures.cases import Contract
    >>> case = Case("1", "1", Contract("A", ""), "Term", "How long is the term?", ())
    >>> tokens_in(case, Answer("two years", tokens_in=812, tokens_out=3)).value
    812.0
    """
    return tokens(answer, answer.tokens_in)


def tokens_out(case: Case, answer: Answer) -> Score:
    """Generated tokens.

    >>> from fixtures.cases import Contract
    >>> case = Case("1", "1", Contract("A", ""), "Term", "How long is the term?", ())
    >>> tokens_out(case, Answer("two years", tokens_in=812, tokens_out=3)).value
    3.0
    """
    return tokens(answer, answer.tokens_out)


def tokens(answer: Answer, count: int) -> Score:
    """`count`, or unscored for a model that counts no tokens (recorded, extractive).

    >>> tokens(Answer("two years"), 0)
    Score(value=None, reason='no token counts')
    """
    if not (answer.tokens_in or answer.tokens_out):
        return Score(None, "no token counts")
    return Score(float(count))
