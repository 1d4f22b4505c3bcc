"""Two models' scores of one metric, case by case."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evals.metrics.table import METRICS
from evals.plan import Result


@dataclass(frozen=True, slots=True)
class Pairs:
    """Scores of the cases that both models were scored on, in the order of the exam.

    `candidate`, `other` and `contracts` have one entry a case. `lost` is the share of the
    metric's cases in which either model has no answer or judgement, or only one of them a value:
    neither zero nor dropped, but watched.
    """

    candidate: tuple[float, ...]
    other: tuple[float, ...]
    contracts: tuple[str, ...]
    lost: float


def pair(metric: str, candidate: Iterable[Result], other: Iterable[Result]) -> Pairs:
    """Match two models' results by case; a case that one of them never took is lost."""
    others = {result.case.id: result for result in other}
    asked = [result for result in candidate if metric in result.scores]
    matched = [(result, others.get(result.case.id)) for result in asked]
    both = [
        (mine, theirs, result.case.contract.id)
        for result, opposite in matched
        if (mine := value(result, metric)) is not None
        and opposite is not None
        and (theirs := value(opposite, metric)) is not None
    ]
    lost = sum(
        opposite is None
        or is_lost(result, metric)
        or is_lost(opposite, metric)
        or (value(result, metric) is None) != (value(opposite, metric) is None)
        for result, opposite in matched
    )
    return Pairs(
        candidate=tuple(mine for mine, _, _ in both),
        other=tuple(theirs for _, theirs, _ in both),
        contracts=tuple(contract for _, _, contract in both),
        lost=lost / len(asked) if asked else 0.0,
    )


def value(result: Result, metric: str) -> float | None:
    """The finite value of a metric; a judge's NaN is no value."""
    score = result.scores.get(metric)
    if score is None or score.value is None or not math.isfinite(score.value):
        return None
    return score.value


def is_lost(result: Result, metric: str) -> bool:
    """Whether a value is missing that should be there.

    An answer that failed is lost to every metric that reads answers, and a judgement that failed
    to its own. A metric of the table that had nothing to look at in a good answer (no number to
    check, say) lost nothing.
    """
    known = METRICS.get(metric)
    if known is not None and known.needs == "passages":
        return False
    if result.answer.error is not None:
        return True
    return (known is None or known.rule is None) and value(result, metric) is None


def attrition(metric: str, results: Sequence[Result]) -> float:
    """Share of the metric's cases that are lost."""
    asked = [result for result in results if metric in result.scores]
    return sum(is_lost(result, metric) for result in asked) / len(asked) if asked else 0.0


def by_model(results: Iterable[Result]) -> Mapping[str, list[Result]]:
    """Results of each model, in the order of the exam."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.model, []).append(result)
    return groups
