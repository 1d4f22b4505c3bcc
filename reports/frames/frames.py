"""One exam as pandas frames; `columns.py` says what stands in each."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports.frames.columns import COLUMNS
from reports.report import Report
from reports.statistics.estimates import Estimate

if TYPE_CHECKING:
    from pandas import DataFrame

Row = tuple[Any, ...]
"""The cells of one line, in the order of `COLUMNS`."""


@dataclass(frozen=True, slots=True)
class Frames:
    """What `reports.read` gives: the report whole, and its numbers as frames.

    A report on sealed contracts lists no case: its `cases`, `answers` and `scores` are empty.
    """

    report: Report
    """Every field, typed (reports/report.py)."""

    cases: "DataFrame"
    """One row a case."""

    answers: "DataFrame"
    """One row a model and case."""

    scores: "DataFrame"
    """One row a model, case and metric."""

    estimates: "DataFrame"
    """One row a model, metric, and group of cases: all, a category, a contract."""

    checks: "DataFrame"
    """One row a check of a candidate: what the verdict is made of."""

    differences: "DataFrame"
    """One row a candidate, opponent, primary metric and category: candidate minus opponent."""


def frames(report: Report) -> Frames:
    """The frames of a report."""
    rows: Mapping[str, Iterable[Row]] = {
        "cases": _cases(report),
        "answers": _answers(report),
        "scores": _scores(report),
        "estimates": _estimates(report),
        "checks": _checks(report),
        "differences": _differences(report),
    }
    return Frames(report, **{name: _frame(name, found) for name, found in rows.items()})


def _frame(name: str, rows: Iterable[Row]) -> "DataFrame":
    """Typed whether or not there is a row."""
    from pandas import DataFrame, Series

    columns = COLUMNS[name]
    cells = list(zip(*rows, strict=True)) or [()] * len(columns)
    return DataFrame(
        {
            column: Series(list(found), dtype=about.kind)
            for (column, about), found in zip(columns.items(), cells, strict=True)
        }
    )


def _cases(report: Report) -> Iterator[Row]:
    for case in report.cases:
        expected = tuple(span.text for span in case.expected)
        names = (case.id, case.contract, case.category, case.slug, case.identity)
        yield *names, case.question, expected, bool(expected)


def _answers(report: Report) -> Iterator[Row]:
    for result in report.results:
        case = report.cases[result.case]
        yield (
            result.model, case.id, case.contract, case.category, result.answer, result.error,
            result.missed, result.finish_reason, result.asked, result.repeats, result.tokens_in,
            result.tokens_out, result.latency, None if result.cost is None else float(result.cost),
            result.confidence,
        )  # fmt: skip


def _scores(report: Report) -> Iterator[Row]:
    for result in report.results:
        case = report.cases[result.case]
        names = (result.model, case.id, case.contract, case.category)
        for metric, value in result.scores.items():
            passed = _passed(report, metric, value)
            yield *names, metric, value, passed, result.reasons.get(metric)


def _passed(report: Report, metric: str, value: float | None) -> bool | None:
    return None if value is None or metric not in report.marks else report.passes(metric, value)


def _estimates(report: Report) -> Iterator[Row]:
    kinds = {"all": report.summary, "category": report.categories, "contract": report.contracts}
    for kind, groups in kinds.items():
        for group in groups:
            for metric in dict.fromkeys((*group.estimates, *group.unscored)):
                yield (
                    group.model, kind, group.name, metric,
                    *_estimate(group.estimates.get(metric)), group.unscored.get(metric, 0),
                )  # fmt: skip


def _checks(report: Report) -> Iterator[Row]:
    for verdict in report.verdicts:
        for check in verdict.checks:
            words = (verdict.model, check.metric, check.against, check.outcome, check.reason)
            yield *words, *_estimate(check.estimate), check.p_value


def _differences(report: Report) -> Iterator[Row]:
    for each in report.differences:
        names = (each.model, each.against, each.metric, each.category)
        yield *names, *_estimate(each.estimate), each.q_value


def _estimate(found: Estimate | None) -> Row:
    if found is None:
        return (None,) * 5
    return found.mean, found.low, found.high, found.n, found.clusters
