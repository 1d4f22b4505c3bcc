"""What an exam will cost, how its plan held, and what it would take where it does not conclude."""

from collections.abc import Sequence

from evals.gate import Gate
from evals.judges.judge_exam import JudgeExam
from evals.metrics.table import METRICS
from evals.results import Result
from fixtures.cases import Case
from reports.report import Opponent
from reports.statistics.clusters import intra_cluster_correlation
from reports.statistics.estimates import Estimate, paired_differences
from reports.statistics.power import required_contracts
from reports.verdict.pairs import pair

MOST = 100_000
"""Contracts; what would take more is said to be never settled."""

NO_DISTANCE = 1e-12

TOKENS = 800
"""Of a judge's call in its own exam, prompt and reply."""


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


def format_correlations(
    gate: Gate, candidate: Sequence[Result], other: Sequence[Result], opponent: Opponent
) -> tuple[str, ...]:
    """The correlation within contracts that a comparison had, beside the planned one: one line.

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
        f"planned with a correlation of {gate.planning.icc:g} within contracts; the differences of "
        f"{candidate[0].model} from the {opponent.words} had: {', '.join(found)}",
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
    """How the risk is divided among several candidates; `alpha` is that of the gate file."""
    return (
        f"{candidates} candidates share this exam: each is judged at a risk of "
        f"{alpha / candidates:.3g} in place of {alpha:g}, so that any of them passes by luck in "
        f"{alpha:g} of exams at most (Bonferroni)"
    )


def what_it_takes(found: Estimate, line: float, gate: Gate) -> str:
    """How many more contracts like these would settle on which side of a line a mean lies.

    As far as the mean that was found is the true one. The error is the one that the interval
    implies at its nearer end, so that it holds whatever the interval was made of.

    Args:
        found: inconclusive against the line.
        line: a floor, or of a difference the margin, negative.
        gate: whose alpha it was judged at, and whose power is asked for.

    Returns:
        Words that end a reason; empty where nothing is known of the spread.
    """
    from scipy import stats

    if found.low is None or found.high is None:
        return ""
    distance = found.mean - line
    reach = found.mean - found.low if distance > 0 else found.high - found.mean
    needed = None
    if abs(distance) > NO_DISTANCE and reach > 0:
        error = reach / float(stats.t.isf(gate.alpha, found.clusters - 1))
        needed = required_contracts(
            distance, error, found.clusters, gate.alpha, gate.planning.power, most=MOST
        )
    if needed is None:
        return f"it lies so near to the line that {MOST:,} contracts would not settle it"
    more = max(needed - found.clusters, 1)
    return f"about {more:,} more {'contract' if more == 1 else 'contracts'} would settle it"
