"""When an exam is looked at, and how strictly: once, or with `--sequential` after each part."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evals.exam.run import Run
from fixtures.cases import Case
from reports.report import Verdict
from reports.statistics.sequential import plan_looks, settled


@dataclass(frozen=True, slots=True)
class Looks:
    """The cases that each look adds, and the risk of each bound at it; none to look but once."""

    stages: tuple[tuple[Case, ...], ...]
    levels: tuple[float, ...]


def plan_stages(cases: Sequence[Case], alpha: float, *, sequential: bool) -> Looks:
    """Divide the cases by contract, in an order that is the same in every run."""
    if not sequential:
        return Looks((), (alpha,))
    plan = plan_looks([case.contract.id for case in cases], alpha)
    parts = [set(contracts) for contracts in plan.contracts]
    stages = tuple(tuple(c for c in cases if c.contract.id in part) for part in parts)
    return Looks(stages, plan.levels)


def taken(run: Run) -> int:
    """How many looks a run came to, that of an interrupted stage among them."""
    return sum(bool(stage) and stage[0] in run.reached for stage in run.plan.stages)


def is_settled(verdicts: Iterable[Verdict]) -> bool:
    """Whether the verdicts of a look are certain."""
    verdicts = list(verdicts)
    estimates = [c.estimate for v in verdicts for c in v.checks if c.estimate]
    return settled([verdict.outcome for verdict in verdicts], estimates)


def stopped_note(run: Run, looks: Looks) -> str:
    """What a reader must know of an exam that was settled before all was asked."""
    plan = run.plan
    left = len(plan.cases) - len(run.reached)
    return (
        f"stopped after look {taken(run)} of {len(looks.levels)}: the verdict was certain, and "
        f"{left * len(plan.models)} of {len(plan.cases) * len(plan.models)} "
        "answers were not asked for; the estimates are those of a stopped exam, whose "
        "intervals hold at all looks together"
    )
