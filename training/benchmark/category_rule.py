"""What declining by the question alone comes to: a line that a model that reads must clear."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from fixtures.cases import Case


@dataclass(frozen=True, slots=True)
class CategoryRule:
    """The rule's marks, each in 0..1, over the cases that were asked.

    Attributes:
        abstention: share of unanswerable cases that it declines.
        false_refusals: share of answerable cases that it declines.
    """

    abstention: float
    false_refusals: float


def category_rule(train: Sequence[Case], asked: Sequence[Case]) -> CategoryRule:
    """Decline a category that the train split answers more rarely than its cases at large.

    With as many answerable as unanswerable cases that is Bayes' rule, given the category alone.
    A category that the train split does not have is not declined.

    Args:
        train: cases that the rule learns from, at least one.
        asked: cases that it decides, some of them answerable and some not.
    """
    answered = defaultdict(list)
    for case in train:
        answered[case.category].append(case.answerable)
    usual = sum(case.answerable for case in train) / len(train)
    declined = {name for name, each in answered.items() if sum(each) / len(each) < usual}

    def share(answerable: bool) -> float:
        decisions = [c.category in declined for c in asked if c.answerable is answerable]
        return sum(decisions) / len(decisions)

    return CategoryRule(abstention=share(False), false_refusals=share(True))
