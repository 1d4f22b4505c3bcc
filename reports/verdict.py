"""What the gate concludes: PROMOTE, REJECT or INCONCLUSIVE, with the reasons in words.

Every check must pass for PROMOTE, and one that fails is enough for REJECT: an intersection-union
test, which needs no correction for the number of guards (Berger 1982). Only superiority on
primary metrics is corrected, by Holm's method, since each is a claim of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from evals.gate import Gate, MetricGate
from evals.metrics.table import METRICS
from evals.plan import Result
from reports.paired import Comparison, compare_means
from reports.pairs import Pairs, pair
from reports.power import required_contracts
from reports.statistics import Estimate, holm

Outcome = Literal["PASS", "FAIL", "INCONCLUSIVE"]
Decision = Literal["PROMOTE", "PASS", "REJECT", "INCONCLUSIVE"]
"""PASS is a PROMOTE that cannot be one: the champion was not compared (`opponents.unpromoted`)."""


@dataclass(frozen=True, slots=True)
class Opponent:
    """A model that the candidate is measured against."""

    role: Literal["baseline", "champion", "anchor"]
    name: str
    identity: str


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold. `against` is `floor`, an opponent, or what the check is about."""

    metric: str
    against: str
    outcome: Outcome
    reason: str
    estimate: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The conclusion about one candidate.

    `improves_anchor` says that no gated metric is, by its mean, worse than the best champion's so
    far (the anchor, or the champion where that is the anchor): such a candidate becomes the anchor
    when it is promoted.
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
    elif "INCONCLUSIVE" in outcomes or not checks:
        outcome = "INCONCLUSIVE"
    worst: Outcome = "FAIL" if outcome == "REJECT" else "INCONCLUSIVE"
    reasons = tuple(c.reason for c in checks if c.outcome == worst)
    best = anchor or champion
    gains = [
        c.estimate is not None and _gain(c.metric, c.estimate.mean) >= 0
        for c in checks
        if best and c.against == f"{best.role} {best.name}"
    ]
    improves = all(gains) if gains else best is None or best.name == model
    return Verdict(model, outcome, reasons, tuple(checks), champion, anchor, improves)


def size_check(gate: Gate, cases: int) -> list[Check]:
    """Whether the exam has the cases that the gate asks for at least."""
    if cases >= gate.minimum_cases:
        return []
    reason = f"{cases} cases; the gate asks for {gate.minimum_cases} at least"
    return [Check("cases", "minimum", "INCONCLUSIVE", reason)]


def floor_checks(
    gate: Gate, estimates: Mapping[str, Estimate], lost: Mapping[str, float]
) -> list[Check]:
    """Every gated metric that has a floor, against it.

    Args:
        gate: floors and the attrition that is tolerated.
        estimates: the candidate's means by metric.
        lost: share of each metric's cases without an answer or judgement.
    """
    return [
        _floor_check(metric, entry.floor, estimates.get(metric), lost.get(metric, 0.0), gate)
        for metric, entry in gate.gating.items()
        if entry.floor is not None
    ]


def _floor_check(
    metric: str, floor: float, estimate: Estimate | None, lost: float, gate: Gate
) -> Check:
    def check(outcome: Outcome, reason: str) -> Check:
        return Check(metric, "floor", outcome, f"{metric} {reason}", estimate)

    if estimate is None:
        return check("INCONCLUSIVE", "could not be computed on any case")
    if lost > gate.attrition:
        return check(
            "INCONCLUSIVE", f"is missing on {lost:.1%} of its cases; {gate.attrition:.1%} may be"
        )
    if estimate.low is None or estimate.high is None:
        return check("INCONCLUSIVE", f"{estimate.mean:.3f} is of one contract; examine two or more")
    shown = f"{estimate.mean:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
    bound = "at most" if METRICS[metric].direction == "lower" else "at least"
    worst, best = _ends(metric, estimate.low, estimate.high)
    line = _gain(metric, floor)
    if worst >= line:
        return check("PASS", f"{shown} is {bound} {floor:g}")
    if best < line:
        return check("FAIL", f"{shown} is not {bound} {floor:g}")
    return check("INCONCLUSIVE", f"{shown}: {bound} {floor:g} is neither shown nor refuted")


