"""CUAD's own score: precision against recall over n-best answers with probabilities.

Source: Hendrycks et al. 2021 (arXiv 2103.06268) and `evaluate.py` of TheAtticusProject/cuad at
67faa0e, which gives the published Table 2. `official` computes what that script computes;
`corrected` mends what follows.

===================  ================================  =====================================
what                 official                          corrected
===================  ================================  =====================================
words                split at single spaces, so that   split at any white space; a text
                     a double space adds the word ''   without words matches nothing
                     and a line end joins two words
found                golds with a match are the true   precision = matching texts / texts,
                     positives, texts without one the  recall = golds found / golds, each in
                     false ones: one text may find     its own unit
                     three golds, and twenty near-
                     copies of a right text weigh as
                     one
gold that stands     counts each time                  counts once: a text cannot tell its
in several places                                      places apart
same text twice      the last probability holds        the highest one
no answer            '' alone                          any text of white space
threshold            101 of them, strictly above:      every probability that occurs
                     0.99 ... 0.01, 0.001 and 0, so
                     that probability 0 never counts
area                 trapezoids under the running      average precision: the precision of
                     maximum of precision from high    each step times the recall it gains
                     recall, from the anchor (recall
                     0, precision 1), which no answer
                     has earned
precision at recall  that of the first threshold but   the highest of any threshold that
                     the last (a shorter list is       reaches the recall; None where none
                     zipped along, and drops 0) that   does
                     reaches the recall; 0 where none
                     does
Parties              a gold within the text is a       the same where the category is
                     match where the id says           Parties
                     "Parties", if in a file name
category             its name stands in the id: file   equality
                     names with "Insurance" join in
nothing predicted    area 0; 0 too without golds       area 0; None without golds
===================  ================================  =====================================
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import exp
from typing import Literal

from evals.language.declining import reading
from evals.metrics.text import cuad_words

Mode = Literal["official", "corrected"]
MATCH = 0.5
PARTIES = "Parties"


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model offers for one question.

    Attributes:
        id: the question's, in CUAD `TITLE__CATEGORY`.
        category: one of CUAD's 41.
        golds: gold texts, none of them empty; no golds where the contract does not answer.
        nbest: (text, probability in 0..1) in any order; '' stands for "no answer".
    """

    id: str
    category: str
    golds: tuple[str, ...]
    nbest: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Point:
    """Precision and recall of the texts above a threshold; None where that is 0 / 0."""

    threshold: float
    precision: float | None
    recall: float | None


@dataclass(frozen=True, slots=True)
class _Matches:
    """Probabilities in ascending order.

    Attributes:
        golds: how many there are.
        found: of every gold that is matched, the highest of its matching texts.
        right: of the texts that match a gold.
        wrong: of those that match none.
    """

    golds: int
    found: list[float]
    right: list[float]
    wrong: list[float]


def one_best(
    text: str,
    confidence: float | None = None,
    question: str = "",
    golds: Sequence[str] = (),
) -> tuple[tuple[str, float], ...]:
    """The n-best list of a model that gives one answer; empty where the answer says "not found".

    A hedge of an unanswerable question is a prediction, and a wrong one.

    Args:
        text: of the answer.
        confidence: the mean log-probability of its tokens; without one the answer is certain.
        question: that was asked.
        golds: gold texts; none where the contract does not answer.

    >>> one_best("Delaware law."), one_best("Not found.")
    ((('Delaware law.', 1.0),), ())
    >>> one_best("Delaware law.", confidence=-0.5)
    (('Delaware law.', 0.6065306597126334),)
    """
    does = reading(text, question, golds)
    if does == "abstention" or (does == "hedge" and golds):
        return ()
    return ((text, 1.0 if confidence is None else exp(min(confidence, 0.0))),)


def of_category(
    predictions: Iterable[Prediction], category: str, mode: Mode = "official"
) -> tuple[Prediction, ...]:
    """The questions of one category, as the mode understands it.

    >>> asked = [Prediction(f"A__{name}", name, (), ()) for name in ("Parties", "Cap")]
    >>> [each.id for each in of_category(asked, "Cap")]
    ['A__Cap']
    """
    return tuple(
        each
        for each in predictions
        if (category in each.id if mode == "official" else category == each.category)
    )


def curve(predictions: Iterable[Prediction], mode: Mode = "official") -> tuple[Point, ...]:
    """Precision and recall from the highest threshold to the lowest, without the anchor.

    >>> sure = Prediction("A__Cap", "Cap", ("cap of $5",), (("cap of $5", 0.9),))
    >>> wrong = Prediction("B__Cap", "Cap", (), (("no cap", 0.4),))
    >>> [(each.threshold, each.precision) for each in curve([sure, wrong], "corrected")]
    [(0.9, 1.0), (0.4, 0.5)]
    """
    matches = _match(predictions, mode)
    thresholds = (
        _sweep()
        if mode == "official"
        else sorted({*matches.right, *matches.wrong}, reverse=True) or [0.0]
    )
    return tuple(_point(matches, threshold, mode) for threshold in thresholds)


