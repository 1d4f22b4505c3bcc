"""The banner of a page: the verdict in words, what decided it, and how fine this exam can tell."""

from collections.abc import Iterable
from dataclasses import dataclass

from reports.report import Check, Report, Verdict
from reports.views.proof import smallest_told
from reports.views.wording import OUTCOMES, Conclusion, conclusions, format_check

MEANING = {
    "PROMOTE": "may go into service",
    "PASS": "passes; this exam puts no model into service",
    "REJECT": "may not go into service",
    "INCONCLUSIVE": "may not go into service on this evidence",
}


@dataclass(frozen=True, slots=True)
class Banner:
    """What is said of one model before anything else.

    Attributes:
        conclusion: the verdict.
        meaning: of its outcome; empty of an opponent.
        decided: the check that decided, and why; empty where nothing was checked.
        told: the smallest difference that this exam can tell; empty where no metric gates.
    """

    conclusion: Conclusion
    meaning: str
    decided: str
    told: str


def banners(report: Report) -> list[Banner]:
    """One a model, in the order of the exam."""
    verdicts = {verdict.model: verdict for verdict in report.verdicts}
    return [_banner(report, each, verdicts.get(each.model)) for each in conclusions(report)]


def _banner(report: Report, conclusion: Conclusion, verdict: Verdict | None) -> Banner:
    if verdict is None:
        return Banner(conclusion, "", "", "")
    check = decisive(verdict.checks)
    return Banner(
        conclusion,
        MEANING[verdict.outcome],
        _reason(check) if check else "",
        _told(report, verdict),
    )


def _reason(check: Check) -> str:
    """Most reasons begin with what the check is about."""
    if check.reason.startswith(check.metric):
        return check.reason
    return f"{format_check(check)}: {check.reason}"


def decisive(checks: Iterable[Check]) -> Check | None:
    """The check that decided: the first that fails, else the first that is open, else the closest.

    Of checks that pass, the closest is that with the largest p-value.
    """
    asked = [check for check in checks if check.outcome != "N/A"]
    if not asked:
        return None
    worst = min(asked, key=lambda check: OUTCOMES.index(check.outcome)).outcome
    alike = [check for check in asked if check.outcome == worst]
    if worst != "PASS":
        return alike[0]
    return max(alike, key=lambda check: -1.0 if check.p_value is None else check.p_value)


def _told(report: Report, verdict: Verdict) -> str:
    told = smallest_told(report, verdict)
    if told is None:
        return ""
    if told.difference is None:
        return f"no difference in {told.metric}, however large"
    return f"{told.difference:.2g} in {told.metric}"
