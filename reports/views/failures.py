"""What a candidate got wrong, case by case and category by category, and how to see it again."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from fixtures.cases import slugify
from reports.report import Group, Report, ReportedResult
from reports.views.compared import candidates

OPERATORS = frozenset({"and", "or", "not"})
"""Words that `-k` reads as something else."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A case without an answer (`failed`), or with one that missed a test.

    `why` is the error, or the first metric that does not reach its mark; `expected` is empty where
    the contract does not answer.
    """

    kind: Literal["FAILED", "MISSED"]
    model: str
    slug: str
    why: str
    answer: str = ""
    expected: str = ""


def failures(report: Report) -> list[Failure]:
    """The candidates' cases that failed, then those that missed, in the order of the exam."""
    if report.header.dataset.sealed:
        return []
    examined = set(candidates(report))
    found = [_failure(report, row) for row in report.results if row.model in examined]
    return sorted(filter(None, found), key=lambda each: each.kind)


def _failure(report: Report, row: ReportedResult) -> Failure | None:
    case = report.cases[row.case]
    if row.error is not None:
        return Failure("FAILED", row.model, case.slug, row.error)
    if not row.missed:
        return None
    expected = " / ".join(span.text for span in case.expected)
    why = next(_below(report, row), row.missed[0])
    return Failure("MISSED", row.model, case.slug, why, row.answer, expected)


def _below(report: Report, row: ReportedResult) -> Iterator[str]:
    for metric in report.marks:
        score = row.scores.get(metric)
        if score is not None and not report.passes(metric, score):
            yield f"{metric} {score:.2f}"


@dataclass(frozen=True, slots=True)
class Weak:
    """A category of one candidate, and the line that examines its cases alone."""

    model: str
    metric: str
    category: str
    mean: float
    cases: int
    command: str


def weakest(report: Report, count: int) -> list[Weak]:
    """The candidates' categories with the lowest means of the metric that the gate names first."""
    metric = _leading(report)
    examined = set(candidates(report))
    found = [group for group in report.categories if group.model in examined]
    scored = [group for group in found if metric in group.estimates]
    better = -1 if report.lower_is_better(metric) else 1

    def worst(group: Group) -> tuple[float, int, str]:
        of = group.estimates[metric]
        return better * of.mean, -of.n, group.name

    return [_weak(report, group, metric) for group in sorted(scored, key=worst)[:count]]


def _leading(report: Report) -> str:
    """The first share that gates and categories have, else token_f1."""
    known = {metric for group in report.categories for metric in group.estimates}
    shares = (name for name in report.gating if name in known and not report.unit_of(name))
    return next(shares, "token_f1")


def _weak(report: Report, group: Group, metric: str) -> Weak:
    found = group.estimates[metric]
    command = f"{report.header.command} {_choice(report, group.name)}"
    return Weak(group.model, metric, group.name, found.mean, found.n, command)


def _choice(report: Report, category: str) -> str:
    """What narrows the same exam to a category: by name of its cases, where that tells them apart.

    `--category` alone would draw other cases where a limit was typed.
    """
    slug = slugify(category)
    told = all((slug in case.slug.lower()) == (case.category == category) for case in report.cases)
    if told and slug and slug not in OPERATORS:
        return f"-k {slug}"
    return f"--category {shlex.quote(category)}"
