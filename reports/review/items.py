"""What a reviewer is shown, one at a time: an answer to score, or two to compare."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from common.errors import UserError
from common.identity import digest
from reports.labelling.draw import ToLabel, differing_cases
from reports.report import Report, ReportedCase


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer, and whose it is, which no reviewer sees; `model` is empty for several models'."""

    answer: str
    model: str


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to say something of.

    Attributes:
        id: what it is: the same in another queue of the same answers.
        case: that was asked.
        shown: one answer to score, or two to compare.
        passages: of the contract, as models were shown them: those of all models.
        row: as `--labels` has it; None of a pair.
    """

    id: str
    case: ReportedCase
    shown: tuple[Shown, ...]
    passages: tuple[str, ...]
    row: ToLabel | None = None


def answers(report: Report, rows: Iterable[ToLabel]) -> tuple[Item, ...]:
    """An item for each answer that was drawn to be scored.

    Args:
        report: of an exam.
        rows: what `next_to_label` drew of it.
    """
    cases, passages = {case.id: case for case in report.cases}, _passages(report)
    return tuple(
        Item(
            digest("review", row.case_id, row.model, row.answer.split())[:16],
            cases[row.case_id],
            (Shown(row.answer, row.model),),
            passages[row.case_id],
            row,
        )
        for row in rows
    )


def pairs(report: Report, one: str, other: str, cases: int) -> tuple[Item, ...]:
    """An item for each of so many cases that two models answered differently, drawn at random.

    Args:
        report: of an exam of both.
        one: a model.
        other: another.
        cases: how many at most.

    Raises:
        UserError: a model has no answer in the report, or they differ nowhere.
    """
    for model in (one, other):
        if not report.by_case.get(model):
            known = ", ".join(name for name, rows in report.by_case.items() if rows)
            raise UserError(f"{model} answered nothing in this run; it has answers of {known}")
    differing = differing_cases(report, one, other)
    if not differing:
        raise UserError(f"{one} and {other} gave the same answers; there is nothing to compare")
    passages = _passages(report)
    found = []
    for case in differing[:cases]:
        shown = [Shown(report.by_case[name][case.id].answer, name) for name in (one, other)]
        name = digest("pair", case.id, [[each.model, each.answer.split()] for each in shown])
        found.append(Item(name[:16], case, tuple(shown), passages[case.id]))
    return tuple(found)


def in_order(items: Sequence[Item], seed: int, reviewer: str) -> tuple[Item, ...]:
    """The items in an order of the reviewer's own, which tells nothing of models or of the draw."""
    return tuple(sorted(items, key=lambda item: digest("order", seed, reviewer, item.id)))


def is_turned(item: Item, seed: int, reviewer: str) -> bool:
    """Whether the second answer of a pair stands on the left."""
    return int(digest("side", seed, reviewer, item.id), 16) % 2 == 1


def _passages(report: Report) -> dict[str, tuple[str, ...]]:
    """What was shown of each case's contract, by the case's id, each text once."""
    found: dict[str, dict[str, None]] = {case.id: {} for case in report.cases}
    for result in report.results:
        texts = (report.passages[number].text for number in result.passages)
        found[report.cases[result.case].id].update(dict.fromkeys(texts))
    return {name: tuple(texts) for name, texts in found.items()}
