"""What may be trained on: the train splits and other texts, without any contract of an exam."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from common.errors import UserError
from evals.leakage.leaks import find_leaks
from fixtures.cases import Case, Contract, Dataset
from fixtures.shingles import WIDTH, shingles
from models.manifest import Manifest, TrainedContract
from training.data.lineage import contract_entries

RUNS = 8
"""Runs of eight words of one exam contract, 15 words in a row, that no other text may share."""

CONTAINMENT = 0.5  # as the shipped gate: above it an exam contract counts as seen


@dataclass(frozen=True)
class Material:
    """Cases to train on, in the order of the data sets, and what was refused.

    Attributes:
        cases: of the train splits.
        refused: titles of train contracts that an exam contract is, or nearly is, or is called.
    """

    cases: tuple[Case, ...]
    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrainedText:
    """A text to train on that is no contract: where it stands, and what contract it is about."""

    where: str
    text: str
    about: Contract | None = None


def exam_contracts(datasets: Sequence[Dataset]) -> list[Contract]:
    """The contracts that exams keep for themselves, sealed ones too, each text once."""
    return list(
        {
            case.contract.digest: case.contract
            for data in datasets
            for case in (*data.cases, *data.reserve)
            if case.contract.id in data.test_contracts
        }.values()
    )


def training_material(datasets: Sequence[Dataset]) -> Material:
    """The train cases of the data sets together.

    A train contract is refused where it is, by identity or by most of its wording, a test
    contract of any of the data sets, a sealed one included: an exam on it would prove nothing. So
    is every contract of the same title, since rows name their contract by it.

    Raises:
        UserError: nothing is left.
    """
    tested = [(c, data) for data in datasets for c in (*data.cases, *data.reserve)]
    exam = [case for case, data in tested if case.contract.id in data.test_contracts]
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


def seen_contracts(held: Sequence[Case], trained: Sequence[TrainedContract]) -> set[str]:
    """Titles of held-out contracts that stand, word for word or nearly so, in those trained on."""
    leaks = find_leaks(held, Manifest(contracts=tuple(trained), cases=()), CONTAINMENT)
    return {leak.exam_contract for leak in leaks}


def refuse_exam(texts: Sequence[TrainedText], datasets: Sequence[Dataset]) -> None:
    """Refuse texts that repeat the wording of a test contract, one alone or all together.

    What a text has in common with the contract that it is about does not count.

    Raises:
        UserError: one does; the line names it.
    """
    holders = _holders(texts)
    for contract in exam_contracts(datasets) if holders else ():
        wording = shingles(contract.text)
        common = [shingle for shingle in wording if shingle in holders]
        shared = Counter(place for shingle in common for place in holders[shingle])
        worst = max(shared, key=lambda place: (shared[place], -place), default=0)
        if common and shared[worst] >= min(RUNS, len(wording)):
            raise UserError(
                f"{texts[worst].where}: it repeats the wording of the exam's contract "
                f"{contract.id!r} ({shared[worst]} runs of {WIDTH} words), which nobody may train "
                "on; leave it out"
            )
        if len(common) > CONTAINMENT * len(wording):
            raise UserError(
                f"{texts[worst].where}, with the rows beside it: together they hold most of the "
                f"exam's contract {contract.id!r}, which nobody may train on; leave them out"
            )


def _holders(texts: Sequence[TrainedText]) -> Mapping[int, Sequence[int]]:
    """Places of the texts that hold a shingle which is not of the contract that they are about."""
    holders: dict[int, list[int]] = defaultdict(list)
    own: dict[str, frozenset[int]] = {}
    for place, each in enumerate(texts):
        if each.about and each.about.digest not in own:
            own[each.about.digest] = shingles(each.about.text)
        known = own[each.about.digest] if each.about else frozenset()
        for shingle in shingles(each.text) - known:
            holders[shingle].append(place)
    return holders


def _leaking(trained: Sequence[Contract], exam: Sequence[Case]) -> set[str]:
    """Digests to leave out, so that none of the exam's contracts leaks from those that stay."""
    # Two contracts may share a title: here each is called by its digest.
    asked = {case.contract.digest: case for case in exam}
    exam = [replace(c, contract=replace(c.contract, id=key)) for key, c in asked.items()]
    known = contract_entries(replace(each, id=each.digest) for each in trained)
    leaking = set(asked)
    while True:  # an exam contract's leak names its nearest train contract only
        left = tuple(entry for entry in known if entry.digest not in leaking)
        leaks = find_leaks(exam, Manifest(contracts=left, cases=()), CONTAINMENT)
        if not leaks:
            return leaking
        leaking |= {leak.trained_contract for leak in leaks}
