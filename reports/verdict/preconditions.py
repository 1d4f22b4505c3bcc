"""What is known before anything is asked: leaks, what the exam can show, what it will cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bar_exam.common.identity import file_digest
from bar_exam.evals.gate import Gate, Leakage, MetricGate
from bar_exam.evals.judges.judge_exam import JudgeExam
from bar_exam.evals.leakage import check_leakage, find_leaks
from bar_exam.evals.metrics.table import METRICS
from bar_exam.fixtures.cases import Case
from bar_exam.fixtures.selection import Selection
from bar_exam.models.entry import Entry
from bar_exam.models.manifest import FILE, read_manifest
from bar_exam.models.registry import EchoEntry, ExtractiveEntry, LocalEntry
from bar_exam.reports.report import Check
from bar_exam.reports.statistics.bootstrap import is_small
from bar_exam.reports.statistics.estimates import Outcome
from bar_exam.reports.statistics.power import detectable, planned_error


def partial_check(asked: int, selected: int, selection: Selection) -> list[Check]:
    """A verdict is of a whole exam: not of what -k left of it, nor of hand-picked cases."""
    if asked < selected:
        reason = f"{asked} of {selected} cases were examined; leave out -k and run all of evals"
    elif selection.categories or selection.contracts:
        reason = "the cases were picked by --category or --contract; a verdict needs an exam of all"
    else:
        return []
    return [Check("cases", "minimum", "INCONCLUSIVE", reason)]


def leak_checks(entry: Entry, cases: Sequence[Case], rules: Leakage, name: str = "") -> list[Check]:
    """Whether a model was trained on what it is examined on: always one check.

    An adapter says so in its manifest, which the registry entry seals. Of every other model that
    was trained nobody knows, and the gate file must excuse it by name; what was never trained
    needs nothing.

    Raises:
        UserError: a manifest cannot be read, or is malformed.
    """
    outcome, reason = _leakage(entry, cases, rules, name)
    return [Check("leakage", "its training data", outcome, reason)]


def _leakage(entry: Entry, cases: Sequence[Case], rules: Leakage, name: str) -> tuple[Outcome, str]:
    if isinstance(entry, EchoEntry | ExtractiveEntry):
        return "PASS", "no exam contract leaks: it was never trained"
    if not isinstance(entry, LocalEntry) or not entry.adapter:
        return _unknown(name or "this model", "only an adapter has a manifest", rules)
    adapter, name = entry.adapter, name or entry.adapter.name
    manifest = read_manifest(adapter)
    if manifest is None and not entry.manifest:
        return _unknown(name, f"{adapter.name} holds no {FILE}", rules)
    if manifest is None:
        return "INCONCLUSIVE", (
            f"nobody knows what {name} was trained on: {adapter.name} holds no {FILE}, although "
            "its registry entry names one; restore it or train the adapter again"
        )
    leaks = find_leaks(cases, manifest, rules.containment)
    found = check_leakage(adapter.name, leaks, rules.allow)
    doubt = _unsealed(entry, adapter) if found.outcome == "PASS" else ""
    return ("INCONCLUSIVE", doubt) if doubt else (found.outcome, found.reason)


def _unknown(name: str, why: str, rules: Leakage) -> tuple[Outcome, str]:
    """Where there is no manifest, and none was ever said to be."""
    if name in rules.excused:
        return "PASS", f"nobody knows what {name} was trained on, which the gate file excuses"
    return "INCONCLUSIVE", (
        f"nobody knows what {name} was trained on ({why}); examine the adapter that its training "
        f'left, or say excused = ["{name}"] under [leakage] in the gate file'
    )


def _unsealed(entry: LocalEntry, adapter: Path) -> str:
    """Why a manifest may not be the one that the training wrote; empty where it is."""
    digest = file_digest(adapter / FILE)
    if entry.manifest is None:
        return (
            f"the registry entry of {adapter.name} does not say which {FILE} its training wrote, "
            f'so that any may lie there; if this is the one, add the line: manifest = "{digest}"'
        )
    if entry.manifest != digest:
        return (
            f"{adapter.name}/{FILE} is not the one that its registry entry names, so what it "
            "says of the training proves nothing; restore it or train the adapter again"
        )
    return ""


def leaking(entry: Entry, cases: Sequence[Case], rules: Leakage) -> tuple[str, ...]:
    """The titles of exam contracts that an adapter was trained on, those allowed aside."""
    manifest = None
    if isinstance(entry, LocalEntry) and entry.adapter:
        manifest = read_manifest(entry.adapter)
    if manifest is None:
        return ()
    allowed = {title.casefold() for title in rules.allow}
    titles = (leak.exam_contract for leak in find_leaks(cases, manifest, rules.containment))
    return tuple(title for title in titles if title.casefold() not in allowed)


TOKENS = 800
"""Of a judge's call in its own exam, prompt and reply."""

NAMED = 5


@dataclass(frozen=True, slots=True)
class Foresight:
    """What the exam can tell of one metric, in words, and whether that is less than its margin."""

    line: str
    too_small: bool


def foresee(gate: Gate, cases: Sequence[Case]) -> tuple[Foresight, ...]:
    """What is told from nothing, for every metric that is compared.

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
            found.append(Foresight(f"{metric}: fewer than two contracts tell nothing", True))
        elif METRICS[metric].unit:
            line = f"{metric}: what {contracts} contracts tell of an amount cannot be foreseen"
            found.append(Foresight(line, False))
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
) -> Foresight:
    """One metric of two contracts or more; `claims` of superiority share the risk."""
    if entry.goal == "superior" and is_small(contracts, cases):
        lowest = claims * 2.0**-contracts  # of all flips of the contracts' signs
        if lowest > gate.alpha:
            return Foresight(
                f"{metric}: {contracts} contracts cannot show that it is better, whatever they "
                f"bring (p is {lowest:.2g} at least, the gate asks for {gate.alpha:g}); "
                "examine more contracts",
                True,
            )
    least = _detectable(gate, contracts, cases)
    if least is None or least >= 1:
        line = f"{metric}: {contracts} contracts tell no difference, however large"
        return Foresight(f"{line}; the exam is too small for it", True)
    line = f"{metric}: {contracts} contracts tell a difference of {least:.3f} at "
    line += f"{gate.planning.power:.0%} power"
    if entry.margin is None:
        return Foresight(f"{line}; it must be better by more than nothing", False)
    too_small = least > entry.margin
    verdict = "; the exam is too small for it" if too_small else ""
    return Foresight(f"{line}, the margin is {entry.margin:g}{verdict}", too_small)


def _detectable(gate: Gate, contracts: int, cases: int) -> float | None:
    plan = gate.planning
    error = planned_error(contracts, cases / contracts, plan.discordance, plan.icc)
    return detectable(error, contracts, gate.alpha, plan.power)


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


def left_out(titles: Sequence[str]) -> str:
    """Which contracts were not asked because a candidate was trained on them."""
    named = ", ".join(f'"{title}"' for title in titles[:NAMED])
    more = f" and {len(titles) - NAMED} more" if len(titles) > NAMED else ""
    return f"--leave-out-trained left out {len(titles)} contracts: {named}{more}"
