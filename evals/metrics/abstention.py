"""Does an answer say "not found" where the contract does not answer, and only there?

`balanced` makes one number of answering and declining.
"""

from evals.language.declining import abstains, declines
from evals.language.orders import orders
from evals.metrics.text import token_f1
from evals.results import Score
from fixtures.cases import Case
from models.chat import Answer


def abstention(case: Case, answer: Answer) -> Score:
    """1.0 when an answer to a question that the contract does not answer says so, and no more.

    >>> from fixtures.cases import Contract
    >>> silent = Case("1", "1", Contract("A", "Fees are due."), "Cap", "Is liability capped?", ())
    >>> abstention(silent, Answer("Not found.")).value
    1.0
    >>> abstention(silent, Answer("Not found, but fees are due in 30 days.")).value
    0.0
    """
    if orders(answer.text, case.contract.text):
        return Score(0.0, "speaks to its grader")
    return Score(float(abstains(answer.text, case.question, case.golds)))


def laziness(case: Case, answer: Answer) -> Score:
    """1.0 when an answer refuses a question that the contract answers; lower is better.

    Whoever refuses and answers all the same has refused. Source: ContractEval (Liu et al. 2025),
    "laziness" of a model that says "no related clause".

    >>> from fixtures.cases import Contract, Span
    >>> spans = (Span("two years", 12),)
    >>> case = Case("1", "1", Contract("A", "The term is two years."), "Term", "How long?", spans)
    >>> laziness(case, Answer("Not found.")).value, laziness(case, Answer("Two years.")).value
    (1.0, 0.0)
    """
    return Score(float(declines(answer.text, case.question, case.golds)))


def balanced(case: Case, answer: Answer) -> Score:
    """`token_f1` where the contract answers, `abstention` where it does not.

    Its mean is the balanced score, half of each, where half of the cases are answerable
    (`--limit N --balanced`): a model that never answers has 0.5, and so has one that always does
    and is always right.

    >>> from fixtures.cases import Contract, Span
    >>> contract = Contract("A", "The term is two years.")
    >>> case = Case("1", "1", contract, "Term", "How long?", (Span("two years", 12),))
    >>> silent = Case("2", "2", contract, "Cap", "Is liability capped?", ())
    >>> [balanced(each, Answer("Not found.")).value for each in (case, silent)]
    [0.0, 1.0]
    """
    return token_f1(case, answer) if case.answerable else abstention(case, answer)
