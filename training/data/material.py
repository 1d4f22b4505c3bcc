"""What may be trained on: the train splits, without any contract of an exam."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bar_exam.common.errors import UserError
from bar_exam.evals.leakage.leaks import find_leaks
from bar_exam.fixtures.cases import Case, Contract, Dataset
from bar_exam.models.manifest import Manifest, TrainedContract
from bar_exam.training.data.lineage import CONTAINMENT, entries


@dataclass(frozen=True)
class Material:
    """Cases to train on, in the order of the data sets, and what was refused.

    Attributes:
        cases: of the train splits.
        refused: titles of train contracts that an exam contract is, or nearly is, or is called.
    """

    cases: tuple[Case, ...]
    refused: tuple[str, ...]


def training_material(datasets: Sequence[Dataset]) -> Material:
    """The train cases of the data sets together.

    A train contract is refused where it is, by identity or by most of its wording, a test
    contract of any of the data sets: an exam on it would prove nothing. So is every contract of
    the same title, since rows name their contract by it.

    Raises:
        UserError: nothing is left.
    """
    exam = [c for data in datasets for c in data.cases if c.contract.id in data.test_contracts]
    train = [c for data in datasets for c in data.cases if c.contract.id not in data.test_contracts]
    contracts = {case.contract.digest: case.contract for case in train}
    leaking = _leaking(tuple(contracts.values()), exam)
    titles = {case.contract.id for case in train}
    refused = {case.contract.id for case in train if case.contract.digest in leaking}
    refused |= titles & {case.contract.id for case in exam}
    cases = tuple(case for case in train if case.contract.id not in refused)
    if not cases:
        names = ", ".join(data.name for data in datasets)
        raise UserError(
            f"--dataset {names}: no contract outside the test split; "
            "give a data set with test.json beside the other files"
        )
    return Material(cases, tuple(sorted(refused)))


def contract_entries(cases: Sequence[Case]) -> tuple[TrainedContract, ...]:
    """What a manifest keeps of the contracts of these cases, each once."""
    return entries(case.contract for case in cases)


def seen_contracts(held: Sequence[Case], trained: Sequence[TrainedContract]) -> set[str]:
    """Titles of held-out contracts that stand, word for word or nearly so, in those trained on."""
    leaks = find_leaks(held, Manifest(contracts=tuple(trained), cases=()), CONTAINMENT)
    return {leak.exam_contract for leak in leaks}


def _leaking(trained: Sequence[Contract], exam: Sequence[Case]) -> set[str]:
    """Digests to leave out, so that none of the exam's contracts leaks from those that stay."""
    # Two contracts may share a title: here each is called by its digest.
    asked = {case.contract.digest: case for case in exam}
    exam = [replace(c, contract=replace(c.contract, id=key)) for key, c in asked.items()]
    known = entries(replace(each, id=each.digest) for each in trained)
    leaking = set(asked)
    while True:  # an exam contract's leak names its nearest train contract only
        left = tuple(entry for entry in known if entry.digest not in leaking)
        leaks = find_leaks(exam, Manifest(contracts=left, cases=()), CONTAINMENT)
        if not leaks:
            return leaking
        leaking |= {leak.trained_contract for leak in leaks}
