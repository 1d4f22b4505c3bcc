"""A panel's scores made again of the judges' own, which a report lists, and of their exams."""

import math
from collections.abc import Iterator, Sequence

from evals.gate import Gate
from evals.results import Result
from evals.suites import JUDGE
from reports.report import Report
from reports.sections.judge_exams import exam_faults, scorers
from reports.sections.panel import PANEL, misweighed, panelled, weights_of

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
    for metric in gate.gating:
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


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=ROUNDING, abs_tol=ROUNDING)
