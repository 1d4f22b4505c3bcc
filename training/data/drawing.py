"""Which cases become examples, and with which passages."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from common.identity import digest
from common.paths import cache_dir
from fixtures.cases import Case, Dataset
from fixtures.retrieval.passages import Passage
from fixtures.retrieval.retrieval import Retriever, RetrieverOptions
from fixtures.selection import sample
from training.data.building import Builder, Retrieved
from training.data.examples import Example
from training.data.material import TrainedText, refuse_exam
from training.data.options import DataOptions, Mixture
from training.data.synthetic import as_case, read_synthetic

SPARE = 3  # cases looked at for each that is wanted: some answers are not found, or too long
Key = tuple[str, str]


@dataclass(frozen=True)
class Drawn:
    """What was drawn.

    Attributes:
        rows: examples about contracts, of every kind that is wanted.
        retrieved: cases that were asked, each with what was retrieved for it.
        synthetic: the questions of the synthetic examples.
    """

    rows: tuple[Example, ...]
    retrieved: tuple[Retrieved, ...]
    synthetic: tuple[str, ...]


def draw(
    datasets: Sequence[Dataset], cases: Sequence[Case], builder: Builder, options: DataOptions
) -> Drawn:
    """Examples of these cases, and of the synthetic pairs about their contracts.

    Raises:
        UserError: no example is left, or the synthetic pairs cannot be used.
    """
    retriever = retriever_options(options.most_passages)
    rows, retrieved = contract_examples(datasets, cases, builder, retriever, options.mixture)
    written: list[Case] = []
    if options.synthetic:
        written = synthetic_cases(options.synthetic, datasets, cases)
        rows += synthetic_examples(written, datasets, builder, retriever)
    if not rows:
        raise UserError("no example is left; raise --n or --answer-tokens")
    return Drawn(tuple(rows), tuple(retrieved), tuple(case.question for case in written))


def retriever_options(most_passages: int | None) -> RetrieverOptions:
    """The exam's retriever, that finds as many passages as a prompt shows at least."""
    exam = RetrieverOptions()
    return RetrieverOptions(k=max(exam.k, most_passages or 0))


def contract_examples(
    datasets: Sequence[Dataset],
    cases: Sequence[Case],
    builder: Builder,
    retriever: RetrieverOptions,
    mixture: Mixture,
) -> tuple[list[Example], list[Retrieved]]:
    """Examples of the wanted kinds, spread evenly over contracts and categories.

    Beside them the cases that were asked with what was retrieved for them; of hard negatives that
    is not what they show, so they are left out there.
    """
    counts = mixture.counts
    answerable = [case for case in cases if case.answerable]
    drawn = sample(answerable, SPARE * (counts["answerable"] + counts["hard negative"]))
    found = _passages(datasets, drawn, retriever)
    built = {_key(case): builder.answered(case, found[_key(case)]) for case in drawn}
    fitting = [case for case in drawn if built[_key(case)]]
    chosen = dict.fromkeys(map(_key, sample(fitting, counts["answerable"])))
    rows = [row for key in chosen if (row := built[key]) is not None]
    shown = [(case, found[_key(case)]) for case in fitting if _key(case) in chosen]
    others = [case for case in drawn if _key(case) not in chosen]
    for case in sample(others, counts["hard negative"]):
        row = builder.declined(case, found[_key(case)], "hard negative")
        rows += [row] if row else []
    silent = [case for case in cases if not case.answerable]
    asked = sample(silent, counts["unanswerable"])
    found = _passages(datasets, asked, retriever)
    for case in asked:
        row = builder.declined(case, found[_key(case)], "unanswerable")
        rows += [row] if row else []
    shown += [(case, found[_key(case)]) for case in asked]
    return sorted(rows, key=lambda row: digest(row.case, row.kind)), shown


def synthetic_cases(path: Path, datasets: Sequence[Dataset], cases: Sequence[Case]) -> list[Case]:
    """The pairs that `training.synthesize` wrote, of contracts that may be used, as cases.

    Raises:
        UserError: there is none, or one repeats a contract of the exam.
    """
    contracts = {case.contract.id: case.contract for case in cases}
    pairs = [pair for pair in read_synthetic(path) if pair.contract in contracts]
    if not pairs:
        raise UserError(
            f"--synthetic {path}: no pair is about a contract of the train split; "
            "name the --dataset that the pairs were written from"
        )
    asked = [as_case(pair, contracts[pair.contract], pair.category) for pair in pairs]
    refuse_exam(
        [
            TrainedText(f"{path}, question {case.question[:60]!r}", case.question, case.contract)
            for case in asked
        ],
        datasets,
    )
    return asked


def synthetic_examples(
    asked: Sequence[Case],
    datasets: Sequence[Dataset],
    builder: Builder,
    retriever: RetrieverOptions,
) -> list[Example]:
    """Examples of synthetic cases."""
    found = _passages(datasets, asked, retriever)
    rows = [builder.answered(case, found[_key(case)], "synthetic") for case in asked]
    return [row for row in rows if row is not None]


def _key(case: Case) -> Key:
    """One name may stand for two cases of two data sets, and one text for two of CUAD."""
    return case.id, case.contract.digest


def _passages(
    datasets: Sequence[Dataset], cases: Sequence[Case], options: RetrieverOptions
) -> dict[Key, tuple[Passage, ...]]:
    """The passages that the exam retrieves, by the key of the case."""
    found: dict[Key, tuple[Passage, ...]] = {}
    for data in datasets:
        texts = {case.contract.digest for case in data.cases}
        own = [c for c in cases if c.contract.digest in texts and _key(c) not in found]
        retriever = Retriever(options, data.name, cache_dir())
        found.update(zip(map(_key, own), retriever.retrieve(own), strict=True))
    return found
