"""What is kept of what was written: quoted from the contract, new, and right by a judge.

The order of the tests is the order of their price. Near-duplicates are found as self-instruct does
(Wang et al. 2023, section 2.2: ROUGE-L below 0.7 against what was kept), among the questions of the
same contract: the same question about another contract has another answer.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from evals.calls.budget import DECLINED
from fixtures.cases import Span
from fixtures.quoting import occurrences
from training.data.synthetic import SyntheticPair
from training.synthesize.drafts import Draft
from training.synthesize.jury import Jury
from training.synthesize.seeds import Seed

MOST_ALIKE = 0.7
"""ROUGE-L F1 from which on two questions count as one."""

FEWEST_WORDS, MOST_WORDS = 3, 60


@dataclass(frozen=True, slots=True)
class Sifted:
    """What became of the drafts of one seed; `declined` says that the budget was used up."""

    pairs: tuple[SyntheticPair, ...] = ()
    rejected: Counter[str] = field(default_factory=Counter)
    declined: str = ""


def locate(quote: str, seed: Seed) -> Span | None:
    """Where a quotation stands in the seed's context, white space and outer quotes aside.

    Returns:
        The contract's own words with their offset in the contract; of several places the one
        nearest to the seed's answer; None where it stands nowhere, or only inside of words.
    """
    # Of the context alone: what stands before and behind it is part of no word.
    found = occurrences(quote, seed.context.text)
    spans = [Span(each.text, seed.context.start + (each.start or 0)) for each in found]
    return min(spans, key=lambda span: abs((span.start or 0) - seed.start), default=None)


def is_question(question: str, answer: str) -> bool:
    """Whether it asks something: long and short enough, and without its own answer in it."""
    asked = " ".join(question.lower().split())
    said = " ".join(answer.lower().split())
    gives_away = len(said.split()) > 1 and f" {said} " in f" {asked.rstrip('?.!')} "
    return FEWEST_WORDS <= len(asked.split()) <= MOST_WORDS and not gives_away


class KeptQuestions:
    """The questions kept so far, by contract.

    A question is held against those of its contract alone, and ROUGE-L is computed only where the
    words that two questions share would allow it to reach `MOST_ALIKE`.
    """

    def __init__(self) -> None:
        self._kept: dict[str, list[tuple[str, Counter[str]]]] = defaultdict(list)

    @cached_property
    def _scorer(self) -> Any:
        from rouge_score.rouge_scorer import RougeScorer

        return RougeScorer(["rougeL"])

    @cached_property
    def _tokenizer(self) -> Any:
        from rouge_score.tokenizers import DefaultTokenizer

        return DefaultTokenizer(use_stemmer=False)

    def is_near(self, contract: str, question: str, seed_question: str) -> bool:
        """Whether the question nearly repeats the seed's, or one kept of the contract."""
        words = self._words(question)
        kept = self._kept[contract]
        others = [(seed_question, self._words(seed_question)), *kept]
        return any(self._alike(question, words, other, held) for other, held in others)

    def add(self, contract: str, question: str) -> None:
        """Keep a question."""
        self._kept[contract].append((question, self._words(question)))

    def _words(self, question: str) -> Counter[str]:
        return Counter(self._tokenizer.tokenize(question))

    def _alike(self, one: str, words: Counter[str], other: str, held: Counter[str]) -> bool:
        if one.casefold().split() == other.casefold().split():
            return True
        total = words.total() + held.total()
        # The longest common subsequence has no more words than both questions share.
        if not total or 2 * (words & held).total() < MOST_ALIKE * total:
            return False
        return bool(self._scorer.score(other, one)["rougeL"].fmeasure >= MOST_ALIKE)


@dataclass
class Sieve:
    """Sifts the drafts of one seed after another; seeds of one contract must not overlap."""

    jury: Jury
    questions: KeptQuestions = field(default_factory=KeptQuestions)

    async def sift(self, seed: Seed, drafts: Sequence[Draft]) -> Sifted:
        """The pairs that are kept, and why the others are not."""
        pairs: list[SyntheticPair] = []
        rejected: Counter[str] = Counter()
        for draft in drafts:
            span = _found(draft, seed)
            why = await self._objection(seed, draft, span)
            if why is not None and DECLINED in why:
                return Sifted(tuple(pairs), rejected, why)
            if why is None and span is not None:
                self.questions.add(seed.case.contract.digest, draft.question)
                pairs.append(_pair(seed, draft, span))
            else:
                rejected[why or "not in the context"] += 1
        return Sifted(tuple(pairs), rejected)

    async def _objection(self, seed: Seed, draft: Draft, span: Span | None) -> str | None:
        if span is None:
            return "not in the context"
        if not is_question(draft.question, span.text):
            return "no question"
        contract = seed.case.contract.digest
        if self.questions.is_near(contract, draft.question, seed.case.question):
            return "near-duplicate"
        return await self.jury.objection(seed, draft, span)


def _found(draft: Draft, seed: Seed) -> Span | None:
    if draft.start is None:
        return locate(draft.answer, seed)
    stands = seed.case.contract.text.startswith(draft.answer, draft.start)
    inside = seed.context.start <= draft.start <= seed.context.end - len(draft.answer)
    return Span(draft.answer, draft.start) if stands and inside else None


def _pair(seed: Seed, draft: Draft, span: Span) -> SyntheticPair:
    assert span.start is not None
    return SyntheticPair(
        context=seed.context.text,
        seed_question=seed.case.question,
        question=draft.question,
        answer=span.text,
        contract=seed.case.contract.id,
        category=seed.case.category,
        start=span.start,
        kind=draft.kind,
    )
