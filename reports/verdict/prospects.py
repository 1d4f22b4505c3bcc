"""What an exam of so many contracts can prove of each demand of the gate, planned with guesses.

Said before anything is asked; it voids nothing afterwards.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evals.gate import Gate, Planning
from evals.metrics.table import METRICS
from fixtures.cases import Case
from reports.statistics.paired import compare_means
from reports.statistics.power import (
    fewest_contracts,
    least_reach,
    minimum_detectable_effect,
    planned_error,
    required_contracts,
)
from reports.verdict.means import metric_mean

HEAD = (
    "what {contracts} contracts can prove at {power:.0%} power, planned with guesses; said "
    "beforehand, it voids nothing afterwards:"
)

COLUMNS = "", "cases", "contracts", "tells a difference of", "shows"


@dataclass(frozen=True, slots=True)
class Demand:
    """What a gate asks of one metric on some cases.

    `name` is what its checks call it, `contracts` those of the exam whether or not they have such
    a case, `clusters` the contract of each case, and `least` how many cases there must be.
    """

    name: str
    metric: str
    floor: float | None
    margin: float | None
    contracts: int
    clusters: tuple[str, ...]
    least: int = 0
    superior: bool = False


@dataclass(frozen=True, slots=True)
class Prospect:
    """What can be proved of one demand.

    `tells` is the least difference that is told from the margin at the planned power; None where
    none is. `takes` are the contracts that the margin asks for, and `shown_at` is the true mean
    from which on the floor is shown; None where even the best possible mean does not show it.
    `equal_passes` says whether equal answers throughout would keep to the margin.
    """

    demand: Demand
    tells: float | None
    takes: int | None
    shown_at: float | None
    equal_passes: bool

    @property
    def too_small(self) -> bool:
        """Whether the margin, or superiority, asks for more than the exam can tell."""
        if self.demand.superior:
            return not self.equal_passes
        margin = self.demand.margin
        if margin is None:
            return False
        return self.tells is None or self.tells > margin or not self.equal_passes


def demands(gate: Gate, cases: Sequence[Case]) -> list[Demand]:
    """One for every gated metric."""
    contracts = len({case.contract.id for case in cases})
    return [
        Demand(
            metric,
            metric,
            entry.floor,
            entry.margin,
            contracts,
            tuple(case.contract.id for case in cases if METRICS[metric].is_of(case)),
            superior=entry.goal == "superior",
        )
        for metric, entry in gate.gating.items()
    ]


def prospect(demand: Demand, gate: Gate) -> Prospect:
    """Plan with the gate's discordance and correlation, as for right-or-wrong scores.

    Graded scores such as F1 differ less, so that this errs on the careful side.
    """
    clusters, margin = demand.clusters, demand.margin
    groups = len(set(clusters))
    if groups < 2 or METRICS[demand.metric].unit:
        return Prospect(demand, None, None, None, equal_passes=False)
    plan = gate.planning
    error = planned_error(groups, len(clusters) / groups, plan.discordance, plan.icc)
    tells = least_told(plan, gate.alpha, groups, len(clusters))
    takes, equal = None, True
    if demand.superior:
        alpha = gate.alpha / _claims(gate)
        won, lost = [1.0] * len(clusters), [0.0] * len(clusters)
        equal = compare_means(won, lost, clusters, alpha=alpha).difference.against(
            0.0, "lower"
        ) == ("FAIL")
        takes = _in_all(demand, fewest_contracts(len(clusters) / groups, alpha))
    elif margin is not None:
        needed = required_contracts(margin, error, groups, gate.alpha, plan.power)
        takes = _in_all(demand, needed) if needed else None
        level = [0.0] * len(clusters)
        equal = compare_means(level, level, clusters, margin, gate.alpha).outcome == "PASS"
    return Prospect(demand, tells, takes, _shown_at(demand, gate), equal)


def least_told(plan: Planning, alpha: float, contracts: int, cases: int) -> float | None:
    """The least difference that is told at the planned power; None where none that a share has."""
    if contracts < 2:
        return None
    error = planned_error(contracts, cases / contracts, plan.discordance, plan.icc)
    told = minimum_detectable_effect(error, contracts, alpha, plan.power)
    told = max(told or 1.0, least_reach(contracts, cases / contracts, alpha))
    return told if told < 1 else None


def _claims(gate: Gate) -> int:
    """Claims of superiority share the risk (Holm)."""
    entries = gate.gating.values()
    return max(sum(e.goal == "superior" and e.role == "primary" for e in entries), 1)


def _in_all(demand: Demand, needed: float) -> int:
    """Contracts of which so many have such a case, where as many have one as in this exam."""
    return math.ceil(needed * demand.contracts / len(set(demand.clusters)))


def _shown_at(demand: Demand, gate: Gate) -> float | None:
    """The mean nearest to the floor whose distance from it is told at the planned power.

    Of a share p the variance is p * (1 - p) in place of the discordance.
    """
    from scipy.optimize import brentq

    floor = demand.floor
    if floor is None:
        return None
    metric, clusters = METRICS[demand.metric], demand.clusters
    _, best = metric.worst_and_best
    perfect = metric_mean(demand.metric, [best] * len(clusters), clusters, gate.alpha)
    if perfect.against(floor, metric.direction) != "PASS":
        return None
    groups, plan = len(set(clusters)), gate.planning

    def lacks(share: float) -> float:
        spread = max(share * (1 - share), 1e-9)
        error = planned_error(groups, len(clusters) / groups, spread, plan.icc)
        told = minimum_detectable_effect(error, groups, gate.alpha, plan.power) or 1.0
        return told - abs(share - floor)

    if lacks(best) > 0 or floor == best:
        return best
    return float(brentq(lacks, floor, best))


def format_prospects(found: Sequence[Prospect], gate: Gate) -> tuple[str, ...]:
    """A sentence, the heads of columns and a line a demand; none where the gate asks nothing."""
    if not found:
        return ()
    rows = [COLUMNS, *map(_cells, found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    contracts = max(each.demand.contracts for each in found)
    return HEAD.format(contracts=contracts, power=gate.planning.power), *(
        f"  {line}" for line in lines
    )


def _cells(found: Prospect) -> tuple[str, ...]:
    demand = found.demand
    cases, groups = len(demand.clusters), len(set(demand.clusters))
    asked = demand.name, f"{cases:,}", f"{groups:,}"
    if cases < demand.least:
        takes = _contracts(_in_all(demand, demand.least * groups / cases))
        return *asked, f"too few cases: {demand.least} take {takes}", ""
    if METRICS[demand.metric].unit:
        return *asked, "what they tell of an amount cannot be foreseen", ""
    if groups < 2:
        return *asked, "fewer than two contracts prove nothing", ""
    return *asked, _difference(found), _floor(found)


def _difference(found: Prospect) -> str:
    demand = found.demand
    if demand.margin is None and not demand.superior:
        return ""
    told = f"{found.tells:.3f}" if found.tells is not None else "no difference"
    if demand.superior:
        enough = "" if found.equal_passes else f", and to be better takes {_contracts(found.takes)}"
        return told + enough
    if not found.too_small:
        return f"{told}, margin {demand.margin:g}"
    if found.takes is not None and found.takes <= demand.contracts:
        return f"{told}, margin {demand.margin:g} is not shown even by equal answers"
    return f"{told}, margin {demand.margin:g} takes {_contracts(found.takes)}"


def _contracts(count: int | None) -> str:
    if count is None:
        return "more contracts than there are"
    return f"{count:,} {'contract' if count == 1 else 'contracts'}"


def _floor(found: Prospect) -> str:
    floor = found.demand.floor
    if floor is None:
        return ""
    bound = "ceiling" if METRICS[found.demand.metric].direction == "lower" else "floor"
    if found.shown_at is None:
        return f"not {bound} {floor:g}, even by the best possible answers"
    return f"{bound} {floor:g} if the true mean is {found.shown_at:.2f}"


def too_small(found: Iterable[Prospect]) -> str | None:
    """A warning of margins for which an exam is too small; None where it is for none."""
    short = [each for each in found if each.too_small]
    names = {
        f"{what} {', '.join(each.demand.name for each in short if each.demand.superior == better)}"
        for what, better in (("for the margin of", False), ("to show what is better in", True))
        if any(each.demand.superior == better for each in short)
    }
    return f"the exam is too small {' and '.join(sorted(names))}" if names else None
