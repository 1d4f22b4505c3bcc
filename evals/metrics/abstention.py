"""Does an answer say "not found" where the contract does not answer, and only there?

`balanced` makes one number of answering and declining.
"""

from bar_exam.evals.metrics.declining import abstains, declines
from bar_exam.evals.metrics.text import token_f1
from bar_exam.evals.results import Score
from bar_exam.fixtures.cases import Case
from bar_exam.models.chat import Answer


def abstention(case: Case, answer: Answer) -> Score:
    """1.0 when an answer to a question that the contract does not answer says so, and no more."""
    return Score(float(abstains(answer.text, case.question, case.golds)))


def laziness(case: Case, answer: Answer) -> Score:
    """1.0 when an answer refuses a question that the contract answers; lower is better.

    Whoever refuses and answers all the same has refused. Source: ContractEval (Liu et al. 2025),
    "laziness" of a model that says "no related clause".
    """
    return Score(float(declines(answer.text, case.question, case.golds)))


def balanced(case: Case, answer: Answer) -> Score:
    """`token_f1` where the contract answers, `abstention` where it does not.

    Its mean is the balanced score, half of each, where half of the cases are answerable
    (`--limit N --balanced`): a model that never answers has 0.5, and so has one that always does
    and is always right.
    """
    return token_f1(case, answer) if case.answerable else abstention(case, answer)
