"""What is said of answers that were produced elsewhere, before they are scored."""

from collections.abc import Iterator, Sequence

from common.errors import UserError
from common.reading import printable
from fixtures.cases import Dataset
from fixtures.imports.source import Source
from models.chat import Model
from models.recorded import RecordedModel

NAMED = 20
"""Rows that a line names; more are counted."""

UNPROVED = (
    "nothing shows which weights, prompt and decoding gave the answers, when, or what the model "
    "was trained on"
)


def import_notes(
    models: Sequence[Model], dataset: Dataset, typed: str, repeats: int
) -> Iterator[str]:
    """What a file of answers cannot prove, and what of it answers nothing; each case is counted.

    Args:
        models: of the exam.
        dataset: all of it, whatever was selected.
        typed: what `--dataset` says.
        repeats: how often each case is asked.

    Raises:
        UserError: a file answers no case of the data set, or cannot be read.
    """
    source = Source.typed(typed)
    if source and source.by_question:
        yield (
            "intervals count each question as a contract of its own: they hold if what a model "
            "makes of one tells nothing of the others, and are too narrow where several are about "
            "one contract"
        )
    elif source and "contract" in source.names:
        yield f"intervals count as one contract what is alike under {source.names['contract']!r}"
    for model in models:
        if isinstance(model, RecordedModel):
            yield from _of_model(model, dataset, repeats)


def _of_model(model: RecordedModel, dataset: Dataset, repeats: int) -> Iterator[str]:
    found = model.matched(dataset.cases)
    of_sealed = set(found.unmatched) - set(model.matched(dataset.reserve).unmatched)
    unmatched = [name for name in found.unmatched if name not in of_sealed]
    if not found.cases and not found.ambiguous:
        raise UserError(
            f"{model.name} answers no case of {dataset.name}, neither by id nor by question and "
            f"contract; the data set has {printable(dataset.cases[0].id)!r}, the file "
            f"{printable(found.unmatched[0])!r}: name what holds them, as in ,case_id=NAME or "
            ",contract=NAME (docs/importers.md)"
        )
    if found.anywhere:
        raise UserError(
            f"{model.name}: rows that name no contract, of questions that are asked about several: "
            f"{_named(found.anywhere)}; add a column `contract` or `case_id` (docs/data.md)"
        )
    if model.origin:
        yield f"{model.name} was imported ({model.origin.line}): {UNPROVED}"
        yield from (f"{model.name}: {note}" for note in model.origin.notes)
    if unmatched:
        yield f"{model.name}: rows that answer no case of {dataset.name}: {_named(unmatched)}"
    if found.ambiguous:
        yield f"{model.name}: cases that it answers in more than one way: {_named(found.ambiguous)}"
    if model.repeated > 1:
        taken = min(repeats, model.repeated)
        yield (
            f"{model.name} holds {model.repeated} answers a case, of which "
            f"{'the first counts' if taken == 1 else f'the mean of {taken} counts'}; "
            f"--repeats {model.repeated} takes all"
        )


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:NAMED])
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"{len(names):,}, {shown}{more}"