def operating_point(predictions: Iterable[Prediction], mode: Mode = "official") -> Point:
    """Precision and recall of all texts: what remains where a model gives no confidence.

    >>> right = Prediction("A__Cap", "Cap", ("cap of $5",), (("a cap of $5", 1.0),))
    >>> wrong = Prediction("B__Cap", "Cap", (), (("no cap", 1.0),))
    >>> operating_point([right, wrong])
    Point(threshold=0.0, precision=0.5, recall=1.0)
    """
    return _point(_match(predictions, mode), 0.0, mode)


def aupr(points: Sequence[Point], mode: Mode = "official") -> float | None:
    """Area under a curve of the same mode, in 0..1.

    >>> aupr([Point(0.9, 1.0, 0.5), Point(0.4, 0.5, 1.0)], "corrected")
    0.75
    """
    last = points[-1]
    if mode == "official":
        # With a last precision of 0 / 0, or no golds, the script's area is NaN, which it calls 0.
        if last.precision is None or last.recall is None:
            return 0.0
        steps = pairwise(_enveloped(points))
        return sum((r1 - r0) * (p0 + p1) / 2 for (r0, p0), (r1, p1) in steps)
    if last.recall is None:
        return None
    recalls = [0.0, *(point.recall or 0.0 for point in points)]
    return sum(
        (high - low) * (point.precision or 0.0)
        for (low, high), point in zip(pairwise(recalls), points, strict=True)
    )


def precision_at_recall(
    points: Sequence[Point], recall: float, mode: Mode = "official"
) -> float | None:
    """Precision where a curve of the same mode reaches `recall` (above 0): CUAD's 0.8 and 0.9.

    >>> points = [Point(0.9, 1.0, 0.5), Point(0.4, 0.75, 1.0)]
    >>> precision_at_recall(points, 0.8, "corrected")
    0.75
    """
    if mode == "official":
        reached = (p for r, p in _enveloped(points)[:-1] if r >= recall)
        return next(reached, 0.0)
    return max(
        (
            point.precision
            for point in points
            if point.precision is not None and point.recall is not None and point.recall >= recall
        ),
        default=None,
    )


def _sweep() -> list[float]:
    """The script's thresholds, with the rounding of numpy's arange(0.99, 0, -0.01)."""
    step = (0.99 - 0.01) - 0.99
    return [*(0.99 + number * step for number in range(99)), 0.001, 0.0]


def _enveloped(points: Sequence[Point]) -> list[tuple[float, float]]:
    """The anchor and all points as (recall, running maximum of precision)."""
    precisions = [1.0, *(point.precision or 0.0 for point in points)]
    best = list(accumulate(reversed(precisions), max))[::-1]
    return list(zip([0.0, *(point.recall or 0.0 for point in points)], best, strict=True))


def _point(matches: _Matches, threshold: float, mode: Mode) -> Point:
    official = mode == "official"
    skip = bisect_right if official else bisect_left
    found, right, wrong = (
        len(values) - skip(values, threshold)
        for values in (matches.found, matches.right, matches.wrong)
    )
    true = found if official else right
    return Point(
        threshold,
        true / (true + wrong) if true + wrong else None,
        found / matches.golds if matches.golds else None,
    )


def _match(predictions: Iterable[Prediction], mode: Mode) -> _Matches:
    """Compare every text with every gold of its question, once."""
    count = 0
    found: list[float] = []
    right: list[float] = []
    wrong: list[float] = []
    for each in predictions:
        golds = each.golds if mode == "official" else tuple(dict.fromkeys(each.golds))
        contained = PARTIES in each.id if mode == "official" else each.category == PARTIES
        gold_words = [_words(gold, mode) for gold in golds]
        best: list[float | None] = [None] * len(golds)
        for text, probability in _offered(each.nbest, mode).items():
            words = _words(text, mode) if golds else set()
            hit = False
            for number, gold in enumerate(golds):
                if _overlap(words, gold_words[number]) or (contained and gold in text):
                    hit = True
                    best[number] = max(probability, best[number] or 0.0)
            (right if hit else wrong).append(probability)
        count += len(golds)
        found.extend(value for value in best if value is not None)
    return _Matches(count, sorted(found), sorted(right), sorted(wrong))


def _offered(nbest: Iterable[tuple[str, float]], mode: Mode) -> dict[str, float]:
    offered: dict[str, float] = {}
    for text, probability in nbest:
        if mode == "official":
            if text:
                offered[text] = probability
        elif text.strip():
            offered[text] = max(probability, offered.get(text, 0.0))
    return offered


def _words(text: str, mode: Mode) -> set[str]:
    if mode == "official":
        return cuad_words(text)
    return cuad_words(" ".join(text.split())) - {""}


def _overlap(said: set[str], gold: set[str]) -> bool:
    either = said | gold
    return bool(either) and len(said & gold) / len(either) >= MATCH
