"""Every chart of a report's page."""

from dataclasses import dataclass

from reports.charts.calibration import calibration_chart, judge_chart
from reports.charts.chart import Chart
from reports.charts.differences import category_charts, checks_charts, contract_charts
from reports.charts.distributions import distributions_chart
from reports.charts.funnel import funnel_chart
from reports.charts.metrics import metrics_chart
from reports.charts.usage import usage_chart
from reports.report import Report


@dataclass(frozen=True, slots=True)
class Charts:
    """What the page shows, in the order of its questions: why, and where does it fail."""

    metrics: Chart
    checks: tuple[Chart, ...]
    funnel: Chart
    categories: tuple[Chart, ...]
    contracts: tuple[Chart, ...]
    distributions: Chart
    calibration: Chart
    judges: Chart
    usage: Chart


def charts_of(report: Report) -> Charts:
    """Draw a report; the same one gives the same bytes."""
    return Charts(
        metrics=metrics_chart(report),
        checks=checks_charts(report),
        funnel=funnel_chart(report),
        categories=category_charts(report),
        contracts=contract_charts(report),
        distributions=distributions_chart(report),
        calibration=calibration_chart(report),
        judges=judge_chart(report),
        usage=usage_chart(report),
    )
