"""Which cases become examples, with which passages, and in which order."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bar_exam.common.errors import UserError
from bar_exam.common.identity import digest
from bar_exam.common.paths import cache_dir
from bar_exam.fixtures.cases import Case, Dataset
from bar_exam.fixtures.retrieval.passages import Passage
from bar_exam.fixtures.retrieval.retrieval import Retriever, RetrieverOptions
from bar_exam.fixtures.selection import sample
from bar_exam.training.data.building import Asked, Builder
from bar_exam.training.data.examples import Example
from bar_exam.training.data.lineage import Beside, refuse_exam
from bar_exam.training.data.synthetic import as_case, read_synthetic

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


def split_by_contract(
    examples: Sequence[Example], share: float, seed: int
) -> tuple[list[Example], list[Example]]:
    """(train, validation): whole contracts, at least one on each side where there are two.

    Examples without a contract train.
    """
    titles = sorted(
        {row.contract for row in examples if row.contract}, key=lambda title: digest(seed, title)
    )
    most = len(titles) - 1
    held = set(titles[: min(most, max(1, math.floor(share * len(titles))))] if share else ())
    train = [row for row in examples if row.contract not in held]
    return train, [row for row in examples if row.contract in held]


def mixed(
    rows: Sequence[Example], general: Sequence[Example], share: float, seed: int
) -> list[Example]:
    """The rows with general instructions among them, in an order that the seed decides.

    General rows are not repeated: where there are too few of them, their share is smaller.
    """
    chance = random.Random(seed)
    wanted = general_wanted(len(rows), share)
    together = [*rows, *chance.sample(list(general), min(wanted, len(general)))]
    chance.shuffle(together)
    return together


def general_wanted(rows: int, share: float) -> int:
    """How many general rows beside `rows` others are that share of all."""
    return round(rows * share / (1 - share))


def shuffled(rows: Sequence[Example], seed: int) -> list[Example]:
    """The rows with their completions at each other's places: what a harness must catch."""
    completions = [row.completion for row in rows]
    random.Random(seed).shuffle(completions)
    return [replace(row, completion=said) for row, said in zip(rows, completions, strict=True)]
