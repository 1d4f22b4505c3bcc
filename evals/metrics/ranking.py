"""Whether the passages shown hold the gold answers, and how early.

A passage is relevant when a gold span starts inside it: a chunk boundary may cut the span's end,
never its beginning. Ranks are the order of `answer.passages`. These metrics look at passages
only, so they also score a case whose model failed.
"""

from collections.abc import Callable
from math import log2

from evals.results import Score
from fixtures.cases import Case
from fixtures.retrieval.passages import Passage
from models.chat import Answer


def hit_at(k: int) -> Callable[[Case, Answer], Score]:
    """1.0 when one of the first `k` passages is relevant.

    >>> from fixtures.cases import Contract, Span
    >>> from fixtures.retrieval.passages import Passage
    >>> contract = Contract("A", "Fees are due. The term is two years.")
    >>> case = Case("1", "1", contract, "Term", "How long?", (Span("two years", 26),))
    >>> first, second = (Passage("A", a, b, contract.text[a:b]) for a, b in ((0, 14), (14, 36)))
    >>> [hit_at(k)(case, Answer("", passages=(first, second))).value for k in (1, 2)]
    [0.0, 1.0]
    """
    return lambda case, answer: ranked(case, answer, lambda found, _: float(any(found[:k])))


def recall_at(k: int) -> Callable[[Case, Answer], Score]:
    """Share of the distinct located gold spans that start in the first `k` passages.

    >>> from fixtures.cases import Contract, Span
    >>> from fixtures.retrieval.passages import Passage
    >>> contract = Contract("A", "Fees are due. The term is two years.")
    >>> case = Case("1", "1", contract, "Term", "When?", (Span("due", 9), Span("two years", 26)))
    >>> recall_at(5)(case, Answer("", passages=(Passage("A", 0, 14, "Fees are due. "),))).value
    0.5
    """
    return lambda case, answer: ranked(
        case, answer, lambda found, spans: len(set().union(*found[:k])) / spans
    )


def mrr(case: Case, answer: Answer) -> Score:
    """1 / rank of the first relevant passage; 0.0 when none of those shown is.

    >>> from fixtures.cases import Contract, Span
    >>> from fixtures.retrieval.passages import Passage
    >>> contract = Contract("A", "Fees are due. The term is two years.")
    >>> case = Case("1", "1", contract, "Term", "How long?", (Span("two years", 26),))
    >>> first, second = (Passage("A", a, b, contract.text[a:b]) for a, b in ((0, 14), (14, 36)))
    >>> mrr(case, Answer("", passages=(first, second))).value
    0.5
    """
    return ranked(
        case,
        answer,
        lambda found, _: next((1 / rank for rank, starts in enumerate(found, 1) if starts), 0.0),
    )


def ndcg_at(k: int) -> Callable[[Case, Answer], Score]:
    """Discounted gain of the first `k` passages over that of the ideal ranking.

    Relevance is binary, and a passage gains only by a span that no earlier one holds, so that
    overlapping chunks are not paid twice. The ideal ranking puts min(k, distinct gold spans)
    gaining passages first; where one chunk holds two spans it is out of reach, and the score
    stays below 1. Source: Jaervelin and Kekaelaeinen 2002.

    >>> from fixtures.cases import Contract, Span
    >>> from fixtures.retrieval.passages import Passage
    >>> contract = Contract("A", "Fees are due. The term is two years.")
    >>> case = Case("1", "1", contract, "Term", "How long?", (Span("two years", 26),))
    >>> first, second = (Passage("A", a, b, contract.text[a:b]) for a, b in ((0, 14), (14, 36)))
    >>> round(ndcg_at(5)(case, Answer("", passages=(first, second))).value, 3)
    0.631
    """

    def ndcg(found: list[set[int]], spans: int) -> float:
        seen: set[int] = set()
        gain = 0.0
        for rank, starts in enumerate(found[:k], 1):
            gain += (not starts <= seen) / log2(rank + 1)
            seen |= starts
        return gain / sum(1 / log2(rank + 1) for rank in range(1, min(k, spans) + 1))

    return lambda case, answer: ranked(case, answer, ndcg)


def ranked(case: Case, answer: Answer, measure: Callable[[list[set[int]], int], float]) -> Score:
    """`measure(found, spans)`: gold starts per passage, by rank, and how many there are at all.

    >>> from fixtures.cases import Contract, Span
    >>> case = Case("1", "1", Contract("A", "Two years."), "Term", "How long?", (Span("Two", 0),))
    >>> ranked(case, Answer("Two years."), lambda found, spans: 1.0)
    Score(value=None, reason='no passages shown')
    """
    shown = answer.passages
    if not shown:
        return Score(None, "no passages shown")
    if len(shown) == 1 and shown[0].end - shown[0].start >= len(case.contract.text):
        return Score(None, "the whole contract was shown")
    if any(passage.start >= passage.end for passage in shown):  # recorded, and not of the contract
        return Score(None, "where the passages stand in the contract is not known")
    gold = {span.start for span in case.spans if span.start is not None}
    if not gold:
        return Score(None, "no located gold span")
    return Score(measure([gold_starts(case, passage) for passage in shown], len(gold)))


def gold_starts(case: Case, passage: Passage) -> set[int]:
    """Where the gold spans start that start in the passage; none where it is not relevant.

    >>> from fixtures.cases import Contract, Span
    >>> case = Case("1", "1", Contract("A", "Two years."), "Term", "How long?", (Span("Two", 0),))
    >>> gold_starts(case, Passage("A", 0, 4, "Two ")), gold_starts(case, Passage("A", 4, 6, "ye"))
    ({0}, set())
    """
    if passage.contract_id != case.contract.id:
        return set()
    starts = {span.start for span in case.spans if span.start is not None}
    return {start for start in starts if passage.start <= start < passage.end}
