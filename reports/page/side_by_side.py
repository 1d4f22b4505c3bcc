"""Several candidates of one exam on its page: the benchmark's chart and tables."""

from dataclasses import dataclass

from common.errors import UserError
from reports.benchmark.benchmark import benchmark
from reports.benchmark.chart import chart_of
from reports.benchmark.field import field_of
from reports.benchmark.measures import measure_by, measures_of
from reports.benchmark.tables import baseline_table, legend, scores_table
from reports.charts.chart import Chart
from reports.html.plain import Table
from reports.report import Report


@dataclass(frozen=True, slots=True)
class SideBySide:
    """What the page shows of several candidates.

    Attributes:
        chart: of their means.
        tables: scores, and differences to the baseline.
        legend: what they mean, a line each.
    """

    chart: Chart
    tables: tuple[Table, ...]
    legend: tuple[str, ...]


def side_by_side(report: Report) -> SideBySide | None:
    """Of a report on several candidates; None of one, and where they share no scored case."""
    candidates = sum(each.role == "candidate" for each in report.header.models)
    if candidates < 2 or report.header.dataset.sealed:
        return None
    try:
        field = field_of([report])
        measures = measures_of(field)
        found = benchmark(field, measures, measure_by(None, measures))
    except UserError:  # an exam that ended before all of them took a case
        return None
    return SideBySide(
        chart_of(found), (scores_table(found), baseline_table(found)), tuple(legend(found))
    )
