"""What an exam can show, said before anything is asked."""

from collections.abc import Sequence
from dataclasses import dataclass

from evals.gate import Gate
from evals.metrics.table import METRICS
from fixtures.cases import Case
from reports.power import detectable, planned_error


@dataclass(frozen=True, slots=True)
class Foresight:
    """What the exam can tell of one metric, in words, and whether that is less than its margin."""

    line: str
    too_small: bool


def foresee(gate: Gate, cases: Sequence[Case]) -> tuple[Foresight, ...]:
    """The smallest loss that is told from none, for every metric with a margin.

    Planned with the gate file's discordance and intra-cluster correlation, for right-or-wrong
    scores; graded scores such as F1 differ less, so that this errs on the careful side.
    """
    found = []
    for metric, entry in gate.gating.items():
        if entry.margin is None:
            continue
        of = METRICS[metric].of
        asked = [case for case in cases if of == "all" or case.answerable == (of == "answerable")]
        contracts = len({case.contract.id for case in asked})
        least = _detectable(gate, contracts, len(asked)) if contracts > 1 else None
        if least is None:
            found.append(Foresight(f"{metric}: fewer than two contracts tell nothing", True))
            continue
        too_small = least > entry.margin
        verdict = "; the exam is too small for it" if too_small else ""
        line = (
            f"{metric}: {contracts} contracts tell a difference of {least:.3f} at "
            f"{gate.planning.power:.0%} power, the margin is {entry.margin:g}{verdict}"
        )
        found.append(Foresight(line, too_small))
    return tuple(found)


def _detectable(gate: Gate, contracts: int, cases: int) -> float | None:
    plan = gate.planning
    error = planned_error(contracts, cases / contracts, plan.discordance, plan.icc)
    return detectable(error, contracts, gate.alpha, plan.power)
