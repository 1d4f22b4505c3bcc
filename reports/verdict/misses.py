"""Which cases the opponents missed, by the rule that makes a candidate's tests miss.

Tests run for candidates alone. What they assert of a case is that the metrics of their marker reach
the pass marks; the same is asked here of the models that the candidates are measured against.
"""

from collections.abc import Collection, Iterable, Mapping

from evals.metrics.table import METRICS
from evals.results import Result
from evals.selected import CaseTest
from reports.report import RIGHT_OR_WRONG


def opponents_missed(
    results: Iterable[Result],
    candidates: Collection[str],
    tests: Iterable[CaseTest],
    pass_marks: Mapping[str, float],
) -> dict[tuple[str, str], list[str]]:
    """The tests that each opponent's case would miss, by (model, case id).

    A metric that could not be computed, or has no mark, misses nothing.

    Args:
        results: of all models.
        candidates: whose tests ran.
        tests: those selected.
        pass_marks: of the gate file, by metric.
    """
    marks = {**pass_marks, **RIGHT_OR_WRONG}
    by_case: dict[str, dict[str, CaseTest]] = {}
    for test in tests:
        by_case.setdefault(test.case, {})[test.name] = test
    missed: dict[tuple[str, str], list[str]] = {}
    for result in results:
        if result.model in candidates:
            continue
        for test in by_case.get(result.case.id, {}).values():
            if any(_misses(result, name, marks[name]) for name in test.metrics if name in marks):
                missed.setdefault((result.model, result.case.id), []).append(test.name)
    return missed


def _misses(result: Result, metric: str, mark: float) -> bool:
    score = result.scores.get(metric)
    if score is None or score.value is None:
        return False
    gain = METRICS[metric].gain
    return gain(score.value) < gain(mark)
