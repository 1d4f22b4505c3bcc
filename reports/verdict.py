"""What the gate concludes: PROMOTE, REJECT or INCONCLUSIVE, with the reasons in words.

Every check must pass for PROMOTE, and one that fails is enough for REJECT: an intersection-union
test, which needs no correction for the number of guards (Berger 1982). Only superiority on
primary metrics is corrected, by Holm's method, since each is a claim of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from evals.metrics.table import METRICS
from reports.statistics import Estimate

Outcome = Literal["PASS", "FAIL", "INCONCLUSIVE", "N/A"]
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


def decide(
    model: str,
    checks: Sequence[Check],
    champion: Opponent | None = None,
    anchor: Opponent | None = None,
) -> Verdict:
    """Combine checks into a verdict; the reasons are those of the checks that did not pass."""
    outcomes = {check.outcome for check in checks}
    outcome: Decision = "PROMOTE"
    if "FAIL" in outcomes:
        outcome = "REJECT"
    elif "INCONCLUSIVE" in outcomes or not any(check.speaks for check in checks):
        outcome = "INCONCLUSIVE"
    worst: Outcome = "FAIL" if outcome == "REJECT" else "INCONCLUSIVE"
    reasons = tuple(c.reason for c in checks if c.outcome == worst)
    if outcome == "INCONCLUSIVE" and not reasons:
        reasons = (
            "the gate file asks nothing of the answers; give a metric that reads them a floor or "
            "a margin",
        )
    best = anchor or champion
    gains = [_is_gain(c) for c in checks if best and c.against == best.words and c.outcome != "N/A"]
    improves = all(gains) if gains else best is None or best.name == model
    return Verdict(model, outcome, reasons, tuple(checks), champion, anchor, improves)


def _is_gain(check: Check) -> bool:
    """Whether the interval of a difference lies where the candidate is better."""
    found = check.estimate
    if found is None or found.low is None or found.high is None:
        return False
    known = METRICS.get(check.metric)
    return found.high < 0 if known and known.direction == "lower" else found.low > 0
