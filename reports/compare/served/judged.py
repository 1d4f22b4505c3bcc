"""What a metric says of two arms: by pairs where both answered a request, else by two samples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reports.compare.served.measures import Measure
from reports.compare.served.trials import Scored, Trial
from reports.statistics.bounds import Kind
from reports.statistics.clusters import summed
from reports.statistics.estimates import Estimate, paired_differences
from reports.statistics.intervals import interval
from reports.statistics.unpaired import Arm, difference_at, p_value_of, stratified

ALPHA = 0.05
"""Risk of each end of an interval, as an exam's is by default."""

At = Callable[[float], Estimate]
"""A difference, candidate minus champion, with ends of a risk."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One metric of one trial, or of several that compare the same two models.

    `champion` and `candidate` are means over `counts` answers each, of several trials weighted as
    strata, so that they differ by `difference`; `unscored` answers had no value
    for the metric, or in a shadow lack it on a side. `p_value` is two-sided, None where nothing is
    known of the spread.
    """

    measure: Measure
    champion: float
    candidate: float
    difference: Estimate
    p_value: float | None
    counts: tuple[int, int]
    unscored: int


@dataclass(frozen=True, slots=True)
class _Found:
    values: tuple[Sequence[float], Sequence[float]]
    at: At
    unscored: int


def judge(trials: Sequence[Trial], measure: Measure) -> Judged | None:
    """Judge one metric by strata: each trial is one. None where no trial can say anything.

    Args:
        trials: of the same two models, all shadows or none.
        measure: the metric.
    """
    found = [each for trial in trials if (each := _found(trial, measure)) is not None]
    if not found:
        return None

    def at(risk: float) -> Estimate:
        strata = [each.at(risk) for each in found]
        return strata[0] if len(strata) == 1 else stratified(strata)

    difference = at(ALPHA)
    weights = [each.at(ALPHA).n / difference.n for each in found]
    champion, candidate = (
        sum(
            weight * sum(each.values[side]) / len(each.values[side])
            for weight, each in zip(weights, found, strict=True)
        )
        for side in (0, 1)
    )
    counts = [sum(len(each.values[side]) for each in found) for side in (0, 1)]
    return Judged(
        measure,
        champion,
        candidate,
        difference,
        None if difference.low is None else p_value_of(at),
        (counts[0], counts[1]),
        sum(each.unscored for each in found),
    )


def _found(trial: Trial, measure: Measure) -> _Found | None:
    champion, candidate = trial.arms["champion"], trial.arms["candidate"]
    if trial.shadow:
        return _paired(champion, candidate, measure)
    scored = [
        [each for each in arm if measure.name in each.values] for arm in (champion, candidate)
    ]
    if not all(scored):
        return None
    one, other = (_arm(side, measure.name) for side in scored)
    at = difference_at(other, one, measure.kind)
    values = tuple([each.values[measure.name] for each in side] for side in scored)
    lost = len(champion) + len(candidate) - len(scored[0]) - len(scored[1])
    return _Found((values[0], values[1]), at, lost)


def _arm(rows: Sequence[Scored], name: str) -> Arm:
    return Arm(
        [row.values[name] for row in rows],
        [row.contract for row in rows],
        [row.person for row in rows],
    )


def _paired(
    champion: Sequence[Scored], candidate: Sequence[Scored], measure: Measure
) -> _Found | None:
    """Pairs as exams' are compared, by contract and by person: the wider interval of the two."""
    beside = {row.pair: row for row in candidate if row.pair}
    met = [(row, beside[row.pair]) for row in champion if row.pair in beside]
    name = measure.name
    pairs = [(one, two) for one, two in met if name in one.values and name in two.values]
    if not pairs:
        return None
    values = [one.values[name] for one, _ in pairs], [two.values[name] for _, two in pairs]
    differences = paired_differences(values[1], values[0])
    kind: Kind = "difference" if max(map(abs, differences)) <= 1 else "amount"
    ways = [
        summed(differences, [getattr(one, cluster) for one, _ in pairs])
        for cluster in ("contract", "person")
    ]

    def at(risk: float) -> Estimate:
        return max((interval(each, kind, risk) for each in ways), key=_width)

    return _Found(values, at, len(met) - len(pairs))


def _width(estimate: Estimate) -> float:
    """None is wider than any: nothing is known of the spread."""
    if estimate.low is None or estimate.high is None:
        return float("inf")
    return estimate.high - estimate.low
