"""Answers made by rule, whose scores follow from how they were made: nobody labelled them.

From labelled pairs, a right answer to another question of the contract is a wrong one. From CUAD's
train contracts: the gold clause amid its surroundings, cut short, one of several, the clause of
another category, and a passage from anywhere.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence

from common.identity import digest
from evals.judges.pairs import Pair
from evals.language.words import f1, normalise
from fixtures.cases import Case, Dataset

ANOTHER = "another question"
ALIKE = 0.35
"""Token F1 from which two gold texts may answer each other's question."""
CONTRACTS, CASES = 120, 4
"""Contracts of a data set that are used, and cases of each."""
LONGEST = 2500
"""Characters of a case's gold texts."""


def borrowed(pairs: Sequence[Pair]) -> list[Pair]:
    """For each pair, a right answer to another question of its contract, as a wrong answer."""
    right: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        if pair.score >= 0.9 and pair.expected:
            right[pair.contract].append(pair)
    found = []
    for pair in pairs:
        others = [
            other
            for other in right[pair.contract]
            if other.question != pair.question and not _alike(other.expected, pair.expected)
        ]
        if others:
            number = int(digest(pair.question, pair.answer)[:8], 16) % len(others)
            made = {"answer": others[number].answer, "score": 0.0, "second": None}
            found.append(pair.model_copy(update={**made, "origin": "template", "kind": ANOTHER}))
    return found


def from_clauses(dataset: Dataset) -> list[Pair]:
    """Pairs of a data set's train contracts: a few cases of each, a few answers to each."""
    by_contract: dict[str, list[Case]] = defaultdict(list)
    for case in dataset.cases:
        if case.contract.id not in dataset.test_contracts and _usable(case):
            by_contract[case.contract.id].append(case)
    names = sorted(by_contract, key=lambda name: digest("constructed", name))[:CONTRACTS]
    return [
        pair
        for name in names
        for case in sorted(by_contract[name], key=lambda case: digest("constructed", case.id))[
            :CASES
        ]
        for pair in _made(case, by_contract[name])
    ]


def _usable(case: Case) -> bool:
    located = all(span.start is not None for span in case.spans)
    return bool(case.spans) and located and sum(len(span.text) for span in case.spans) < LONGEST


def _made(case: Case, others: Sequence[Case]) -> Iterator[Pair]:
    chance, text = random.Random(digest("constructed", case.id)), case.contract.text
    gold = max(case.spans, key=lambda span: len(span.text))
    start, words, several = gold.start or 0, gold.text.split(), len(case.spans) > 1
    begin = max(0, start - chance.randint(60, 300))
    end = start + len(gold.text) + chance.randint(60, 300)
    yield _pair(case, "around", text[begin:end], 0.6 if several else 0.8)
    if len(words) > 14:
        share = chance.uniform(0.35, 0.8)
        cut = " ".join(words[: int(len(words) * share)])
        yield _pair(case, "cut", cut, 0.6 if share < 0.6 else 0.8)
    if several:
        yield _pair(case, "one of several", gold.text, 0.8)
    golds = [span.text for span in case.spans]
    elsewhere = [
        span.text
        for other in others
        for span in other.spans
        if other.category != case.category
        and len(span.text) > 60
        and not _alike([span.text], golds)
    ]
    if elsewhere:
        yield _pair(case, "another clause", chance.choice(elsewhere), 0.1)
    at = chance.randrange(max(1, len(text) - 500))
    if all(
        not (span.start or 0) - 400 < at < (span.start or 0) + len(span.text) for span in case.spans
    ):
        yield _pair(case, "anywhere", text[at : at + chance.randint(120, 400)], 0.0)


def _pair(case: Case, kind: str, answer: str, score: float) -> Pair:
    return Pair(
        contract=case.contract.id, category=case.category, kind=kind, question=case.question,
        expected=tuple(span.text for span in case.spans), answer=answer, score=score,
        origin="template", style="extractive",
    )  # fmt: skip


def _alike(one: Sequence[str], two: Sequence[str]) -> bool:
    return any(f1(normalise(a).split(), normalise(b).split()) >= ALIKE for a in one for b in two)
