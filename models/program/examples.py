"""Demonstrations from a train split: answered questions, as like the one at hand as there are.

None is of a contract that resembles the one asked about, or any of the test split, whatever it is
called: a program that is shown an exam's answers is not examined.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.identity import digest
from fixtures.cases import Case, Contract, Dataset
from fixtures.datasets import load_dataset
from fixtures.retrieval.embedder import load_embedder
from fixtures.retrieval.passages import Chunker
from fixtures.retrieval.retrieval import Retriever, RetrieverOptions
from fixtures.shingles import containment, sketch, words
from models.prompted import NOT_FOUND

VERSION = 1
"""Raised when other examples are chosen of the same cases."""

CONTRACTS = 64
"""Of a train split, from which examples are drawn; the same ones for every case."""

RESEMBLES = 0.5
"""Share of wording above which two contracts count as one, as in the shipped gate."""

CHUNKER = Chunker(size=600, overlap=0)


@dataclass(frozen=True, slots=True)
class Example:
    """A case of the train split, with one passage of its contract; `words` are the passage's."""

    case: Case
    passage: str
    words: frozenset[str]

    @property
    def given(self) -> dict[str, Any]:
        """As a program is given it."""
        answer = self.case.golds[0] if self.case.answerable else NOT_FOUND
        return {"question": self.case.question, "passages": [self.passage], "answer": answer}


class Examples:
    """The `k` nearest examples of a data set: by question, and by wording where that is alike.

    Answered and unanswered ones take turns, so that both are shown.
    """

    def __init__(self, dataset: str, k: int) -> None:
        self.dataset = dataset
        self.k = k

    @cached_property
    def _loaded(self) -> Dataset:
        return load_dataset(self.dataset)

    @cached_property
    def contracts(self) -> tuple[Contract, ...]:
        """Those that may be shown.

        Raises:
            UserError: the data set is not there, or has no train split.
        """
        test: dict[str, Contract] = {}
        train: dict[str, Contract] = {}
        for case in self._loaded.cases:
            split = test if case.contract.id in self._loaded.test_contracts else train
            split[case.contract.digest] = case.contract
        asked = [sketch(contract.text) for contract in test.values()]
        left = [
            contract
            for key, contract in sorted(train.items())
            if not any(_is_alike(each, sketch(contract.text)) for each in asked)
        ][:CONTRACTS]
        if not left:
            raise UserError(
                f"[examples] dataset = {self.dataset!r}: no contract outside its test split; name "
                "a data set with test.json beside the other files"
            )
        return tuple(left)

    @cached_property
    def _sketches(self) -> Mapping[str, frozenset[int]]:
        return {contract.digest: sketch(contract.text) for contract in self.contracts}

    @cached_property
    def _cases(self) -> tuple[Case, ...]:
        ours = {contract.digest for contract in self.contracts}
        return tuple(case for case in self._loaded.cases if case.contract.digest in ours)

    @cached_property
    def identity(self) -> str:
        """SHA-256 over the cases that may be shown, and how they are chosen."""
        embedder = load_embedder().identity
        cases = [case.identity for case in self._cases]
        return digest("examples", VERSION, self.k, CHUNKER.identity, embedder, cases)

    @cached_property
    def _by_question(self) -> Mapping[str, list[Example]]:
        options = RetrieverOptions(kind="bm25", k=1, chunker=CHUNKER)
        unanswered = [case for case in self._cases if not case.answerable]
        # It embeds nothing, and keeps nothing in a folder.
        found = Retriever(options, "examples", Path()).retrieve(unanswered)
        best = {
            case.id: passages[0].text if passages else ""
            for case, passages in zip(unanswered, found, strict=True)
        }
        examples: dict[str, list[Example]] = {}
        for case in self._cases:
            passage = best[case.id] if case.id in best else _gold(case)
            example = Example(case, passage, frozenset(words(passage)))
            examples.setdefault(case.question, []).append(example)
        return examples

    @cached_property
    def _vectors(self) -> Any:
        return load_embedder().embed(list(self._by_question))

    def of(self, case: Case, passage: str) -> list[dict[str, Any]]:
        """The examples for a case whose best passage is given; the nearest stands last.

        Raises:
            UserError: see `contracts`.
        """
        barred = self._barred(case.contract)
        alike = (self._vectors @ load_embedder().embed([case.question])[0]).tolist()
        told = frozenset(words(passage))
        questions = sorted(zip(alike, self._by_question.values(), strict=True), key=_first)
        nearest = chain.from_iterable(
            _in_turn([e for e in examples if e.case.contract.digest not in barred], told)
            for _, examples in reversed(questions)
        )
        return [each.given for each in islice(nearest, self.k)][::-1]

    def _barred(self, contract: Contract) -> set[str]:
        """Digests of what is called as the contract is, or resembles it."""
        own = sketch(contract.text)
        return {
            each.digest
            for each in self.contracts
            if each.id == contract.id or _is_alike(own, self._sketches[each.digest])
        }


def _first(pair: tuple[float, Sequence[Example]]) -> float:
    return pair[0]


def _is_alike(asked: frozenset[int], known: frozenset[int]) -> bool:
    """Whether most of either text stands in the other."""
    return max(containment(asked, known), containment(known, asked)) > RESEMBLES


def _in_turn(examples: Sequence[Example], told: frozenset[str]) -> list[Example]:
    """Answered and unanswered ones by turns, each the nearest to the words first."""
    ranked = sorted(examples, key=lambda each: (-_overlap(told, each.words), each.case.id))
    answered = [each for each in ranked if each.case.answerable]
    others = [each for each in ranked if not each.case.answerable]
    turns = chain.from_iterable(zip_longest(answered, others))
    return [each for each in turns if each is not None]


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Share of the words of either that both have (Jaccard)."""
    return len(one & other) / len(one | other) if one or other else 0.0


def _gold(case: Case) -> str:
    """The passage in which a gold answer begins."""
    start = next((span.start for span in case.spans if span.start is not None), 0)
    passages = CHUNKER.split(case.contract)
    return next((p.text for p in passages if p.start <= start < p.end), case.golds[0])
