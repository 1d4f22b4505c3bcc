"""What happened, in order: runs, and changes of champion and data between them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from common.errors import UserError
from common.settings import nearest
from evals.metrics.table import METRICS
from models.promotion.record.file import read_records
from reports.archive import Kept
from reports.report import Overview
from reports.statistics.estimates import Estimate

KEY_METRICS = ("token_f1", "abstention", "hit@5", "cost")


@dataclass(frozen=True, slots=True)
class Shown:
    """One model in one run; `outcome` is empty where it was not judged."""

    model: str
    role: str
    outcome: str
    estimates: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class Ran:
    """One run."""

    id: str
    when: str
    dataset: str
    content: str
    split: str
    shown: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A change of the champion or of a data set, between runs."""

    when: str
    kind: Literal["champion", "data"]
    words: str


def ran(kept: Iterable[Kept]) -> tuple[Ran, ...]:
    """The runs whose reports can be read, oldest first."""
    runs = (_ran(each.overview) for each in kept if each.overview)
    return tuple(sorted(runs, key=lambda run: (run.when, run.id)))


def _ran(overview: Overview) -> Ran:
    header = overview.header
    roles = {model.name: model.role for model in header.models}
    outcomes = {verdict.model: verdict.outcome for verdict in overview.verdicts}
    shown = tuple(
        Shown(
            model=group.model,
            role=roles.get(group.model, ""),
            outcome=outcomes.get(group.model, ""),
            estimates=group.estimates,
        )
        for group in overview.summary
    )
    data = header.dataset
    return Ran(header.id, header.started, data.name, data.identity, data.split, shown)


def marks(runs: Iterable[Ran], models: Path) -> tuple[Mark, ...]:
    """Changes of the champion, and of a data set's content from one run of it to the next.

    Raises:
        UserError: the promotion record cannot be read or was tampered with.
    """
    found = [
        Mark(record.when, "champion", f"{record.kind}: {record.model} is champion")
        for record in read_records(models)
    ]
    last: dict[str, str] = {}
    for run in runs:
        before = last.get(run.dataset, run.content)
        if before != run.content:
            words = f"data: {run.dataset} changed from {before[:8]} to {run.content[:8]}"
            found.append(Mark(run.when, "data", words))
        last[run.dataset] = run.content
    return tuple(sorted(found, key=lambda mark: mark.when))


def in_order(runs: Iterable[Ran], marked: Iterable[Mark]) -> list[Ran | Mark]:
    """One line of time: a change of the data stands before its run, a champion after."""
    events: list[Ran | Mark] = [*runs, *marked]
    return sorted(events, key=lambda each: (each.when, _rank(each)))


def _rank(event: Ran | Mark) -> int:
    if isinstance(event, Ran):
        return 1
    return 0 if event.kind == "data" else 2


def of_model(runs: Sequence[Ran], model: str) -> tuple[Ran, ...]:
    """The runs that a model took part in, without the others.

    Raises:
        UserError: it was in none.
    """
    found = [
        replace(run, shown=tuple(each for each in run.shown if each.model == model)) for run in runs
    ]
    kept = tuple(run for run in found if run.shown)
    if not kept:
        known = sorted({each.model for run in runs for each in run.shown})
        raise UserError(f"--model {model}: in no run; {nearest(model, known)}")
    return kept


def check_metrics(runs: Sequence[Ran], given: Sequence[str]) -> tuple[str, ...]:
    """The metrics to show.

    Raises:
        UserError: one of those given was never measured.
    """
    measured = {metric for run in runs for each in run.shown for metric in each.estimates}
    for metric in given:
        if metric not in measured:
            known = [name for name in METRICS if name in measured]
            raise UserError(f"--metric {metric}: measured in no run; {nearest(metric, known)}")
    return tuple(given) or tuple(name for name in KEY_METRICS if name in measured)
