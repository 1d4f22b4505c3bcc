"""What the train split answers most, by category: known by heart without a contract at hand."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evals.language.words import f1, normalise
from fixtures.cases import Case

READ = 60
"""Clauses of a category that are compared with each other: all pairs are."""


@dataclass(frozen=True, slots=True)
class Usual:
    """The clause of a category nearest to all its others, and how many contracts have one."""

    clause: str
    share: float


def usual_answers(train: Sequence[Case]) -> Mapping[str, Usual]:
    """The usual answer of every category that the cases answer.

    >>> from fixtures.cases import Contract, Span
    >>> golds = ("laws of Delaware", "laws of Ohio", "laws of Delaware", "")
    >>> cases = [Case(g, g, Contract(g, g), "Law", "?", (Span(g, 0),) if g else ()) for g in golds]
    >>> usual_answers(cases)["Law"]
    Usual(clause='laws of Delaware', share=0.75)
    """
    by_category: dict[str, list[Case]] = defaultdict(list)
    for case in train:
        by_category[case.category].append(case)
    return {
        category: Usual(_nearest(golds[:READ]), len(golds) / len(cases))
        for category, cases in by_category.items()
        if (golds := [case.golds[0] for case in cases if case.answerable])
    }


def _nearest(golds: Sequence[str]) -> str:
    words = [normalise(gold).split() for gold in golds]
    return max(zip(golds, words, strict=True), key=lambda one: sum(f1(one[1], w) for w in words))[0]
