"""The tables and lists of a report in Markdown, line by line."""

from collections.abc import Iterable, Iterator, Sequence

from reports.markdown.escaping import CLIP, escape
from reports.report import Group, Report, ReportedCase, ReportedResult, Section
from reports.views.compared import Compared, Comparison
from reports.views.failures import Weak
from reports.views.flips import Flip, Flips
from reports.views.noted import noted
from reports.views.proof import proofs
from reports.views.wording import (
    checked,
    format_estimate,
    format_interval,
    format_value,
    metrics_of,
)

REASON = 1000
"""Characters of a reason or a note that are shown: all that any has but a list of titles."""

QUOTED = 240
"""The same of a flip."""

MOST_FLIPS = 10


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def side_by_side(report: Report, found: Comparison) -> Iterator[str]:
    """Each metric of a candidate and its opponent; what the gate compares stands first."""
    names = found.model, found.opponent.name if found.opponent else ""
    rows = [row for row in found.metrics if row.candidate or row.opponent]
    yield from _table(
        ("Metric", *(escape(name, 60) for name in names), "Difference", "Margin", "Outcome"),
        (_compared(report, row) for row in sorted(rows, key=lambda row: row.difference is None)),
    )


def _compared(report: Report, row: Compared) -> tuple[str, ...]:
    unit = report.unit_of(row.metric)
    means = (
        escape(format_value(each.mean, unit), 60) if each else "unscored"
        for each in (row.candidate, row.opponent)
    )
    return (
        escape(row.metric, 60),
        *means,
        escape(f"{row.difference:+.3f}", 60) if row.difference else "",
        "" if row.margin is None else f"{row.margin:g}",
        f"**{row.outcome}**" if row.outcome == "FAIL" else row.outcome or "",
    )


def flips_title(found: Flips) -> str:
    """Who turned how many cases, against whom."""
    whose = f"{escape(found.candidate, 60)} against {escape(found.opponent.words, 70)}"
    won, lost = len(found.won), len(found.lost)
    return f"Cases that turned: {won:,} won and {lost:,} lost, {whose}"


def flip_rows(found: Flips) -> Iterator[str]:
    """The most telling, what was lost first: half of them at least, if there are so many."""
    half = MOST_FLIPS // 2
    lost = found.lost[: max(half, MOST_FLIPS - len(found.won))]
    shown = (*lost, *found.won[: MOST_FLIPS - len(lost)])
    if len(shown) < len(found.all):
        yield f"The {len(shown)} most telling of {len(found.all):,}.\n"
    yield from _table(
        (
            "Turned",
            "Question",
            "Expected",
            escape(found.opponent.name, 60),
            escape(found.candidate, 60),
        ),
        (_flip_row(each) for each in shown),
    )


def _flip_row(flip: Flip) -> tuple[str, ...]:
    first = flip.metrics[0]
    return (
        f"**{flip.side}** {escape(first.metric, 60)} {first.opponent:.2f} → {first.candidate:.2f}",
        escape(flip.case.question, QUOTED),
        _expected(flip.case, QUOTED),
        _answered(flip.opponent, QUOTED),
        _answered(flip.candidate, QUOTED),
    )


def _expected(case: ReportedCase, most: int) -> str:
    if not case.expected:
        return "not in the contract"
    return escape(" / ".join(span.text for span in case.expected), most)


def _answered(result: ReportedResult, most: int) -> str:
    answer = result.answer if result.error is None else f"error: {result.error}"
    return escape(answer, most) or "(empty)"


def check_rows(report: Report) -> Iterator[str]:
    """Every check of every candidate."""
    if report.verdicts:
        yield from _table(
            ("Model", "Check", "Outcome", "Reason"),
            (
                (
                    escape(check.model, 60),
                    escape(check.about, 60),
                    check.outcome,
                    escape(check.reason, REASON),
                )
                for check in checked(report)
            ),
        )


def proved(report: Report) -> Iterator[str]:
    """One sentence a candidate."""
    yield from (f"- {escape(each.sentence, REASON)}" for each in proofs(report)[:20])


def note_rows(report: Report) -> Iterator[str]:
    """One line a note, and the table that it ends in."""
    for note in noted(report.notes):
        yield f"- {escape(note.sentence, REASON)}"
        if note.rows:
            rows = [[escape(cell, REASON) for cell in row] for row in note.rows]
            yield ""
            yield from _table(note.heads or [""] * len(rows[0]), rows)
            yield ""


def finding_rows(section: Section) -> Iterator[str]:
    """What was found beside the metrics."""
    yield f"{escape(section.note, REASON)}\n"
    yield from _table(
        ("Subject", "Measure", "Value", "Outcome", "Remark"),
        (
            (
                escape(each.subject, 60),
                escape(each.measure, 60),
                escape(format_estimate(each.estimate), 60),
                each.outcome or "",
                escape(each.reason, 200),
            )
            for each in section.findings
        ),
    )


def metric_rows(report: Report) -> Iterator[str]:
    """Every metric of every model, with its interval."""
    groups = report.summary
    if not groups:
        return
    yield from _table(
        ("Metric", *(escape(group.model, 60) for group in groups)),
        (
            (escape(metric, 60), *(_estimate(report, group, metric) for group in groups))
            for metric in metrics_of(groups, report.metrics)
        ),
    )


def _estimate(report: Report, group: Group, metric: str) -> str:
    estimate, lost = group.estimates.get(metric), group.unscored.get(metric, 0)
    if estimate is None:
        return f"unscored ({lost:,})" if lost else "not asked"
    unit = report.unit_of(metric)
    also = f", {lost:,} unscored" if lost else ""
    shown = f"{format_value(estimate.mean, unit)} {format_interval(estimate, unit)}"
    return escape(f"{shown}, n {estimate.n:,}{also}", 200)


def weakest_rows(found: Sequence[Weak]) -> Iterator[str]:
    """Candidates' categories, the worst first."""
    if not found:
        return
    yield from _table(
        ("Model", "Category", escape(found[0].metric, 60), "n"),
        (
            (
                escape(each.model, 60),
                escape(each.category, 60),
                format_value(each.mean, ""),
                f"{each.cases:,}",
            )
            for each in found
        ),
    )


def missed_rows(report: Report) -> Iterator[str]:
    """Up to ten, taken evenly from all, since neighbours are of one contract."""
    missed = [result for result in report.results if result.missed]
    if not missed:
        return
    shown = [missed[i * len(missed) // min(10, len(missed))] for i in range(min(10, len(missed)))]
    yield f"{len(shown)} of {len(missed):,}, taken evenly from the exam.\n"
    yield from _table(
        ("Model", "Question", "Expected", "Answer", "Missed"),
        (_missed_row(result, report.cases[result.case]) for result in shown),
    )


def _missed_row(result: ReportedResult, case: ReportedCase) -> tuple[str, ...]:
    return (
        escape(result.model, 60),
        escape(case.question),
        _expected(case, CLIP),
        _answered(result, CLIP),
        escape(", ".join(result.missed), 80),
    )
