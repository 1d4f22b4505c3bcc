"""What people would say of the answers of service, from a few that they scored.

Decides nothing: no proof covers a look at it every day.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import UserError
from common.files import write_jsonl
from common.identity import digest
from evals.labels import ALL, Label, label_rows
from reports.drift.judged import Judged
from reports.drift.log import Log
from reports.drift.outputs import output_features
from reports.drift.reference import Reference
from reports.drift.units import Unit
from reports.statistics.estimates import Estimate
from reports.statistics.intervals import cluster_mean
from reports.statistics.ppi import PredictionPowered, prediction_powered_mean

if TYPE_CHECKING:
    from reports.statistics.exchange import Floats

LEAST = 10
"""Labelled answers, each of another contract, below which nothing is said."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Answers that somebody cheaper than a person scored, each of another contract.

    Attributes:
        by: who: the metric, and the judge where it was one.
        units: of service.
        values: of these, in 0..1.
        exam: mean over the exam's; None where none has a value.
    """

    by: str
    units: tuple[Unit, ...]
    values: tuple[float, ...]
    exam: Estimate | None


@dataclass(frozen=True, slots=True)
class Labelled:
    """What people would say of all scored answers.

    Attributes:
        scored: these.
        labels: answers among them that a person scored.
        rows: of the file, scored.
        service: mean of `scored` itself; None where nothing is scored.
        found: None where there are too few labels.
    """

    scored: Scored
    labels: int
    rows: int
    service: Estimate | None
    found: PredictionPowered | None


def scored(reference: Reference, log: Log, judged: Judged | None) -> Scored:
    """The judge's scores, or without one those of grounding."""
    units = (*reference.units, *log.units)
    values = output_features(units).numbers["grounding"] if judged is None else judged.values
    exam = len(reference.units)
    known = [
        (unit, float(value))
        for unit, value in zip(log.units, values[exam:], strict=True)
        if math.isfinite(value)
    ]
    return Scored(
        by="grounding" if judged is None else f"{judged.metric} by {judged.judge}",
        units=tuple(unit for unit, _ in known),
        values=tuple(value for _, value in known),
        exam=_mean(values[:exam]),
    )


def labelled(path: Path, of: Scored, model: str) -> Labelled:
    """Correct the mean of scores by a file of labels.

    Labels that were not drawn from all answers, or are of another text, do not count.

    Args:
        path: of labels; `case_id` is the id of a request.
        of: what is corrected.
        model: whose answers.

    Raises:
        UserError: the file cannot be read, or a row is no label.
    """
    by_id: dict[str, list[Label]] = defaultdict(list)
    rows = 0
    for _, row in label_rows(path, "", ""):
        rows += 1
        if row.drawn == ALL:
            by_id[row.case_id].append(Label(row.case_id, row.score, row.model, row.answer))
    people: list[float | None] = []
    for unit in of.units:
        said = [each.score for each in by_id.get(unit.id, ()) if each.is_of(model, unit.answer)]
        people.append(sum(said) / len(said) if said else None)
    labels = sum(score is not None for score in people)
    contracts = [str(place) for place in range(len(people))]  # each is here once
    found = prediction_powered_mean(of.values, people, contracts) if labels >= LEAST else None
    return Labelled(of, labels, rows, _mean(of.values), found)


def write_to_label(path: Path, of: Scored, model: str, most: int) -> int:
    """Write the answers that people are to score, drawn by their ids; returns how many.

    Raises:
        UserError: the file is there, or cannot be written.
    """
    if path.exists():
        raise UserError(f"--to-label {path} is there already; name another, it may be filled")
    order = sorted(of.units, key=lambda unit: digest("label", unit.contract, unit.id))[:most]
    rows = [
        {"case_id": each.id, "contract": each.contract, "question": each.question,
         "passages": list(each.passages), "answer": each.answer, "model": model, "drawn": ALL,
         "score": ""}
        for each in order
    ]  # fmt: skip
    write_jsonl(path, rows, private=True)
    return len(rows)


def _mean(values: "Sequence[float] | Floats") -> Estimate | None:
    known = [float(value) for value in values if math.isfinite(value)]
    return cluster_mean(known, [str(n) for n in range(len(known))], kind="share") if known else None
