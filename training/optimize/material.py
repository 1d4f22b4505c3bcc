"""What an optimiser learns from and chooses by: cases of the train split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.errors import UserError
from common.identity import digest
from common.paths import cache_dir
from evals.metrics.table import Metric
from fixtures.cases import Case, Contract, Dataset
from fixtures.retrieval.passages import Passage
from fixtures.retrieval.retrieval import Retriever
from fixtures.selection import sample
from training.data.drawing import retriever_options
from training.data.lineage import contract_entries
from training.data.material import seen_contracts, training_material

LEAST = 2
"""Contracts that both sides need."""


@dataclass(frozen=True)
class Material:
    """Cases of the train split, each side's in the order in which an optimiser sees them.

    Attributes:
        train: what demonstrations and proposals are made from.
        validation: what chooses between candidates; of contracts that `train` has none of, word
            for word or nearly so.
        passages: of each case, by its identity, as an exam retrieves them.
    """

    train: tuple[Case, ...]
    validation: tuple[Case, ...]
    passages: Mapping[str, tuple[Passage, ...]]

    @property
    def cases(self) -> tuple[Case, ...]:
        """Of both sides."""
        return (*self.train, *self.validation)

    @property
    def contracts(self) -> tuple[Contract, ...]:
        """Of both sides, each once."""
        return tuple({case.contract.digest: case.contract for case in self.cases}.values())


def draw_material(
    dataset: Dataset, metric: Metric, train: int, validation: int, seed: int
) -> Material:
    """Draw from the train split, without anything that an exam keeps for itself.

    Each side is spread over contracts and categories, half of it answerable.

    Args:
        dataset: its test split, what is sealed, and whatever nearly repeats these is left out.
        metric: only cases that it is asked of are drawn.
        train: cases on one side.
        validation: cases on the other.
        seed: which contracts lie on which side, and the order.

    Raises:
        UserError: there are too few contracts, or nothing can be retrieved.
    """
    cases = [case for case in training_material([dataset]).cases if metric.is_of(case)]
    titles = sorted({case.contract.id for case in cases}, key=lambda each: digest(seed, each))
    if len(titles) < LEAST:
        raise UserError(
            f"dataset {dataset.name}: its train split has {len(titles)} contracts that metric "
            f"{metric.name} is asked of, and two are needed: one to learn from, one to choose by"
        )
    held = set(titles[: _share(len(titles), train, validation)])
    learnt = sample([c for c in cases if c.contract.id not in held], train, balanced=True)
    seen = seen_contracts(
        [case for case in cases if case.contract.id in held],
        contract_entries(case.contract for case in learnt),
    )
    chosen = [c for c in cases if c.contract.id in held and c.contract.id not in seen]
    if not chosen:
        raise UserError(
            f"dataset {dataset.name}: every contract of its train split is nearly another one, so "
            "that none is left to choose by; give one with other contracts"
        )
    sides = learnt, sample(chosen, validation, balanced=True)
    learns, chooses = (
        tuple(sorted(side, key=lambda case: digest(seed, case.identity))) for side in sides
    )
    return Material(learns, chooses, _passages(dataset, [*learns, *chooses]))


def _share(contracts: int, train: int, validation: int) -> int:
    """Contracts to choose by: in proportion to the cases, and some on either side."""
    return min(contracts - 1, max(1, round(contracts * validation / (train + validation))))


def _passages(dataset: Dataset, cases: Sequence[Case]) -> dict[str, tuple[Passage, ...]]:
    retriever = Retriever(retriever_options(None), dataset.name, cache_dir())
    found = retriever.retrieve(cases)
    return {case.identity: ranked for case, ranked in zip(cases, found, strict=True)}
