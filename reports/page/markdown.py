"""What an exam found, in Markdown: the page of a CI job summary."""

import re
from collections.abc import Iterable, Iterator, Sequence

from reports.page.proof import proofs
from reports.page.wording import (
    checked,
    conclusions,
    format_estimate,
    format_interval,
    format_spending,
    format_value,
    metrics_of,
)
from reports.report import Group, Report, ReportedCase, ReportedResult, Section

LIMIT = 60_000
"""Bytes; GitHub refuses a job summary of more than 1 MiB, and nobody reads so much."""

REASON = 1000
"""Characters of a reason or a note that are shown: all that any has but a list of titles."""

CLIP = 120
"""Characters of contract text that a cell shows."""

_SPECIAL = re.compile(r"[&<>|\\`*_\[\]~$]")


def markdown(report: Report) -> str:
    """A report, as it was written, as GitHub-flavoured Markdown of at most `LIMIT` bytes.

    A section that would make it longer is left out, and said to be.
    """
    page = ["\n".join(_opening(report))]
    for title, lines in (
        ("Checks", _checks(report)),
        ("Notes", _notes(report)),
        ("Metrics", _metrics(report)),
        *((section.title, _findings(section)) for section in report.sections),
        ("Weakest categories by token_f1", _weakest(report)),
        ("Missed", _missed(report)),
    ):
        rows = list(lines)
        if not rows:
            continue
        section = "\n".join([f"## {title}", "", *rows])
        if len("\n\n".join([*page, section]).encode()) > LIMIT - 200:
            section = f"## {title}\n\nToo long for this page; see report.html."
        page.append(section)
    return "\n\n".join(page) + "\n"


def _opening(report: Report) -> Iterator[str]:
    yield "# Bar Exam"
    found = conclusions(report)
    if not found:
        yield "\nNothing was examined."
    for each in found[:20]:
        word = f"**{each.outcome}** " if each.outcome else ""
        yield f"\n{word}{escape(each.sentence, 400)}"
    for sentence in proofs(report)[:20]:
        yield f"\n{escape(sentence, REASON)}"
    spent = ", ".join(f"{name} {each}" for name, each in format_spending(report.spending).items())
    yield (
        f"\n{len(report.cases):,} cases of {report.examined_contracts:,} contracts, "
        f"{report.failed_answers:,} answers failed. Spent: {spent}."
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _checks(report: Report) -> Iterator[str]:
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


def _notes(report: Report) -> Iterator[str]:
    yield from (f"- {escape(note, REASON)}" for note in report.notes)


def _findings(section: Section) -> Iterator[str]:
    yield f"{section.note}\n"
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


def _metrics(report: Report) -> Iterator[str]:
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


def _weakest(report: Report) -> Iterator[str]:
    rows = []
    for model in (group.model for group in report.summary):
        found = [
            (group.estimates["token_f1"].mean, group.name, group.estimates["token_f1"].n)
            for group in report.categories
            if group.model == model and "token_f1" in group.estimates
        ]
        for mean, name, count in sorted(found)[:5]:
            rows.append((escape(model, 60), escape(name, 60), format_value(mean, ""), f"{count:,}"))
    if rows:
        yield from _table(("Model", "Category", "token\\_f1", "n"), rows)


def _missed(report: Report) -> Iterator[str]:
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
    expected = " / ".join(span.text for span in case.expected)
    answer = result.answer if result.error is None else f"error: {result.error}"
    return (
        escape(result.model, 60),
        escape(case.question),
        escape(expected) if case.expected else "not in the contract",
        escape(answer) or "(empty)",
        escape(", ".join(result.missed), 80),
    )


def escape(text: str, most: int = CLIP) -> str:
    r"""`text` on one line, clipped to `most` characters, inert in Markdown, tables and HTML.

    >>> escape("a|b\n<b>")
    'a&#124;b &#60;b&#62;'
    """
    line = " ".join(text[: most * 4].split())
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)
    if len(line) > most:
        line = line[: most - 1] + "…"
    return _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", line)
