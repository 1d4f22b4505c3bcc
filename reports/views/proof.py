"""What an exam proved of a candidate, and what it did not."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from evals.gate import Planning
from reports.report import Check, Report, Verdict
from reports.verdict.prospects import least_told
from reports.views.wording import format_few


@dataclass(frozen=True, slots=True)
class Proof:
    """What answers on some contracts proved of a candidate, and what not, in clauses."""

    model: str
    contracts: int
    proved: tuple[str, ...]
    open: tuple[str, ...]

    @property
    def where(self) -> str:
        """Of whom, on how many contracts."""
        return f"{self.model} on {self.contracts} contract{'' if self.contracts == 1 else 's'}"

    @property
    def sentence(self) -> str:
        """Everything in one sentence."""
        return (
            f"proved of {self.where}: {'; '.join(self.proved)}; not proved: {'; '.join(self.open)}."
        )


def proofs(report: Report) -> list[Proof]:
    """One a candidate.

    Leakage, faults and the like are not proved by answers, and stand among the checks alone.
    """
    return [_proof(report, verdict) for verdict in report.verdicts]


def _proof(report: Report, verdict: Verdict) -> Proof:
    rules = report.header.gate.metrics
    better = frozenset(name for name, rule in rules.items() if rule.goal == "superior")
    proved = [
        *_said(
            verdict, "PASS", "the floor of {names}", "no worse than the {other} in {names}",
            better, "better than the {other} in {names}",
        ),
        *_said(
            verdict, "FAIL", "short of the floor of {names}", "not up to the {other} in {names}",
            better, "not better than the {other} in {names}",
        ),
    ]  # fmt: skip
    left = [
        *_said(verdict, "INCONCLUSIVE", "the floor of {names}", "{names} against the {other}"),
        *_said(verdict, "N/A", "{names} (not asked for here)", "{names} against the {other}"),
        *_alone(verdict),
        *_too_small(report, verdict),
    ]
    return Proof(
        verdict.model,
        report.examined_contracts,
        tuple(proved or ["nothing of its answers"]),
        tuple(left or ["nothing else was asked"]),
    )


def _said(
    verdict: Verdict,
    outcome: str,
    floor: str,
    compared: str,
    better: Collection[str] = (),
    surpassed: str = "",
) -> Iterator[str]:
    """One clause about floors, and one or two about each opponent.

    Of metrics that must be `better` than an opponent's `surpassed` is said, of others `compared`.
    """
    about: dict[tuple[str, str], list[str]] = {}
    for check in verdict.checks:
        if check.outcome == outcome and _of_answers(check):
            clause = surpassed if check.metric in better else compared
            clause = floor if check.against == "floor" else clause
            about.setdefault((check.against, clause), []).append(check.metric)
    for (other, clause), names in about.items():
        yield clause.format(names=format_few(names), other=other)


def _of_answers(check: Check) -> bool:
    return check.against == "floor" or check.compares


def _alone(verdict: Verdict) -> Iterator[str]:
    if not any(check.compares for check in verdict.checks):
        yield "anything about a champion, with which it was not compared"


def _too_small(report: Report, verdict: Verdict) -> Iterator[str]:
    """The least difference that these contracts tell, of the first metric that gates."""
    if (told := smallest_told(report, verdict)) is not None:
        size = "of any size" if told.difference is None else f"below {told.difference:.2g}"
        yield f"a difference {size} in {told.metric}"


@dataclass(frozen=True, slots=True)
class LeastDifference:
    """The least difference in a metric that an exam tells; None where it tells none."""

    metric: str
    difference: float | None


def smallest_told(report: Report, verdict: Verdict) -> LeastDifference | None:
    """Of the first metric that gates and is a share; None where there is none."""
    own = next((group for group in report.summary if group.model == verdict.model), None)
    for metric in report.gating:
        found = own.estimates.get(metric) if own else None
        if found is None or report.unit_of(metric):
            continue
        facts = report.header.gate
        plan = Planning(**facts.further.get("planning", {}))
        return LeastDifference(metric, least_told(plan, facts.alpha, found.clusters, found.n))
    return None