def opponent_checks(
    gate: Gate, candidate: Sequence[Result], other: Sequence[Result], opponent: Opponent
) -> list[Check]:
    """Every gated metric that has a margin or asks for superiority, against one opponent.

    The anchor is held against the margins alone: superiority is claimed over the champion.
    """
    wanted = {
        metric: entry
        for metric, entry in gate.gating.items()
        if entry.margin is not None or (entry.goal == "superior" and opponent.role != "anchor")
    }
    pairs = {metric: pair(metric, candidate, other) for metric in wanted}
    compared = {
        metric: _compared(metric, pairs[metric], entry.margin or 0.0, gate.alpha)
        for metric, entry in wanted.items()
    }
    p_values = _corrected(wanted, compared)
    return [
        _check(metric, entry, pairs[metric], compared[metric], opponent, gate, p_values.get(metric))
        for metric, entry in wanted.items()
    ]


def _compared(metric: str, pairs: Pairs, margin: float, alpha: float) -> Comparison | None:
    """The comparison on a scale where more is better; None without a pair."""
    if not pairs.contracts:
        return None
    first, second = pairs.candidate, pairs.other
    if METRICS[metric].direction == "lower":
        first, second = second, first
    return compare_means(first, second, pairs.contracts, margin, alpha)


def _corrected(
    wanted: Mapping[str, MetricGate], compared: Mapping[str, Comparison | None]
) -> dict[str, float]:
    """P-values of superiority; those of primary metrics by Holm's method."""
    raw = {
        metric: found.p_value
        for metric, entry in wanted.items()
        if entry.goal == "superior" and (found := compared[metric]) and found.p_value is not None
    }
    primary = [metric for metric in raw if wanted[metric].role == "primary"]
    corrected = holm([raw[metric] for metric in primary]) if primary else ()
    return raw | dict(zip(primary, corrected, strict=True))


def _check(
    metric: str,
    entry: MetricGate,
    pairs: Pairs,
    found: Comparison | None,
    opponent: Opponent,
    gate: Gate,
    p_value: float | None,
) -> Check:
    against = f"{opponent.role} {opponent.name}"
    if found is None:
        return Check(metric, against, "INCONCLUSIVE", f"{metric}: no case was scored on both sides")
    estimate = _natural(metric, found.difference)

    def check(outcome: Outcome, reason: str) -> Check:
        shown = f"{metric} {_signed(estimate)} against {against}"
        return Check(metric, against, outcome, f"{shown}; {reason}", estimate)

    if pairs.lost > gate.attrition:
        return check(
            "INCONCLUSIVE",
            f"{pairs.lost:.1%} of the pairs lack an answer, {gate.attrition:.1%} may",
        )
    if estimate.low is None:
        return check("INCONCLUSIVE", "one contract has no interval, examine two or more")
    if entry.goal == "superior":
        return _superior(check, found, p_value, gate.alpha)
    if found.outcome != "INCONCLUSIVE":
        said = "not worse" if found.outcome == "PASS" else "worse"
        return check(found.outcome, f"margin {found.margin:g}: {said}")
    more = _more_contracts(found, gate)
    settle = f"; about {more} more contracts would settle it" if more else ""
    return check("INCONCLUSIVE", f"margin {found.margin:g}: inconclusive{settle}")


def _superior(
    check: Callable[[Outcome, str], Check], found: Comparison, p: float | None, alpha: float
) -> Check:
    high = found.difference.high
    if p is not None and p <= alpha and found.difference.mean > 0:
        return check("PASS", f"p = {p:.2g}: better")
    if high is not None and high <= 0:
        return check("FAIL", "not better")
    return check("INCONCLUSIVE", f"p = {p:.2g}: not shown to be better" if p else "no difference")


def _more_contracts(found: Comparison, gate: Gate) -> int | None:
    """Contracts beyond those at hand that would settle an inconclusive difference."""
    effect = found.difference.mean + found.margin
    if not found.error or not effect:
        return None
    at_hand = found.difference.clusters
    needed = required_contracts(effect, found.error, at_hand, gate.alpha, gate.planning.power)
    return needed - at_hand if needed and needed > at_hand else None


def _natural(metric: str, difference: Estimate) -> Estimate:
    """Candidate minus opponent in the metric's own direction."""
    if METRICS[metric].direction == "higher" or difference.low is None or difference.high is None:
        sign = 1 if METRICS[metric].direction == "higher" else -1
        return replace(difference, mean=sign * difference.mean)
    return replace(difference, mean=-difference.mean, low=-difference.high, high=-difference.low)


def _gain(metric: str, value: float) -> float:
    """`value` on a scale where more is better."""
    return -value if METRICS[metric].direction == "lower" else value


def _ends(metric: str, low: float, high: float) -> tuple[float, float]:
    """The interval's ends as (worst, best) on a scale where more is better."""
    first, second = _gain(metric, low), _gain(metric, high)
    return min(first, second), max(first, second)


def _signed(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.mean:+.3f}"
    return f"{estimate.mean:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}]"
