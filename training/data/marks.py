"""What a reply to a training prompt is marked by: the exam's metrics, for validation and rewards.

What the exam leaves unscored has a mark here, or vagueness would pay: a reply without a single
date, number, name or quotation counts as grounded only where it stands in a passage as it is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from evals.language.declining import abstains
from evals.metrics.abstention import abstention, laziness
from evals.metrics.grounding import Evidence, flatten, grounded_quote, plainly
from evals.metrics.text import token_f1
from evals.results import Score
from fixtures.cases import Case, Contract, Span
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from models.spoken import answered
from training.data.examples import Example

PASSAGE = re.compile(r"<passage (\d+)>\n(.*?)\n</passage \1>", re.DOTALL)
QUESTION = "Question: "
EDGES = " .,;:!?'\""
WITHOUT_ANSWER = ("unanswerable", "hard negative")


@dataclass(frozen=True, slots=True)
class Marks:
    """A reply by the exam's metrics, each 0 or 1 but for `token_f1`, which lies between.

    `abstained` is the `laziness` of a reply to an answerable row, else its `abstention`: who
    declines and answers all the same has declined in the one and answered in the other.
    """

    answerable: bool
    token_f1: float
    grounded: float
    abstained: float


def marks(prompt: str, reply: str, gold: Sequence[str], kind: str, category: str = "") -> Marks:
    """Mark a reply to a prompt of the exam.

    Args:
        prompt: the user's turn, with its fenced passages.
        reply: as it was generated; white space at its ends does not count.
        gold: every gold answer; none where the contract does not answer.
        kind: of the training example; a hard negative's passages lack its gold.
        category: the clause asked for; its words are no invention.
    """
    answerable = bool(gold) and kind not in WITHOUT_ANSWER
    spans = tuple(Span(text, None) for text in gold) if answerable else ()
    case = Case("", "", Contract("", ""), category, question_of(prompt), spans)
    answer = answered(reply.strip(), passages=passages_of(prompt))
    if answer.error is not None:  # it reasoned, and said nothing
        return Marks(answerable, 0.0, 0.0, 0.0)
    if not answerable:
        declined = _value(abstention(case, answer))
        return Marks(False, 0.0, 0.0 if declined else _grounded(case, answer), declined)
    refused = _value(laziness(case, answer))
    grounded = 0.0 if refused else _grounded(case, answer)
    return Marks(True, _value(token_f1(case, answer)), grounded, refused)


def averages(marked: Sequence[Marks]) -> dict[str, float]:
    """Means by mark; what there is no row for has none.

    >>> averages([Marks(True, 0.5, 1.0, 0.0), Marks(True, 0.0, 0.0, 1.0)])
    {'token_f1': 0.25, 'grounded': 0.5, 'false_refusals': 0.5}
    """
    answerable = [each for each in marked if each.answerable]
    by_name = {
        "token_f1": [each.token_f1 for each in answerable],
        "grounded": [each.grounded for each in answerable],
        "false_refusals": [each.abstained for each in answerable],
        "abstention": [each.abstained for each in marked if not each.answerable],
    }
    return {name: sum(values) / len(values) for name, values in by_name.items() if values}


def expected(example: Example) -> tuple[str, ...]:
    """The gold answers of an example; none where its passages do not answer."""
    return () if example.kind in WITHOUT_ANSWER else example.gold or (example.completion,)


def is_silent(example: Example) -> bool:
    """Whether the reply that is wanted says that the passages do not answer."""
    golds = () if example.kind in WITHOUT_ANSWER else example.gold
    return abstains(example.completion, question_of(example.prompt[-1].content), golds)


def passages_of(prompt: str) -> tuple[Passage, ...]:
    """The passages between the fences of `models.prompted`; their offsets are not known."""
    return tuple(Passage("", 0, 0, match[2]) for match in PASSAGE.finditer(prompt))


def question_of(prompt: str) -> str:
    """The question that stands after the passages."""
    fenced = prompt.rpartition("</passage ")[2] if "</passage " in prompt else f">{prompt}"
    return fenced.partition(">")[2].strip().removeprefix(QUESTION)


def _value(score: Score) -> float:
    return score.value or 0.0


def _grounded(case: Case, answer: Answer) -> float:
    score = grounded_quote(case, answer)
    if score.value is not None or not answer.passages:
        return _value(score)
    said = flatten(plainly(answer.text)).strip(EDGES)
    return float(said in Evidence(answer.passages, "").flat)
