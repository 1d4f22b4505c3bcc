"""What an exam can show and will cost, said before anything is asked; and how the plan held."""

from collections.abc import Sequence
from dataclasses import dataclass

from evals.gate import Gate, MetricGate
from evals.judges.judge_exam import JudgeExam
from evals.metrics.table import METRICS
from evals.results import Result
from fixtures.cases import Case
from reports.report import Opponent
from reports.statistics.bootstrap import is_small
from reports.statistics.estimates import (
    intra_cluster_correlation,
    paired_differences,
)
from reports.statistics.power import minimum_detectable_effect, planned_error
from reports.verdict.pairs import pair

TOKENS = 800
"""Of a judge's call in its own exam, prompt and reply."""


@dataclass(frozen=True, slots=True)
class Detectable:
    """The least difference that the exam detects of one metric, in words.

    `too_small` says that its margin asks for less.
    """

    line: str
    too_small: bool


def minimum_detectable_effects(gate: Gate, cases: Sequence[Case]) -> tuple[Detectable, ...]:
    """What difference each metric that is compared tells from nothing.

    Planned with the gate file's discordance and intra-cluster correlation, for right-or-wrong
    scores; graded scores such as F1 differ less, so that this errs on the careful side.
    """
    superior = sum(entry.goal == "superior" and entry.role == "primary"
                   for entry in gate.gating.values())  # fmt: skip
    found = []
    for metric, entry in gate.gating.items():
        if entry.margin is None and entry.goal != "superior":
            continue
        asked = [case for case in cases if METRICS[metric].is_of(case)]
        contracts = len({case.contract.id for case in asked})
        if contracts < 2:
            found.append(Detectable(f"{metric}: fewer than two contracts tell nothing", True))
        elif METRICS[metric].unit:
            line = f"{metric}: what {contracts} contracts tell of an amount cannot be foreseen"
            found.append(Detectable(line, False))
        else:
            found.append(_of_share(metric, entry, gate, contracts, len(asked), max(superior, 1)))
    return tuple(found)


def too_few(gate: Gate, cases: Sequence[Case]) -> str | None:
    """Which gated metrics cannot conclude for want of cases or contracts; None where all may.

    Metrics of retrieval are left out: whether they apply is a matter of the model.
    """
    short = []
    for metric in gate.gating:
        if METRICS[metric].of_retrieval:
            continue
        asked = [case for case in cases if METRICS[metric].is_of(case)]
        contracts = len({case.contract.id for case in asked})
        if len(asked) < gate.minimum_cases or contracts < gate.minimum_contracts:
            short.append(f"{metric} has {len(asked)} of {contracts}")
    if not short:
        return None
    return (
        f"the gate asks for {gate.minimum_cases} cases of {gate.minimum_contracts} contracts at "
        f"least, else a metric is inconclusive whatever is answered: {', '.join(short)}"
    )


def _of_share(
    metric: str, entry: MetricGate, gate: Gate, contracts: int, cases: int, claims: int
) -> Detectable:
    """One metric of two contracts or more; `claims` of superiority share the risk."""
    if entry.goal == "superior" and is_small(contracts, cases):
        lowest = claims * 2.0**-contracts  # of all flips of the contracts' signs
        if lowest > gate.alpha:
            return Detectable(
                f"{metric}: {contracts} contracts cannot show that it is better, whatever they "
                f"bring (p is {lowest:.2g} at least, the gate asks for {gate.alpha:g}); "
                "examine more contracts",
                True,
            )
    least = _minimum_detectable_effect(gate, contracts, cases)
    if least is None or least >= 1:
        line = f"{metric}: {contracts} contracts tell no difference, however large"
        return Detectable(f"{line}; the exam is too small for it", True)
    line = f"{metric}: {contracts} contracts tell a difference of {least:.3f} at "
    line += f"{gate.planning.power:.0%} power"
    if entry.margin is None:
        return Detectable(f"{line}; it must be better by more than nothing", False)
    too_small = least > entry.margin
    verdict = "; the exam is too small for it" if too_small else ""
    return Detectable(f"{line}, the margin is {entry.margin:g}{verdict}", too_small)


def _minimum_detectable_effect(gate: Gate, contracts: int, cases: int) -> float | None:
    plan = gate.planning
    error = planned_error(contracts, cases / contracts, plan.discordance, plan.icc)
    return minimum_detectable_effect(error, contracts, gate.alpha, plan.power)


def format_correlations(
    gate: Gate, candidate: Sequence[Result], other: Sequence[Result], opponent: Opponent
) -> tuple[str, ...]:
    """The correlation within contracts that each comparison had, beside the planned one: one line.

    Where it is higher the exam detects less than was said before. An estimate below 0 is none.
    Nothing is known, and nothing said, of amounts, of one contract, and where no two cases differ.
    """
    found = []
    for metric, entry in gate.gating.items():
        if entry.margin is None or METRICS[metric].unit:
            continue
        pairs = pair(metric, candidate, other)
        correlation = None
        if pairs.contracts:
            differences = paired_differences(pairs.candidate, pairs.other)
            correlation = intra_cluster_correlation(differences, pairs.contracts)
        if correlation is not None:
            found.append(f"{metric} {max(correlation, 0.0):.2f}")
    if not found:
        return ()
    return (
        f"planned with a correlation of {gate.planning.icc:g} within contracts; the differences "
        f"from the {opponent.words} had: {', '.join(found)}",
    )


def judge_costs(exams: Sequence[JudgeExam]) -> list[str]:
    """What the judges' own exams ask at most, a line for every judge that is a chat model."""
    return [
        f"judge {exam.judge.name} takes an exam of its own: at most {exam.most_calls:,} calls, "
        f"about {exam.most_calls * TOKENS:,} tokens; they are kept, and asked once "
        "(--judge-exam skip leaves them out, and what it scores cannot pass)"
        for exam in exams
        if exam.most_calls
    ]


def several(candidates: int, alpha: float) -> str:
    """What several candidates in one exam do to its risk."""
    return (
        f"{candidates} candidates share this exam without a correction: each runs its own risk of "
        f"{alpha:g}; that any of them passes by luck has a risk of up to "
        f"{min(candidates * alpha, 1):.2g}"
    )
