"""What an exam found beside its metrics: of whole sets, of variants, of the judges themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from reports.statistics import Estimate
from reports.verdict import Outcome


@dataclass(frozen=True, slots=True)
class Finding:
    """One measure of one subject (a model, a judge).

    `outcome` is None where the gate file asks nothing of it; `reason` says why, or what is
    missing where there is no estimate.
    """

    subject: str
    measure: str
    estimate: Estimate | None
    reason: str = ""
    outcome: Outcome | None = None

    @property
    def line(self) -> str:
        """Measure, value, interval and reason."""
        estimate = self.estimate
        shown = self.measure if estimate is None else f"{self.measure} {estimate.mean:.3f}"
        if estimate and estimate.low is not None and estimate.high is not None:
            shown += f" [{estimate.low:.3f}, {estimate.high:.3f}]"
        return f"{shown}; {self.reason}" if self.reason else shown


@dataclass(frozen=True, slots=True)
class Section:
    """Findings that are read together; `note` says what the measures mean."""

    name: str
    title: str
    note: str
    findings: tuple[Finding, ...]

    def of(self, subject: str, measure: str) -> Finding | None:
        """The finding of one measure of one subject, if there is one."""
        matching = (f for f in self.findings if (f.subject, f.measure) == (subject, measure))
        return next(matching, None)


def held(estimate: Estimate | None, line: float | None, *, at_least: bool = True) -> Outcome | None:
    """PASS where the whole interval keeps to the line, FAIL where none of it does.

    Args:
        estimate: with its interval; None is inconclusive.
        line: what the gate file asks; None asks nothing.
        at_least: whether values must reach the line, or must not exceed it.
    """
    if line is None:
        return None
    if estimate is None or estimate.low is None or estimate.high is None:
        return "INCONCLUSIVE"
    worst, best = estimate.low - line, estimate.high - line
    if not at_least:
        worst, best = -best, -worst
    if worst >= 0:
        return "PASS"
    return "FAIL" if best < 0 else "INCONCLUSIVE"


def as_rows(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """JSON-able values."""
    return [asdict(section) for section in sections]


def read_rows(rows: Sequence[Mapping[str, Any]]) -> tuple[Section, ...]:
    """Sections from the values that `as_rows` gave."""
    return tuple(
        Section(
            row["name"],
            row["title"],
            row["note"],
            tuple(
                Finding(**{**each, "estimate": each["estimate"] and Estimate(**each["estimate"])})
                for each in row["findings"]
            ),
        )
        for row in rows
    )
