"""A panel's scores made again of the judges' own, which a report lists, and of their exams."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from evals.gate import Gate
from evals.options import asks_nobody
from evals.results import Result
from evals.suites import JUDGE
from models.family import family_in
from reports.report import Report
from reports.sections.families import judges_by_metric, kinships, preferring
from reports.sections.judge_exams import exam_faults, scorers
from reports.sections.panel import PANEL, misweighed, panelled, weights_of
from reports.verdict.pairs import by_model

ROUNDING = 1e-9


def panel_differences(report: Report, gate: Gate, results: Sequence[Result]) -> Iterator[str]:
    """Where a panel's weights or gated scores are not what exams and votes make of them, in words.

    Args:
        report: lists the judges' own scores, and what their exams found.
        gate: as the file says.
        results: of the report.
    """
    judges = report.header.judges
    sections = {each.name: each for each in report.sections}
    panel = sections.get(PANEL)
    if wrong := misweighed(panel, exam_faults(gate, sections.get(JUDGE.name), judges)):
        yield wrong
    for metric in dict.fromkeys((*gate.gating, *gate.critical.metrics)):
        who = scorers(metric, judges) or ()
        if metric == "disagreement" or len(who) < 2:
            continue
        for listed, again in zip(results, panelled(results, weights_of(panel)), strict=True):
            score = listed.scores.get(metric)
            if score is None:
                continue
            place = f"{metric} of the answer of {listed.model} to {listed.case.id}"
            if {name for name, _ in score.votes} != {*who}:
                yield f"it does not list for {place} what each of {', '.join(who)} said"
            elif not _same(score.value, again.scores[metric].value):
                yield f"{place} is not what its judges make of it"


def preferring_again(
    report: Report, gate: Gate, results: Sequence[Result], registry: Path
) -> dict[str, dict[str, str]]:
    """The gated metrics that judges of a model's own family move too far, by model.

    Args:
        report: names the judges, and what each counts.
        gate: as the file says, at the risk of the exam.
        results: of the report.
        registry: entries of models and judges.

    Raises:
        UserError: an entry cannot be read.
    """
    chats = [judge for judge in report.header.judges if not asks_nobody(judge)]
    if not chats or not gate.relies_on_judges:
        return {}
    answered = by_model(results)
    families = {
        name: family_in(registry, name, option)
        for option, names in (("--model", answered), ("--judge", chats))
        for name in names
    }
    metrics = (*gate.gating, *gate.critical.metrics)
    panel = report.section(PANEL)
    found = kinships(
        answered,
        families,
        judges_by_metric(metrics, report.header.judges, families),
        weights_of(panel),
        gate.alpha,
    )
    return preferring([*found], gate)


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=ROUNDING, abs_tol=ROUNDING)
