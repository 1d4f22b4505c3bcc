"""Whether a report's own checks, and the gate that it names, support what it concludes."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from common.settings import read_toml
from models.promotion.evidence import (
    ExamEvidence,
    ReportedCheck,
    ReportedInterval,
    ReportedVerdict,
)

ROUNDING = 1e-9


def contradiction(exam: ExamEvidence) -> str | None:
    """Why a report that says PROMOTE cannot say so, in words; None where nothing speaks against it.

    Computed again is what the report alone can tell: that there are checks of answers, that each
    thing which the gate asks for was checked, that the numbers beside a check pass it, and that
    nothing that did not pass was passed over.

    Raises:
        UserError: the gate file cannot be read.
    """
    verdict = exam.verdict
    failed = [check for check in verdict.checks if not _holds(check, exam)]
    if failed:
        return f"its check of {failed[0].metric} says {failed[0].outcome}"
    opponents = dict(_opponents(verdict))
    of_answers = [each for each in verdict.checks if each.against in {"floor", *opponents}]
    answers = [each for each in of_answers if each.estimate and each.outcome == "PASS"]
    if not answers:
        return "it holds no check of answers: neither a floor nor a margin"
    gate: Mapping[str, Any] = read_toml(exam.gate.file, dict[str, Any]).get("metrics", {})
    applies = [each for each in of_answers if each in answers or each.outcome == "N/A"]
    done = {(check.metric, check.against) for check in applies}
    for metric, against in _asked(gate, opponents):
        if (metric, against) not in done:
            return f"its gate asks for {metric} against {against}, which it did not check"
    if verdict.improves_anchor and not _improves(verdict, exam.lower):
        return "its means do not improve on the anchor, as it says they do"
    return next((w for w in (_unsupported(each, gate, exam) for each in answers) if w), None)


def _holds(check: ReportedCheck, exam: ExamEvidence) -> bool:
    """Whether it passed, or asks what has no meaning here, as only retrieval may have none."""
    return check.outcome == "PASS" or (check.outcome == "N/A" and check.metric in exam.of_retrieval)


def _improves(verdict: ReportedVerdict, lower: Collection[str]) -> bool:
    """Whether no mean is worse than the best champion's so far."""
    best = ("anchor", verdict.anchor) if verdict.anchor else ("champion", verdict.champion)
    against = f"{best[0]} {best[1].name}" if best[1] else None
    means = [
        (-1 if check.metric in lower else 1) * check.estimate["mean"]
        for check in verdict.checks
        if check.against == against and check.estimate
    ]
    if means:
        return all(mean >= 0 for mean in means)
    return best[1] is None or best[1].name == verdict.model


def _opponents(verdict: ReportedVerdict) -> Iterator[tuple[str, str]]:
    """Whom the candidate was compared with, as checks call them, with their role; not itself."""
    for role, named in (("champion", verdict.champion), ("anchor", verdict.anchor)):
        if named and named.name != verdict.model:
            yield f"{role} {named.name}", role


def _asked(gate: Mapping[str, Any], opponents: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What a gate asks for: (metric, against)."""
    for metric, entry in gate.items():
        if entry.get("role", "report") == "report":
            continue
        if "floor" in entry:
            yield metric, "floor"
        for against, role in opponents.items():
            if "margin" in entry or (entry.get("goal") == "superior" and role == "champion"):
                yield metric, against


def _unsupported(check: ReportedCheck, gate: Mapping[str, Any], exam: ExamEvidence) -> str | None:
    """Why a check that says PASS cannot, by the numbers beside it."""
    entry = gate.get(check.metric, {})
    try:
        found = check.interval
    except ValidationError:
        found = None
    if found is None or found.low is None or found.high is None:
        return f"its check of {check.metric} against {check.against} has no interval"
    sign = -1 if check.metric in exam.lower else 1
    worst = min(sign * found.low, sign * found.high)
    if check.against == "floor":
        if not _is(found, exam.estimates.get(check.metric)):
            return f"its check of {check.metric} and its summary tell of two means"
        least = sign * entry["floor"] if "floor" in entry else None
    elif "margin" in entry:
        least = -entry["margin"]
    else:
        least = 0.0 if entry.get("goal") == "superior" else None
        worst = sign * found.mean
    if least is not None and worst < least - ROUNDING:
        return f"{check.metric} against {check.against} does not pass by the interval it gives"
    return None


def _is(found: ReportedInterval, estimate: Mapping[str, Any] | None) -> bool:
    try:
        return estimate is not None and ReportedInterval.model_validate(estimate) == found
    except ValidationError:
        return False
