"""The prompts of an example file, with the data sets that they are from, and without the exam."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from common.errors import UserError
from common.identity import digest
from fixtures.cases import Case, Contract, Dataset
from fixtures.datasets import load_dataset
from models.manifest import TrainedContract
from training.data.examples import Example, Meta, read_examples, read_meta, validation_path
from training.data.lineage import contract_entries, join_entries
from training.data.material import exam_contracts, training_material


@dataclass(frozen=True)
class Prompts:
    """Examples that may be trained on, their meta, and the data sets."""

    examples: tuple[Example, ...]
    meta: Meta
    datasets: tuple[Dataset, ...]

    @property
    def cases(self) -> tuple[Case, ...]:
        """Of the data sets, those of the exam too."""
        return tuple(case for data in self.datasets for case in data.cases)

    @property
    def exam(self) -> frozenset[str]:
        """Digests of the contracts that the exam keeps for itself."""
        return frozenset(contract.digest for contract in exam_contracts(self.datasets))

    def refused(self) -> frozenset[str]:
        """Digests of the contracts that nobody may train on: the exam's, and what is nearly one."""
        near = set(training_material(self.datasets).refused)
        return self.exam | {case.contract.digest for case in self.cases if case.contract.id in near}


def read_prompts(path: Path, names: Sequence[str], cuad_dir: Path | None) -> Prompts:
    """The examples of a file and the data sets of these names, those of the meta where none.

    Raises:
        UserError: a file or data set cannot be read, an example is of a contract of the exam, or of
            one that neither data set nor meta knows.
    """
    examples, meta = read_examples(path), read_meta(path)
    datasets = [load_dataset(name, cuad_dir) for name in names or meta.dataset.split(" + ")]
    if not names and digest([data.identity for data in datasets]) != meta.dataset_identity:
        raise UserError(
            f"{path}: data set {meta.dataset} has changed since; make the file again with "
            "`python -m training.data`, or name with --dataset what it was made from"
        )
    prompts = Prompts(examples, meta, tuple(datasets))
    _refuse_exam(prompts, path)
    contracts = {case.contract.id: case.contract for case in prompts.cases}
    traced = {each.digest for each in meta.contracts}
    titles = dict.fromkeys(each.contract for each in examples if each.contract)
    for title in titles:
        if title not in contracts or contracts[title].digest not in traced:
            where = "the meta beside it" if title in contracts else "the data set"
            raise UserError(
                f"{path}: contract {title!r} is not in {where}; name with --dataset what it was "
                "made from, or make it again with `python -m training.data`"
            )
    return replace(prompts, meta=_with_contracts(meta, [contracts[title] for title in titles]))


def validating(path: Path) -> frozenset[str]:
    """The contracts whose examples validate what is trained on the file, none where none do."""
    beside = validation_path(path)
    if not beside.is_file():
        return frozenset()
    return frozenset(each.contract for each in read_examples(beside))


def with_cases(meta: Meta, cases: Sequence[Case]) -> Meta:
    """The meta with more cases and their contracts."""
    identities = sorted({*meta.cases, *(case.identity for case in cases)})
    meta = meta.model_copy(update={"cases": tuple(identities)})
    return _with_contracts(meta, [case.contract for case in cases])


def with_beside(meta: Meta, more: Iterable[TrainedContract]) -> Meta:
    """The meta with more of what stands beside the contracts."""
    return meta.model_copy(update={"beside": join_entries(meta.beside, more)})


def _with_contracts(meta: Meta, contracts: Iterable[Contract]) -> Meta:
    """The meta with every contract by its title; of two titles with one text it may lack one."""
    titles = {each.title for each in meta.contracts}
    wanted = {each.id: each for each in contracts if each.id not in titles}
    return meta.model_copy(
        update={"contracts": (*meta.contracts, *contract_entries(wanted.values()))}
    )


def _refuse_exam(prompts: Prompts, path: Path) -> None:
    exam = prompts.exam
    titles = {case.contract.id for case in prompts.cases if case.contract.digest in exam}
    asked = {case.identity for case in prompts.cases if case.contract.digest in exam}
    leaked = [each.title for each in prompts.meta.contracts if each.digest in exam]
    leaked += [
        each.contract for each in prompts.examples if each.contract in titles or each.case in asked
    ]
    if leaked:
        raise UserError(
            f"{path}: contract {leaked[0]!r} belongs to the exam, and nobody may train on it; "
            "make the file again with `python -m training.data`"
        )
