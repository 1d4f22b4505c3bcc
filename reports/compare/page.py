"""Two runs as a page: every metric as a difference with its interval, and the cases that flip."""

from collections.abc import Iterator, Sequence

from reports.charts.chart import Chart, none
from reports.charts.forest import Row, forest
from reports.compare.comparison import MetricComparison
from reports.compare.shown import HEADS, cells, compared, flips, format_score, level
from reports.compare.sides import Sides
from reports.html.plain import Beside, Part, Table, plain_page
from reports.report import ReportedResult
from reports.statistics.estimates import Estimate
from reports.views.word_difference import word_difference

MOST = 200
"""Flips that the page shows; the terminal has all."""

TITLE = "B − A by metric"


def render(sides: Sides, metrics: Sequence[str]) -> str:
    """The page; `metrics` are those whose flips are shown. The same runs give the same bytes."""
    summary = (
        f"A: {sides.model_a} in {sides.a.header.id}",
        f"B: {sides.model_b} in {sides.b.header.id}",
        f"{len(sides.pairs):,} cases that both took. Differences are B − A. Nothing here gates.",
    )
    title = f"{sides.model_b} beside {sides.model_a}"
    return plain_page(title, "two runs", summary, (_metrics(sides), _flips(sides, metrics)))


def _metrics(sides: Sides) -> Part:
    found = compared(sides)
    rows = tuple(tuple(cells(sides.b, each)) for each in found.metrics)
    return Part(
        "metrics",
        "Every metric",
        charts=(_chart(sides, found.metrics),),
        tables=(Table("A and B", HEADS, rows),) if rows else (),
        lines=(f"The table has {level(sides.b)}.", *(f"{note}." for note in found.notes)),
    )


def _chart(sides: Sides, found: Sequence[MetricComparison]) -> Chart:
    """Shares alone, signed so that right is better: amounts have no common axis."""
    rows, said = [], []
    for each in found:
        if sides.b.unit_of(each.metric):
            continue
        lower = sides.b.lower_is_better(each.metric)
        gain = -each.difference if lower else each.difference
        rows.append(Row(each.metric, gain, _colour(gain)))
        said.append(f"{each.metric}: gain {gain:+.3f}, n {gain.n:,}")
    if not rows:
        return none(TITLE, "No share was scored on both sides.")
    note = "Gains: right is better of every metric. Coloured where the interval leaves 0 out."
    return forest(TITLE, rows, "gain of B over A", said, note)


def _colour(gain: Estimate) -> str:
    if gain.against(0.0, "lower") == "FAIL":
        return "pass"
    return "fail" if gain.against(0.0) == "FAIL" else "quiet"


def _flips(sides: Sides, metrics: Sequence[str]) -> Part:
    metrics = [name for name in metrics if name not in sides.left_out]
    rows = list(flips(sides, metrics))
    turned = [each for each in rows if each[2]]
    lede = f"{len(turned):,} of {len(rows):,} cases flip in {', '.join(metrics)}."
    if len(turned) > MOST:
        lede += f" The first {MOST} are here; without --html the terminal lists all."
    return Part("flips", "Cases that flip", lede, cases=tuple(_cases(sides, turned[:MOST])))


def _cases(
    sides: Sides, turned: Sequence[tuple[ReportedResult, ReportedResult, list[str]]]
) -> Iterator[Beside]:
    for one, two, names in turned:
        case = sides.b.cases[two.case]
        yield Beside(
            heading=case.category,
            about=f"{case.contract} · {case.slug}",
            scores=tuple(
                f"{name} {format_score(one, name)} → {format_score(two, name)}" for name in names
            ),
            question=case.question,
            expected=tuple(span.text for span in case.expected),
            titles=(f"A: {sides.model_a}", f"B: {sides.model_b}"),
            first=_said(one),
            second=word_difference(_said(one), _said(two)),
        )


def _said(result: ReportedResult) -> str:
    return result.answer or "(empty answer)" if result.error is None else f"Error: {result.error}"
