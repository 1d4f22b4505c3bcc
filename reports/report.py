"""The report of one exam: everything that was found, with what it was found from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from evals.metrics.table import METRICS
from evals.results import Result, Spending
from reports.statistics.estimates import Estimate, Outcome


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
        shown = self.measure if self.estimate is None else f"{self.measure} {self.estimate}"
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


@dataclass(frozen=True, slots=True)
class CategoryDifference:
    """Candidate minus opponent in one category, in the metric's own unit.

    `q_value` is the two-sided p-value corrected by Benjamini and Hochberg's method over the
    categories of this metric: among those at 0.05 or below, one in twenty is expected by chance.
    """

    model: str
    against: str
    metric: str
    category: str
    estimate: Estimate
    q_value: float


@dataclass(frozen=True, slots=True)
class Performance:
    """Latency percentiles in seconds, over `calls` answers of one model, and its speed.

    `tokens_per_second` are tokens generated, over the time in which the model was busy with calls
    of this run; retrieval and other models do not count. All are None where the run asked nothing:
    times of another run say nothing of this one. The last is None for models without tokens.
    """

    model: str
    calls: int
    p50_latency: float | None
    p95_latency: float | None
    tokens_per_second: float | None


Decision = Literal["PROMOTE", "PASS", "REJECT", "INCONCLUSIVE"]
"""PASS is a PROMOTE that cannot be one: the champion was not compared (`opponents.unpromoted`)."""


@dataclass(frozen=True, slots=True)
class Opponent:
    """A model that the candidate is measured against."""

    role: Literal["baseline", "champion", "anchor"]
    name: str
    identity: str

    @property
    def words(self) -> str:
        """What a check calls it."""
        return f"{self.role} {self.name}"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold. `against` is `floor`, an opponent, or what the check is about.

    N/A is of a metric that does not apply to this kind of model or exam: it neither holds the
    candidate up nor speaks for it.
    """

    metric: str
    against: str
    outcome: Outcome
    reason: str
    estimate: Estimate | None = None

    @property
    def speaks(self) -> bool:
        """Whether it shows something good of the answers."""
        known = METRICS.get(self.metric)
        return self.outcome == "PASS" and known is not None and known.reads_answers


@dataclass(frozen=True, slots=True)
class Verdict:
    """The conclusion about one candidate.

    `improves_anchor` says that every gated metric is shown to be better than the best champion's
    so far (the anchor, or the champion where that is the anchor): such a candidate becomes the
    anchor when it is promoted. Were a better mean enough, luck would carry the anchor along a chain
    of small losses.
    """

    model: str
    outcome: Decision
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]
    champion: Opponent | None = None
    anchor: Opponent | None = None
    improves_anchor: bool = True


@dataclass(frozen=True, slots=True)
class Header:
    """What was examined, with what, where and by whom; every value is JSON-able.

    `fingerprint` holds what two exams must share for their numbers to be comparable. `part` says
    that cases or answers were left out by choice, so that this exam can promote nobody, and takes
    back nothing that a whole one showed.
    """

    id: str
    started: str
    command: str
    provenance: Mapping[str, Any]
    dataset: Mapping[str, Any]
    retriever: Mapping[str, Any]
    models: Sequence[Mapping[str, Any]]
    gate: Mapping[str, Any]
    fingerprint: Mapping[str, Any]
    part: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Estimates of one model on one group of cases, by metric; one without a value is left out.

    `unscored` counts the cases of a metric that have no value.
    """

    model: str
    name: str
    cases: int
    estimates: Mapping[str, Estimate]
    unscored: Mapping[str, int]


@dataclass(frozen=True)
class Report:
    """One exam, concluded. `missed` names the tests that missed, by (model, case id).

    `notes` are lines for the reader: what the exam was too small for, what changed in the data.
    `sections` hold what was found beside the metrics.
    """

    header: Header
    spending: Spending
    summary: tuple[Group, ...]
    categories: tuple[Group, ...]
    contracts: tuple[Group, ...]
    verdicts: tuple[Verdict, ...]
    performance: tuple[Performance, ...]
    results: tuple[Result, ...]
    missed: Mapping[tuple[str, str], tuple[str, ...]]
    notes: tuple[str, ...] = ()
    differences: tuple[CategoryDifference, ...] = ()
    sections: tuple[Section, ...] = ()

    @property
    def failed_answers(self) -> int:
        """Answers that are errors."""
        return sum(result.answer.error is not None for result in self.results)
