"""Candidates beside the model that they are measured against, metric by metric."""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.report import Check, Group, Opponent, Report
from reports.statistics.estimates import Estimate, Outcome
from reports.views.flips import opponent_of
from reports.views.wording import metrics_of


@dataclass(frozen=True, slots=True)
class Compared:
    """One metric of a candidate, beside its opponent's.

    `difference` is candidate minus opponent, over the cases that both were scored on; None where
    the gate asks for no comparison, as is `margin`. `outcome` is that of the comparison, or else
    of the floor.
    """

    metric: str
    candidate: Estimate | None
    opponent: Estimate | None
    difference: Estimate | None
    margin: float | None
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A candidate beside the model that it is compared with, if there is one."""

    model: str
    opponent: Opponent | None
    metrics: tuple[Compared, ...]


def comparisons(report: Report) -> list[Comparison]:
    """One a candidate, in the order of the exam; every metric that either side was asked."""
    roles = {model.name: model.role for model in report.header.models}
    return [
        _comparison(report, group, opponent_of(report, group.model))
        for group in report.summary
        if roles.get(group.model, "candidate") == "candidate"
    ]


def candidates(report: Report) -> list[str]:
    """Their names, in the order of the exam."""
    return [each.model for each in comparisons(report)]


def _comparison(report: Report, group: Group, opponent: Opponent | None) -> Comparison:
    checks = [
        check
        for verdict in report.verdicts
        if verdict.model == group.model
        for check in verdict.checks
    ]
    others = [each for each in report.summary if opponent and each.model == opponent.name]
    groups = [group, *others]
    against = opponent.words if opponent else ""
    return Comparison(
        group.model,
        opponent,
        tuple(
            _compared(report, metric, groups, against, checks)
            for metric in metrics_of(groups, report.metrics)
        ),
    )


def _compared(
    report: Report, metric: str, groups: Sequence[Group], against: str, checks: Sequence[Check]
) -> Compared:
    by_kind = {check.against: check for check in checks if check.metric == metric}
    held = by_kind.get(against)
    decided = held or by_kind.get("floor")
    rule = report.header.gate.metrics.get(metric)
    return Compared(
        metric,
        groups[0].estimates.get(metric),
        groups[1].estimates.get(metric) if len(groups) > 1 else None,
        held.estimate if held else None,
        rule.margin if held and rule else None,
        decided.outcome if decided else None,
    )
