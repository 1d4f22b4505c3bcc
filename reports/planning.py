"""What an exam can show, said before anything is asked."""

from collections.abc import Sequence

from evals.gate import Gate
from evals.metrics.table import METRICS
from fixtures.cases import Case
from reports.power import detectable, planned_error


def foresee(gate: Gate, cases: Sequence[Case]) -> tuple[str, ...]:
    """One line a margin: the smallest loss that is told from none, and a warning where too small.

    Planned with the gate file's discordance and intra-cluster correlation, for right-or-wrong
    scores; graded scores such as F1 differ less, so that this errs on the careful side.
    """
    lines = []
    for metric, entry in gate.gating.items():
        if entry.margin is None:
            continue
        of = METRICS[metric].of
        asked = [case for case in cases if of == "all" or case.answerable == (of == "answerable")]
        contracts = len({case.contract.id for case in asked})
        found = _detectable(gate, contracts, len(asked)) if contracts > 1 else None
        if found is None:
            lines.append(f"{metric}: one contract or none; nothing can be told from it")
        elif found > entry.margin:
            lines.append(
                f"{metric}: too small for its margin of {entry.margin:g}; {contracts} contracts "
                f"tell a difference of {found:.3f} at {gate.planning.power:.0%} power"
            )
    return tuple(lines)


def _detectable(gate: Gate, contracts: int, cases: int) -> float | None:
    plan = gate.planning
    error = planned_error(contracts, cases / contracts, plan.discordance, plan.icc)
    return detectable(error, contracts, gate.alpha, plan.power)
