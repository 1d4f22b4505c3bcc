"""n-grams and subsequences that an answer shares with the gold spans; the best span counts."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from evals.metrics.text import best
from evals.results import Score
from fixtures.cases import Case
from models.chat import Answer

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU


def bleu(case: Case, answer: Answer) -> Score:
    """BLEU of the answer against one gold span: tokens as in WMT's 13a, exponential smoothing.

    Effective order: an answer of two words is not judged by its missing 4-grams. Source: Papineni
    et al. 2002; sacrebleu's `sentence_bleu` over 100 (Post 2018).

    >>> from fixtures.cases import Contract, Span
    >>> spans = (Span("the laws of the State of Delaware", None),)
    >>> case = Case("1", "1", Contract("A", ""), "Governing Law", "Which law governs?", spans)
    >>> round(bleu(case, Answer("the laws of Delaware")).value, 2)
    0.33
    """
    scorer = _bleu()
    return best(
        case,
        answer,
        lambda said, gold: min(scorer.sentence_score(said, [gold]).score / 100, 1.0),
    )


def rouge_1(case: Case, answer: Answer) -> Score:
    """ROUGE-1 F: shared words.

    >>> from fixtures.cases import Contract, Span
    >>> spans = (Span("two years from signing", None),)
    >>> case = Case("1", "1", Contract("A", ""), "Term", "How long is the term?", spans)
    >>> round(rouge_1(case, Answer("from signing two years")).value, 2)
    1.0
    """
    return best(case, answer, lambda said, gold: _rouge(said, gold)[0])


def rouge_2(case: Case, answer: Answer) -> Score:
    """ROUGE-2 F: shared pairs of neighbouring words.

    >>> from fixtures.cases import Contract, Span
    >>> spans = (Span("two years from signing", None),)
    >>> case = Case("1", "1", Contract("A", ""), "Term", "How long is the term?", spans)
    >>> round(rouge_2(case, Answer("from signing two years")).value, 2)
    0.67
    """
    return best(case, answer, lambda said, gold: _rouge(said, gold)[1])


def rouge_l(case: Case, answer: Answer) -> Score:
    """ROUGE-L F: the longest common subsequence of words.

    >>> from fixtures.cases import Contract, Span
    >>> spans = (Span("two years from signing", None),)
    >>> case = Case("1", "1", Contract("A", ""), "Term", "How long is the term?", spans)
    >>> round(rouge_l(case, Answer("from signing two years")).value, 2)
    0.5
    """
    return best(case, answer, lambda said, gold: _rouge(said, gold)[2])


@lru_cache(maxsize=1)
def _bleu() -> "BLEU":
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(effective_order=True)


@lru_cache(maxsize=32)  # three metrics ask for the same few texts in a row
def _rouge(said: str, gold: str) -> tuple[float, float, float]:
    """F of ROUGE-1, ROUGE-2 and ROUGE-L, without stemming: the numbers of rouge-score.

    Words are rouge-score's own. Its scorer is not used: it imports nltk (seconds), and fills a
    table of Python integers for ROUGE-L, which rapidfuzz finds bit-parallel. Source: Lin 2004.
    """
    from rapidfuzz.distance import LCSseq
    from rouge_score.tokenize import tokenize

    one, two = tokenize(said, None), tokenize(gold, None)
    return (
        _f(_shared(one, two, 1), len(one), len(two)),
        _f(_shared(one, two, 2), len(one) - 1, len(two) - 1),
        _f(LCSseq.similarity(one, two), len(one), len(two)),
    )


def _shared(one: Sequence[str], two: Sequence[str], size: int) -> int:
    """n-grams in common, counted with multiplicity."""
    grams = (
        Counter(zip(*(words[start:] for start in range(size)), strict=False))
        for words in (one, two)
    )
    left, right = grams
    return (left & right).total()


def _f(shared: int, one: int, two: int) -> float:
    return 2 * shared / (one + two) if shared else 0.0
