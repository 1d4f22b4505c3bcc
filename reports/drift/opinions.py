"""What a judge said of answers, and people of a few, in the terminal and for programs."""

from collections.abc import Iterator
from typing import Any

from reports.drift.judged import Judged
from reports.drift.labelled import LEAST, Labelled
from reports.drift.reference import Reference
from reports.drift.shown import estimate_json
from reports.terminal.columns import clipped, flat

REASON = 100
"""Cells of why there is no score."""


def judge_lines(judged: Judged | None, reference: Reference) -> Iterator[str]:
    """Who judged how much, whether the exam had such a judge, and what has no score."""
    if judged is None:
        return
    exam, service = judged.asked
    yield (
        f"judge {judged.judge} ({judged.metric}): {exam:,} answers of the exam and {service:,} of "
        f"service, {judged.calls:,} calls made now"
    )
    if judged.new:
        yield (
            f"{judged.judge} did not judge {judged.metric} in the exam {reference.exam}: its "
            "answers are judged here, once"
        )
    for why, answers in sorted(judged.lost.items()):
        yield f"no score of {answers:,}: {clipped(flat(why), REASON)}"


def judge_json(judged: Judged | None) -> dict[str, Any] | None:
    """The same for programs; None without a judge."""
    if judged is None:
        return None
    exam, service = judged.asked
    return {
        "name": judged.judge,
        "metric": judged.metric,
        "exam_answers": exam,
        "service_answers": service,
        "calls": judged.calls,
        "lost": dict(sorted(judged.lost.items())),
        "in_exam": not judged.new,
    }


def label_lines(labelled: Labelled | None) -> Iterator[str]:
    """People's mean beside those of the scores, or that there are too few labels."""
    if labelled is None:
        return
    if labelled.found is None:
        yield (
            f"too few labels to say what people would: {labelled.labels:,} of {labelled.rows:,} "
            f"rows are of answers with a score ({labelled.scored.by}), fewer than {LEAST}"
        )
        return
    found = labelled.found
    worth = f"lambda {found.tuning:.2f}" if found.tuning else "which adds nothing"
    yield (
        f"people would say {found.estimate:.2f} of {len(labelled.scored.units):,} answers, by "
        f"{labelled.labels:,} labels ({found.labels:.2f} alone) and {labelled.scored.by}, {worth}"
    )
    exam = f", of the exam's {labelled.scored.exam:.2f}" if labelled.scored.exam else ""
    yield f"{labelled.scored.by} says {labelled.service:.2f} of these{exam}; labels decide nothing"


def label_json(labelled: Labelled | None) -> dict[str, Any] | None:
    """The same for programs; None without labels."""
    if labelled is None:
        return None
    found = labelled.found
    return {
        "by": labelled.scored.by,
        "labels": labelled.labels,
        "rows": labelled.rows,
        "answers": len(labelled.scored.units),
        "people": estimate_json(found.estimate) if found else None,
        "labels_alone": estimate_json(found.labels) if found else None,
        "tuning": found.tuning if found else None,
        "service": estimate_json(labelled.service),
        "exam": estimate_json(labelled.scored.exam),
    }
