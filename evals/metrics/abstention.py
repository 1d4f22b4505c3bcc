"""Does an answer say "not found" where the contract does not answer, and only there?"""

from evals.metrics.declining import abstains, declines
from evals.scores import Score
from fixtures.cases import Case
from models.chat import Answer


def abstention(case: Case, answer: Answer) -> Score:
    """1.0 when an answer to a question that the contract does not answer says so, and no more."""
    return Score(float(abstains(answer.text, case.question, case.golds)))


def laziness(case: Case, answer: Answer) -> Score:
    """1.0 when an answer refuses a question that the contract answers; lower is better.

    Whoever refuses and answers all the same has refused. Source: ContractEval (Liu et al. 2025),
    "laziness" of a model that says "no related clause".
    """
    return Score(float(declines(answer.text, case.question, case.golds)))
