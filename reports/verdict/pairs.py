"""Scores of one metric, case by case: of one model, or of two on the same cases.

What is lost is neither zero nor dropped: it is kept as a gap, which can be filled with the worst
and with the best that may have stood there.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from evals.metrics.table import METRICS
from evals.results import Result


@dataclass(frozen=True, slots=True)
class Pairs:
    """Scores of the cases that both models were scored on, in the order of the exam.

    `candidate`, `other` and `contracts` have one entry a case. `gaps` are the metric's cases in
    which one model has no answer or judgement, or only one of them a value: the candidate's
    value, the other's, and the contract. `neither` counts those that failed for both: they are
    missing for both, and say nothing of a difference.
    """

    candidate: tuple[float, ...]
    other: tuple[float, ...]
    contracts: tuple[str, ...]
    gaps: tuple[tuple[float | None, float | None, str], ...] = ()
    neither: int = 0

    @property
    def lost(self) -> float:
        """Share of the metric's cases that are gaps, or failed for both."""
        return _share(len(self.gaps) + self.neither, len(self.contracts))

    def filled(self, mine: float, theirs: float) -> "Pairs":
        """The same with `mine` for what the candidate lost, and `theirs` for the other."""
        return Pairs(
            (*self.candidate, *(mine if a is None else a for a, _, _ in self.gaps)),
            (*self.other, *(theirs if b is None else b for _, b, _ in self.gaps)),
            (*self.contracts, *(contract for _, _, contract in self.gaps)),
        )


@dataclass(frozen=True, slots=True)
class Marks:
    """Scores of the cases that one model was scored on; `gaps` are the contracts of those lost."""

    values: tuple[float, ...]
    contracts: tuple[str, ...]
    gaps: tuple[str, ...] = ()

    @property
    def lost(self) -> float:
        """Share of the metric's cases that are gaps."""
        return _share(len(self.gaps), len(self.contracts))

    def filled(self, value: float) -> "Marks":
        """The same with this value for what was lost."""
        return replace(
            self,
            values=(*self.values, *(value for _ in self.gaps)),
            contracts=(*self.contracts, *self.gaps),
            gaps=(),
        )


def _share(gaps: int, scored: int) -> float:
    return gaps / (gaps + scored) if gaps else 0.0


def pair(metric: str, candidate: Iterable[Result], other: Iterable[Result]) -> Pairs:
    """Match two models' results by case; a case that one of them never took is a gap."""
    mine = {result.case.id: result for result in candidate if is_asked(result, metric)}
    theirs = {result.case.id: result for result in other if is_asked(result, metric)}
    both, gaps, neither = [], [], 0
    for name in mine | theirs:
        first, second = mine.get(name), theirs.get(name)
        contract = (first or theirs[name]).case.contract.id
        one = value(first, metric) if first else None
        two = value(second, metric) if second else None
        if one is not None and two is not None:
            both.append((one, two, contract))
        elif one is not None or two is not None:
            gaps.append((one, two, contract))
        elif not (first and second) or is_lost(first, metric) or is_lost(second, metric):
            neither += 1
    return Pairs(
        candidate=tuple(one for one, _, _ in both),
        other=tuple(two for _, two, _ in both),
        contracts=tuple(contract for _, _, contract in both),
        gaps=tuple(gaps),
        neither=neither,
    )


def marks(metric: str, results: Iterable[Result]) -> Marks:
    """One model's values of a metric, with what was lost."""
    asked = [result for result in results if is_asked(result, metric)]
    scored = [
        (score, result.case.contract.id)
        for result in asked
        if (score := value(result, metric)) is not None
    ]
    return Marks(
        values=tuple(score for score, _ in scored),
        contracts=tuple(contract for _, contract in scored),
        gaps=tuple(
            result.case.contract.id
            for result in asked
            if value(result, metric) is None and is_lost(result, metric)
        ),
    )


def is_asked(result: Result, metric: str) -> bool:
    """Whether the metric is of this case, whether or not anything stands under its name."""
    known = METRICS.get(metric)
    return metric in result.scores or (known is not None and known.is_of(result.case))


def value(result: Result, metric: str) -> float | None:
    """The finite value of a metric; a judge's NaN is no value."""
    score = result.scores.get(metric)
    if score is None or score.value is None or not math.isfinite(score.value):
        return None
    return score.value


def is_lost(result: Result, metric: str) -> bool:
    """Whether a value is missing that should be there.

    An answer that failed is lost to every metric that reads answers, and a judgement that failed
    to its own; so is a metric that nobody scored, or whose value is no number. A metric of the
    table that had nothing to look at in a good answer (no number to check, say) lost nothing.
    """
    known = METRICS.get(metric)
    score = result.scores.get(metric)
    if known is not None and known.of_retrieval and score is not None:
        return known.rule is None and score.value is None
    if result.answer.error is not None or score is None:
        return True
    if score.value is None:
        return known is None or known.rule is None
    return not math.isfinite(score.value)


def attrition(metric: str, results: Sequence[Result]) -> float:
    """Share of the metric's cases that are lost."""
    asked = [result for result in results if is_asked(result, metric)]
    return sum(is_lost(result, metric) for result in asked) / len(asked) if asked else 0.0


def by_model(results: Iterable[Result]) -> Mapping[str, list[Result]]:
    """Results of each model, in the order of the exam."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.model, []).append(result)
    return groups
