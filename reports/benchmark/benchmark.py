"""The framework's benchmark: every model on the same cases, and against one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from models.price import summed
from reports.benchmark.field import Entrant, Field
from reports.benchmark.measures import Measure
from reports.statistics.estimates import Estimate, holm
from reports.statistics.intervals import cluster_mean
from reports.statistics.paired import compare_means, two_sided


@dataclass(frozen=True, slots=True)
class Versus:
    """A method beside the baseline, on the cases that both have a value of.

    Attributes:
        difference: signed so that more is better.
        percent: of improvement over the baseline's mean; None where that is 0.
        p_value: two-sided, by contract, corrected by Holm's method over the methods; None where
            there is none.
    """

    difference: Estimate
    percent: float | None
    p_value: float | None


@dataclass(frozen=True)
class Row:
    """A method.

    Attributes:
        entrant: who.
        means: by measure; None where no case has a value.
        versus: beside the baseline by the measure that is tested; None of the baseline itself, and
            where no case has a value on both sides.
        latency: seconds, the median of its answers as they were asked; None where none is known.
        tokens: read and written, a case; None of a model without tokens.
        cost: US dollars a case; None where that of an answer is not known.
    """

    entrant: Entrant
    means: Mapping[str, Estimate | None]
    versus: Versus | None
    latency: float | None
    tokens: tuple[float, float] | None
    cost: Decimal | None


@dataclass(frozen=True)
class Benchmark:
    """The table: what is measured, of whom, and by which of it the methods are tested."""

    field: Field
    measures: tuple[Measure, ...]
    by: Measure
    rows: tuple[Row, ...]

    @property
    def tests(self) -> int:
        """How many p-values were corrected together."""
        return sum(row.versus is not None and row.versus.p_value is not None for row in self.rows)


def benchmark(field: Field, measures: Sequence[Measure], by: Measure) -> Benchmark:
    """Every entrant's means, and how it stands beside the baseline.

    Args:
        field: who is compared on which cases.
        measures: the columns.
        by: which of them is tested.
    """
    compared = {
        each.label: _compared(by, each, field)
        for each in field.entrants
        if each is not field.baseline
    }
    found = {label: versus for label, versus in compared.items() if versus is not None}
    tested = [label for label, versus in found.items() if versus.p_value is not None]
    corrected = dict(zip(tested, holm([_raw(found[label]) for label in tested]), strict=True))
    rows = tuple(
        Row(
            entrant=each,
            means={measure.name: _mean(measure, each, field) for measure in measures},
            versus=_with(found.get(each.label), corrected.get(each.label)),
            latency=_latency(each),
            tokens=_tokens(each),
            cost=_cost(each),
        )
        for each in field.entrants
    )
    return Benchmark(field, tuple(measures), by, rows)


def _raw(versus: Versus) -> float:
    assert versus.p_value is not None
    return versus.p_value


def _with(versus: Versus | None, p_value: float | None) -> Versus | None:
    return versus and Versus(versus.difference, versus.percent, p_value)


def _mean(measure: Measure, entrant: Entrant, field: Field) -> Estimate | None:
    found = [
        (value, contract)
        for result, contract in zip(entrant.results, field.contracts, strict=True)
        if (value := measure.value(entrant, result)) is not None
    ]
    if not found:
        return None
    values, contracts = zip(*found, strict=True)
    return cluster_mean(values, contracts, field.alpha)


def _compared(measure: Measure, entrant: Entrant, field: Field) -> Versus | None:
    """The difference to the baseline, its p-value not yet corrected."""
    base = field.baseline
    found = [
        (value, other, contract)
        for one, two, contract in zip(entrant.results, base.results, field.contracts, strict=True)
        if (value := measure.value(entrant, one)) is not None
        and (other := measure.value(base, two)) is not None
    ]
    if not found:
        return None
    mine, theirs, contracts = zip(*found, strict=True)
    better, worse = (mine, theirs) if measure.direction == "higher" else (theirs, mine)
    gain = compare_means(better, worse, contracts, alpha=field.alpha)
    loss = compare_means(worse, better, contracts, alpha=field.alpha)
    return Versus(
        gain.difference,
        improvement(gain.difference.mean, sum(theirs) / len(theirs)),
        two_sided(gain.p_value, loss.p_value),
    )


def improvement(gain: float, baseline: float) -> float | None:
    """A gain in per cent of the baseline's mean; None of a mean that nothing is a part of.

    >>> improvement(0.25, 0.5), improvement(0.25, 0.0), improvement(0.25, -0.5)
    (50.0, None, None)
    """
    return 100 * gain / baseline if baseline > 0 else None


def _latency(entrant: Entrant) -> float | None:
    from statistics import median

    found = [result.latency for result in entrant.results if result.latency > 0]
    return median(found) if found else None


def _tokens(entrant: Entrant) -> tuple[float, float] | None:
    answered = [result for result in entrant.results if result.error is None]
    read, wrote = (
        sum(getattr(result, name) for result in answered) for name in ("tokens_in", "tokens_out")
    )
    return (read / len(answered), wrote / len(answered)) if read or wrote else None


def _cost(entrant: Entrant) -> Decimal | None:
    total = summed(result.cost for result in entrant.results)
    return None if total is None else total / len(entrant.results)
