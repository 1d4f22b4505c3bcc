"""From scored answers to one question to pairs of a better and a worse one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from evals.language.words import normalise, says_something

GOLD = 1.0
"""The score of the ground truth."""


@dataclass(frozen=True, slots=True)
class Scored:
    """An answer with its score in 0..1; `whole` is False where it was cut at the longest answer."""

    text: str
    score: float
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Contrast:
    """Of two answers to one question `chosen` was scored higher, by `margin`."""

    chosen: str
    rejected: str
    margin: float
    source: Literal["ai", "gold"] = "ai"


@dataclass(frozen=True, slots=True)
class Rule:
    """When two answers make a pair.

    Attributes:
        margin: the least difference of their scores; scores that are equal never make one.
        most: pairs of answers a question, those that differ most first.
        gold: whether the ground truth also makes a pair, with the worst answer.
        least: the lowest score that a chosen answer has.
    """

    margin: float = 0.2
    most: int = 1
    gold: bool = True
    least: float = 0.0


@dataclass(frozen=True, slots=True)
class Paired:
    """The pairs of one question, and why there are no more.

    Attributes:
        contrasts: the ground truth's pair first.
        identical: answers that say the same as another of them, or as the ground truth.
        tied: several different answers, no two of them `margin` apart.
    """

    contrasts: tuple[Contrast, ...]
    identical: int = 0
    tied: bool = False


def pair(answers: Sequence[Scored], rule: Rule, gold: str | None = None) -> Paired:
    """The pairs of one question's answers; the order of the answers does not count.

    Answers that are alike in SQuAD's normal form are one, with their mean score; those with nothing
    in it are left out. An answer that was cut off is never chosen.

    >>> rule = Rule(margin=0.2)
    >>> pair([Scored("Ohio", 0.9), Scored("Nevada", 0.1)], rule, gold="Ohio.").contrasts
    (Contrast(chosen='Ohio.', rejected='Nevada', margin=0.9, source='gold'),)
    """
    distinct = merged(answers)
    identical = sum(says_something(each.text) for each in answers) - len(distinct)
    found = []
    if rule.gold and gold is not None:
        same = normalise(gold)
        identical += any(normalise(each.text) == same for each in distinct)
        worse = [each for each in distinct if normalise(each.text) != same]
        if worse and _apart(GOLD, worse[-1].score, rule.margin):
            rejected = worse[-1]
            found.append(Contrast(gold, rejected.text, GOLD - rejected.score, "gold"))
    known = {_key(each) for each in found}
    found += [each for each in contrasts(distinct, rule)[: rule.most] if _key(each) not in known]
    tied = len(distinct) > 1 and not _apart(distinct[0].score, distinct[-1].score, rule.margin)
    return Paired(tuple(found), identical, tied)


def contrasts(distinct: Sequence[Scored], rule: Rule) -> list[Contrast]:
    """Every two answers that are far enough apart, those that differ most first."""
    found = [
        Contrast(better.text, worse.text, better.score - worse.score)
        for better in distinct
        for worse in distinct
        if _apart(better.score, worse.score, rule.margin)
        and better.whole
        and better.score >= rule.least
    ]
    return sorted(found, key=lambda each: (-each.margin, each.chosen, each.rejected))


def merged(answers: Sequence[Scored]) -> list[Scored]:
    """Different answers that say something, best first."""
    same: dict[str, list[Scored]] = {}
    for each in answers:
        if says_something(each.text):
            same.setdefault(normalise(each.text), []).append(each)
    distinct = [
        Scored(
            text=min(each.text for each in group),
            score=math.fsum(each.score for each in group) / len(group),
            whole=any(each.whole for each in group),
        )
        for group in same.values()
    ]
    return sorted(distinct, key=lambda each: (-each.score, each.text))


def _apart(better: float, worse: float, margin: float) -> bool:
    return better > worse and better - worse >= margin


def _key(each: Contrast) -> tuple[str, str]:
    return normalise(each.chosen), normalise(each.rejected)
