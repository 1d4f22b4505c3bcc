"""What the gate concludes from estimates: PASS, FAIL or INCONCLUSIVE, with the reason in words."""

from dataclasses import dataclass
from typing import Literal

from evals.metrics.table import METRICS
from reports.statistics import Estimate

Outcome = Literal["PASS", "FAIL", "INCONCLUSIVE"]


@dataclass(frozen=True, slots=True)
class FloorVerdict:
    """One model against one floor."""

    model: str
    metric: str
    floor: float
    outcome: Outcome
    reason: str


def against_floor(
    model: str,
    metric: str,
    floor: float,
    estimate: Estimate | None,
    unscored: float,
    attrition: float,
) -> FloorVerdict:
    """Compare an estimate with the worst mean that is tolerated.

    PASS when the interval lies wholly on the good side of the floor, FAIL when wholly on the bad
    side, INCONCLUSIVE otherwise, and whenever more than `attrition` of the cases are `unscored`.
    """

    def verdict(outcome: Outcome, reason: str) -> FloorVerdict:
        return FloorVerdict(model, metric, floor, outcome, f"{metric} {reason}")

    if estimate is None:
        return verdict("INCONCLUSIVE", "could not be computed on any case")
    if unscored > attrition:
        return verdict(
            "INCONCLUSIVE",
            f"is missing on {unscored:.1%} of its cases; the gate allows {attrition:.1%}",
        )
    if estimate.low is None or estimate.high is None:
        return verdict(
            "INCONCLUSIVE",
            f"{estimate.mean:.3f} on one contract has no interval; examine two or more",
        )
    shown = f"{estimate.mean:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
    lower_is_better = METRICS[metric].direction == "lower"
    bound = "at most" if lower_is_better else "at least"
    worst, best = (
        (-estimate.high, -estimate.low) if lower_is_better else (estimate.low, estimate.high)
    )
    line = -floor if lower_is_better else floor
    if worst >= line:
        return verdict("PASS", f"{shown} is {bound} {floor:g}")
    if best < line:
        return verdict("FAIL", f"{shown} is not {bound} {floor:g}")
    return verdict(
        "INCONCLUSIVE",
        f"{shown}: {bound} {floor:g} is neither shown nor refuted; ask more contracts",
    )
