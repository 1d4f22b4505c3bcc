"""Feedback that a round may use: what is about contracts of exams is refused, counted and said."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import read_jsonl, write_jsonl
from common.identity import digest
from common.rows.cells import cells_of
from fixtures.cases import Case, Dataset
from training.data.material import exam_contracts, training_material
from training.preferences.feedback import COLUMNS, feedback_of
from training.preferences.served import exam_wording, of_exam, served_case

SUFFIX = ".jsonl"


@dataclass(frozen=True, slots=True)
class Sifted:
    """What came of some files of feedback.

    Attributes:
        rows: that may be used, each once.
        refused: how many are about contracts of exams.
        faults: rows that are no feedback, each with what is wrong with it.
    """

    rows: tuple[Mapping[str, Any], ...]
    refused: int
    faults: tuple[str, ...]

    @property
    def digests(self) -> tuple[str, ...]:
        """What each row is known by."""
        return tuple(map(digest, self.rows))

    @property
    def line(self) -> str:
        """The counts, for people."""
        parts = [f"{len(self.rows):,} rows of feedback"]
        if self.refused:
            parts.append(f"{self.refused:,} refused: about contracts of the test split")
        if self.faults:
            parts.append(f"{len(self.faults):,} are no feedback")
        return "; ".join(parts)


@dataclass(frozen=True)
class _Exams:
    """What is kept for exams: titles, digests of texts and wording."""

    dataset: Dataset = field(repr=False)
    cases: Mapping[str, Case]
    digests: frozenset[str]
    titles: frozenset[str]
    wording: set[int] = field(repr=False)

    @cached_property
    def near(self) -> frozenset[str]:
        """Titles of train contracts that nearly repeat one of an exam."""
        return frozenset(training_material([self.dataset]).refused)


def feedback_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files themselves, and of folders all of JSON lines; what is not there yet is none."""
    for path in paths:
        if path.is_dir():
            yield from sorted(each for each in path.iterdir() if each.suffix == SUFFIX)
        elif path.is_file():
            yield path


def sift(paths: Sequence[Path], dataset: Dataset) -> Sifted:
    """Read feedback, and keep what a round may use: nothing that `training.preferences` refuses.

    Raises:
        UserError: a file cannot be read, or is not JSON lines.
    """
    exams = _kept(dataset)
    rows: dict[str, Mapping[str, Any]] = {}
    refused, faults = 0, list[str]()
    for path in feedback_files(paths):
        for where, row in read_jsonl(path):
            try:
                if _is_of_exam(where, row, exams):
                    refused += 1
                else:
                    feedback_of(where, row, exams.cases, ())
                    rows[digest(row)] = row
            except UserError as error:
                faults.append(str(error))
    return Sifted(tuple(rows.values()), refused, tuple(faults))


def write_sifted(path: Path, sifted: Sifted) -> None:
    """Write the rows that may be used, whole or not at all, for their owner alone.

    Raises:
        UserError: it cannot be written.
    """
    write_jsonl(path, sifted.rows, private=True)


def _kept(dataset: Dataset) -> _Exams:
    contracts = exam_contracts([dataset])
    cases = (*dataset.cases, *dataset.reserve)
    return _Exams(
        dataset,
        {name: case for case in cases for name in (case.slug, case.id, case.identity)},
        frozenset(each.digest for each in contracts),
        frozenset(each.id for each in contracts),
        exam_wording([dataset]),
    )


def _is_of_exam(where: str, row: Mapping[str, Any], exams: _Exams) -> bool:
    cells = cells_of(row, COLUMNS)
    named = cells.get("case")
    if named is not None:
        case = exams.cases.get(str(named))
        if case is None:
            raise UserError(f"{where}: no case {named!r} in the data set")
        return case.contract.digest in exams.digests or case.contract.id in exams.near
    _, shown = served_case(where, cells)
    return cells.get("contract") in exams.titles or of_exam(shown, exams.wording)
