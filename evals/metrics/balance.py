"""One number for answering and declining together."""

from evals.metrics.abstention import abstention
from evals.metrics.text import token_f1
from evals.scores import Score
from fixtures.cases import Case
from models.chat import Answer


def balanced(case: Case, answer: Answer) -> Score:
    """`token_f1` where the contract answers, `abstention` where it does not.

    Its mean is the balanced score, half of each, where half of the cases are answerable
    (`--limit N --balanced`): a model that never answers has 0.5, and so has one that always does
    and is always right.
    """
    return token_f1(case, answer) if case.answerable else abstention(case, answer)
