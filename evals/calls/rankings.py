"""Which passages each case is given: as the store holds them, or as the retriever ranks them."""

import asyncio
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from common.identity import digest
from evals.calls.about import about
from evals.calls.journal import Journal
from evals.calls.payments import Purse
from evals.calls.rows import passages_of, retrieval_row
from evals.calls.store import Store
from evals.isolation import isolated
from evals.plan import Retrieves
from fixtures.cases import Case
from fixtures.retrieval.passages import Passage

CONTRACTS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Ranked:
    """A case with its passages, best first; `failed` is the exception that left it without."""

    case: Case
    passages: tuple[Passage, ...] = ()
    failed: str | None = None


@dataclass
class Rankings:
    """Ranks contracts in batches, each once, and keeps what came.

    `embedded` says how many contracts of how many a retriever has embedded that does. `purse` pays
    for that, where somebody is paid.
    """

    retriever: Retrieves
    store: Store
    journal: Journal
    embedded: tuple[int, int] | None = None
    purse: Purse | None = None

    def known(self, cases: Sequence[Case]) -> list[Ranked]:
        """Those of the cases whose passages the store holds."""
        keys = {case.id: self._key(case) for case in cases}
        rows = self.store.rows("retrievals", keys.values())
        return [
            Ranked(case, passages_of(case.contract, rows[keys[case.id]].passages))
            for case in cases
            if keys[case.id] in rows
        ]

    async def ranked(self, cases: list[Case]) -> list[Ranked]:
        """The cases with their passages; a contract that cannot be ranked fails its own cases."""
        contracts = list(_by_contract(cases))
        if len(contracts) == 1:
            return await isolated(
                self._rank(cases), lambda line: [Ranked(case, failed=line) for case in cases]
            )
        found = await isolated(self._rank(cases), lambda line: None)
        return found or [each for group in contracts for each in await self.ranked(group)]

    async def _rank(self, cases: list[Case]) -> list[Ranked]:
        if self.purse is None:
            return await self._retrieved(cases)
        async with self.purse.paying(_most_tokens(cases)) as declined:
            if declined is None:
                return await self._retrieved(cases)
        several = len({case.contract.id for case in cases}) > 1  # which are then tried one by one
        return [] if several else [Ranked(case, failed=declined) for case in cases]

    async def _retrieved(self, cases: list[Case]) -> list[Ranked]:
        found = await asyncio.to_thread(self.retriever.retrieve, cases, self._on_embedded)
        for case, passages in zip(cases, found, strict=True):
            with about(case.contract.id):
                self.journal.add(retrieval_row(self._key(case), passages))
        return list(map(Ranked, cases, found))

    def _on_embedded(self, done: int, contracts: int) -> None:
        self.embedded = (done, contracts)

    def _key(self, case: Case) -> str:
        return digest(
            "retrieval", self.retriever.identity, case.question, case.category, case.contract.digest
        )


def _most_tokens(cases: Iterable[Case]) -> int:
    """Tokens of contracts and questions at most: their bytes, for passages overlap."""
    texts = {case.contract.digest: case.contract.text for case in cases}
    asked = {case.question for case in cases}
    return sum(len(text.encode()) for text in (*texts.values(), *asked))


def batches(cases: Iterable[Case]) -> Iterator[list[Case]]:
    """Cases in batches of whole contracts: large enough to open the index seldom."""
    contracts = _by_contract(cases)
    while batch := list(itertools.islice(contracts, CONTRACTS_AT_ONCE)):
        yield [case for group in batch for case in group]


def _by_contract(cases: Iterable[Case]) -> Iterator[list[Case]]:
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.contract.id, []).append(case)
    return iter(groups.values())
