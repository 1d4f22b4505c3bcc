"""What repeats show: how much a model's scores move from draw to draw."""

from collections.abc import Iterator, Mapping, Sequence

from evals.exam.run import Run
from evals.metrics.table import METRICS
from evals.results import Result
from reports.report import Finding, Section
from reports.statistics.drawing import drawing


def drawing_section(run: Run) -> Section:
    """One finding a model that was asked repeatedly and a metric that reads answers."""
    findings = []
    for model in run.plan.models:
        every = [run.repeats(model.name, case) for case in run.reached]
        for metric, scores in _by_metric(every).items():
            if len(scores) > 1:
                found = drawing(scores)
                reason = f"moves by {found.deviation:.3f} from draw to draw (standard deviation)"
                if found.share is not None and found.of_mean is not None:
                    reason += (
                        f": {found.share:.0%} of the variance of an answer's score, "
                        f"{found.of_mean:.0%} of that of a mean of {len(scores[0])}"
                    )
                findings.append(Finding(model.name, metric, None, f"{reason}; {len(scores)} cases"))
    note = (
        "A model that draws its answers was asked each case several times; a case's score is the "
        "mean. Intervals are made of cases by contract and hold what drawing leaves in the means."
    )
    return Section("repeats", "Repeats", note, tuple(findings))


def _by_metric(every: Sequence[Sequence[Result]]) -> Mapping[str, list[list[float]]]:
    """The scores of each case, by metric, of the cases that have all of them."""
    found: dict[str, list[list[float]]] = {}
    for repeats in every:
        for metric, scores in _whole(repeats):
            found.setdefault(metric, []).append(scores)
    return {metric: found[metric] for metric in METRICS if metric in found}


def _whole(repeats: Sequence[Result]) -> Iterator[tuple[str, list[float]]]:
    for metric in repeats[0].scores if len(repeats) > 1 else ():
        values = [each.scores[metric].value for each in repeats if metric in each.scores]
        scores = [value for value in values if value is not None]
        if len(scores) == len(repeats) and metric in METRICS and METRICS[metric].reads_answers:
            yield metric, scores
