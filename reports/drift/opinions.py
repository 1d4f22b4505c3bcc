"""What a judge said of answers, in the terminal and for programs."""

from collections.abc import Iterator
from typing import Any

from reports.drift.judged import Judged
from reports.drift.reference import Reference
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
