"""What two runs show beside each other, in words: the same for the terminal and for a page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports.compare.comparison import MetricComparison, compare
from reports.compare.sides import Sides
from reports.report import Report, ReportedResult
from reports.views.wording import format_value

HEADS = ("metric", "A", "B", "B − A", "p", "wins/losses/ties", "McNemar", "by contract")


@dataclass(frozen=True, slots=True)
class Compared:
    """Every metric that both were scored on, and a line on whatever is left out."""

    metrics: tuple[MetricComparison, ...]
    notes: tuple[str, ...]


def compared(sides: Sides) -> Compared:
    """Compare all metrics of two models."""
    notes, found = _left_out(sides), []
    for metric in _metrics(sides):
        one = compare(metric, sides)
        if one is None:
            notes.append(f"{metric}: {_absence(sides, metric)}")
            continue
        found.append(one)
        if one.unpaired:
            notes.append(f"{metric}: {one.unpaired:,} cases lack a score on a side, left out")
    return Compared(tuple(found), tuple(notes))


def flips(
    sides: Sides, metrics: Sequence[str]
) -> Iterator[tuple[ReportedResult, ReportedResult, list[str]]]:
    """Cases that one side passes and the other misses, with the metrics in which they do.

    A metric without a mark flips where its values differ.
    """
    for one, two in sides.results():
        turned = [
            metric
            for metric in metrics
            if (x := one.scores.get(metric)) is not None
            and (y := two.scores.get(metric)) is not None
            and _turns(sides.b, metric, x, y)
        ]
        yield one, two, turned


def _turns(report: Report, metric: str, a: float, b: float) -> bool:
    return (
        report.passes(metric, a) != report.passes(metric, b) if metric in report.marks else a != b
    )


def _metrics(sides: Sides) -> list[str]:
    scored = {name for pair in sides.results() for each in pair for name in each.scores}
    known = [name for name in {**sides.a.metrics, **sides.b.metrics} if name in scored]
    found = known + sorted(scored.difference(known))
    return [name for name in found if name not in sides.left_out]


def _left_out(sides: Sides) -> list[str]:
    """One line on what is not compared."""
    each = "; ".join(f"{name} ({why})" for name, why in sides.left_out.items())
    return [f"left out, what both have is compared: {each}"] if each else []


def _absence(sides: Sides, metric: str) -> str:
    scored = [
        any(pair[side].scores.get(metric) is not None for pair in sides.results())
        for side in (0, 1)
    ]
    if any(scored):
        return f"scored in {'A' if scored[0] else 'B'} alone, not compared"
    return "scored in neither"


def cells(report: Report, found: MetricComparison) -> list[str]:
    """One row below `HEADS`."""
    unit = report.unit_of(found.metric)
    gain = found.difference
    arrow = "↓" if report.lower_is_better(found.metric) else "↑"
    return [
        f"{found.metric} {arrow}",
        format_value(found.mean_a, unit),
        format_value(found.mean_b, unit),
        format(gain, "+,.0f" if unit == "tokens" else "+.3f"),
        _format_p(found.p_value),
        f"{found.wins}/{found.losses}/{found.ties}",
        _format_p(found.exact),
        _format_p(found.by_contract),
    ]


def _format_p(value: float | None) -> str:
    return "–" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def level(report: Report) -> str:
    """What the numbers of the table mean."""
    return (
        f"intervals at {1 - 2 * report.header.gate.alpha:.0%} and two-sided p, by contract; wins "
        "are B's; McNemar of scores of 0 and 1: exact for independent cases, and by contract"
    )


def format_score(result: ReportedResult, metric: str) -> str:
    """A score, or that there is none."""
    score = result.scores.get(metric)
    return "unscored" if score is None else f"{score:.2f}"
