"""What an answer cost."""

from bar_exam.evals.results import Score
from bar_exam.fixtures.cases import Case
from bar_exam.models.chat import Answer


def latency(case: Case, answer: Answer) -> Score:
    """Seconds from sending the request to the whole reply; recorded answers have none."""
    return Score(answer.latency) if answer.latency > 0 else Score(None, "no latency")


def tokens_in(case: Case, answer: Answer) -> Score:
    """Prompt tokens."""
    return tokens(answer, answer.tokens_in)


def tokens_out(case: Case, answer: Answer) -> Score:
    """Generated tokens."""
    return tokens(answer, answer.tokens_out)


def tokens(answer: Answer, count: int) -> Score:
    """`count`, or unscored for a model that counts no tokens (recorded, extractive)."""
    if not (answer.tokens_in or answer.tokens_out):
        return Score(None, "no token counts")
    return Score(float(count))
