"""What may be trained on: the train splits, without any contract of an exam."""

from collections.abc import Sequence
from dataclasses import dataclass

from evals.leakage import find_leaks
from fixtures.cases import Case
from fixtures.datasets import Dataset
from fixtures.errors import UserError
from models.manifest import Manifest, TrainedContract, contract_entry

CONTAINMENT = 0.5  # as the shipped gate: above it an exam contract counts as seen


@dataclass(frozen=True)
class Material:
    """Cases to train on, in the order of the data sets, and what was refused.

    Attributes:
        cases: of the train splits.
        refused: titles of train contracts that an exam contract is, or nearly is.
    """

    cases: tuple[Case, ...]
    refused: tuple[str, ...]


def training_material(datasets: Sequence[Dataset]) -> Material:
    """The train cases of the data sets together.

    A train contract is refused where it is, by identity or by most of its wording, a test
    contract of any of the data sets: an exam on it would prove nothing.

    Raises:
        UserError: nothing is left.
    """
    exam = [c for data in datasets for c in data.cases if c.contract.id in data.test_contracts]
    train = [c for data in datasets for c in data.cases if c.contract.id not in data.test_contracts]
    contracts = {case.contract.id: case.contract for case in train}
    refused = _refused(tuple(map(contract_entry, contracts.values())), exam)
    cases = tuple(case for case in train if case.contract.id not in refused)
    if not cases:
        names = ", ".join(data.name for data in datasets)
        raise UserError(
            f"--dataset {names}: no contract outside the test split; "
            "give a data set with test.json beside the other files"
        )
    return Material(cases, tuple(sorted(refused)))


def _refused(trained: tuple[TrainedContract, ...], exam: Sequence[Case]) -> set[str]:
    """Titles to leave out, so that none of the exam's contracts leaks from those that stay."""
    digests = {case.contract.digest for case in exam}
    refused = {contract.title for contract in trained if contract.digest in digests}
    while True:  # an exam contract's leak names its nearest train contract only
        left = tuple(contract for contract in trained if contract.title not in refused)
        leaks = find_leaks(exam, Manifest(contracts=left, cases=()), CONTAINMENT)
        if not leaks:
            return refused
        refused |= {leak.trained_contract for leak in leaks}
