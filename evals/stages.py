"""At which stage an answer was lost: its passage not retrieved, not shown, refused, not read.

Every answer stands at exactly one stage, the first that explains it. Of a case that the contract
answers: `right` by the mark that the exam goes by; else `not retrieved`, where no passage that was
offered holds a gold answer; else `not shown`, where the model had no room for those that do; else
`wrongly refused`; else `not read`, where it quotes another passage; else `wrongly answered`. Of a
case that the contract does not answer: `rightly refused`, or `wrongly answered`.
"""

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from evals.language.declining import declines
from evals.language.words import normalise
from evals.metrics.ranking import gold_starts
from fixtures.cases import Case
from fixtures.retrieval.passages import Passage
from models.chat import Answer

RIGHT, REFUSED, WRONG = "right", "rightly refused", "wrongly answered"

ANSWERABLE = (RIGHT, "not retrieved", "not shown", "wrongly refused", "not read", WRONG)
"""Stages of a case that the contract answers, in the order of the exam."""

UNANSWERABLE = (REFUSED, WRONG)
"""Those of one that it does not."""

QUOTED = 3
"""Words in a row that are a quotation; an answer of fewer is one as a whole."""


def stage_of(case: Case, answer: Answer, offered: Sequence[Passage], *, right: bool) -> str:
    """The stage at which this answer stands.

    Args:
        case: with a gold answer that is located, where it has any.
        answer: that did not fail, as metrics read it (`models.spoken.scorable`), with the passages
            that the model was shown.
        offered: the passages that it was given, of which it may have been shown a part.
        right: whether it is right, of either kind of case.

    >>> from fixtures.cases import Contract, Span
    >>> contract = Contract("A", "Fees are due in March. The term is two years.")
    >>> case = Case("1", "1", contract, "Term", "How long?", (Span("two years", 35),))
    >>> fees, term = (Passage("A", a, b, contract.text[a:b]) for a, b in ((0, 23), (23, 45)))
    >>> said = [Answer("fees are due in March", passages=each) for each in ((fees,), (fees, term))]
    >>> stage_of(case, said[0], [fees], right=False), stage_of(case, said[0], [term], right=False)
    ('not retrieved', 'not shown')
    >>> stage_of(case, said[1], [fees, term], right=False)
    'not read'
    """
    if not case.answerable:
        return REFUSED if right else WRONG
    if right:
        return RIGHT
    if not any(gold_starts(case, passage) for passage in offered):
        return "not retrieved"
    gold = [passage for passage in answer.passages if gold_starts(case, passage)]
    if not gold:
        return "not shown"
    if declines(answer.text, case.question, case.golds):
        return "wrongly refused"
    others = [passage for passage in answer.passages if not gold_starts(case, passage)]
    return "not read" if _quoted(answer, others) > _quoted(answer, gold) else WRONG


def _quoted(answer: Answer, passages: Iterable[Passage]) -> int:
    """Words of the longest quotation from any of the passages; 0 where nothing is quoted.

    What two passages share, as neighbours do, is quoted from both.
    """
    said = normalise(answer.text).split()
    longest = max((_run(said, normalise(each.text).split()) for each in passages), default=0)
    return longest if longest >= min(QUOTED, len(said)) else 0


def _run(said: Sequence[str], text: Sequence[str]) -> int:
    """Words of the longest run that both have."""
    return SequenceMatcher(None, said, text, autojunk=False).find_longest_match().size
