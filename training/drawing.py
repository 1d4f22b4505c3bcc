"""Which cases become examples, and with which passages."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fixtures.cases import Case
from fixtures.datasets import Dataset
from fixtures.errors import UserError
from fixtures.identity import digest
from fixtures.passages import Passage
from fixtures.paths import cache_dir
from fixtures.retrieval import Retriever, RetrieverOptions
from fixtures.selection import sample
from training.building import Builder
from training.examples import Example
from training.further import Asked
from training.provenance import Beside, refuse_exam
from training.synthesis.synthetic import as_case, read_synthetic

SPARE = 3  # cases looked at for each that is wanted: some answers are not found, or too long


Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Mixture:
    """How many rows of what; shares lie between 0 and 1.

    Attributes:
        rows: examples about contracts.
        unanswerable: share of `rows` whose completion is "not found".
        hard_negatives: share of these that ask an answerable question of other passages.
        general: share of all rows that are general instructions.
        validation: share of the contracts whose examples validate.
        further: more questions about a passage of the training rows, answered ones and others each.
    """

    rows: int
    unanswerable: float = 0.5
    hard_negatives: float = 0.1
    general: float = 0.0
    validation: float = 0.1
    further: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """Rows wanted of each kind that is about a contract."""
        declined = round(self.rows * self.unanswerable)
        hard = round(declined * self.hard_negatives)
        return {
            "answerable": self.rows - declined,
            "unanswerable": declined - hard,
            "hard negative": hard,
        }


def contract_examples(
    datasets: Sequence[Dataset],
    cases: Sequence[Case],
    builder: Builder,
    retriever: RetrieverOptions,
    mixture: Mixture,
) -> tuple[list[Example], list[Asked]]:
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
            Beside(f"{path}, question {case.question[:60]!r}", case.question, case.contract)
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
