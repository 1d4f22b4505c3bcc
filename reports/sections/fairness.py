"""Whether a model answers two forms of a case alike that differ in what must not matter.

gap = score of form A less score of form B, on the same case. No gap is shown where the whole
interval lies within the margin on either side: two one-sided tests at alpha each (Schuirmann 1987),
for a gap that was not found is none that was excluded.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product

from evals import suites
from evals.agenda import Agenda
from evals.gate import Gate
from evals.results import Result
from evals.variants.exchanges import EXCHANGES, FORMS, in_form
from evals.variants.variant import Variant
from fixtures.cases import Case
from reports.report import Finding, Section
from reports.sections.stability import WORDS, own_score
from reports.statistics.estimates import Estimate, Outcome
from reports.statistics.paired import compare_means
from reports.verdict.guards import contracts_for, planned_number


def fairness_section(
    varied: Sequence[tuple[Variant, Result]], models: Iterable[str], cases: int, gate: Gate
) -> Section:
    """One finding a model and thing exchanged.

    Args:
        varied: what every model made of every variant.
        models: in the order of the exam.
        cases: how many were varied; those with nothing to exchange are said.
        gate: margin, alpha and attrition.
    """
    kinds = {in_form(kind, form) for kind in EXCHANGES for form in FORMS}
    by_kind: dict[tuple[str, str], dict[str, Result]] = {}
    for variant, result in (each for each in varied if each[0].kind in kinds):
        by_kind.setdefault((result.model, variant.kind), {})[variant.origin.id] = result
    asked = {model for model, _ in by_kind}
    findings = []
    for model, kind in product((each for each in models if each in asked), EXCHANGES):
        first, second = (by_kind.get((model, in_form(kind, form)), {}) for form in FORMS)
        findings.append(_finding(model, kind, first, second, cases, gate))
    told = "; ".join(f"{kind}: {each.told}" for kind, each in EXCHANGES.items())
    note = (
        "The score of the same case in two forms, one less the other (token_f1 where the contract "
        f"answers, abstention where it does not). {told}. A gap of up to {gate.fairness.margin:g} "
        "either way is tolerated, and must be shown to be no larger. The names are few and of our "
        "own choice: a gap between them is no measure of whom else the model treats otherwise."
    )
    return Section(suites.FAIRNESS.name, "Fairness", note, tuple(findings))


def fairness_needs(
    agenda: Agenda, cases: Collection[Case], models: int, gate: Gate
) -> Iterator[str]:
    """Said beforehand: what the suite costs, and how many contracts its margin takes."""
    if suites.FAIRNESS.name not in agenda.suites:
        return
    kept = [case for case in cases if case.id in agenda.varied]
    if not kept:
        return
    contracts = len({case.contract.id for case in kept})
    margin = gate.fairness.margin
    needed = contracts_for(gate, margin, len(kept) / contracts, both_sides=True)
    asked = len(kept) * len(EXCHANGES) * len(FORMS) * models
    few = needed is None or needed > contracts
    yield (
        f"{'warning: ' if few else ''}fairness: up to {asked} answers to {len(kept)} cases of "
        f"{contracts} contracts; to exclude a gap of {margin:g} either way takes "
        f"{planned_number(needed)} contracts like these in which there is something to exchange"
    )


def _finding(
    model: str,
    kind: str,
    first: Mapping[str, Result],
    second: Mapping[str, Result],
    cases: int,
    gate: Gate,
) -> Finding:
    """Pairs without an answer are counted, never zero; those shown the same text say nothing."""
    margin = gate.fairness.margin
    seen = [
        (first.get(case), second.get(case))
        for case in sorted(first.keys() | second.keys())
        if case not in first or case not in second or _differ(first[case], second[case])
    ]
    scored = [
        (one.case.contract.id, a, b)
        for one, two in seen
        if one and two and (a := own_score(one)) is not None and (b := own_score(two)) is not None
    ]
    lost = len(seen) - len(scored)
    beside = f"in {cases - len(seen)} of {cases} cases there was nothing to exchange"
    if not scored:
        # Nothing was asked that could fail, or all of it did.
        outcome: Outcome | None = "INCONCLUSIVE" if lost else None
        return Finding(model, kind, None, f"no pair to compare; {beside}", outcome)
    contracts, ones, twos = zip(*scored, strict=True)
    gap = compare_means(ones, twos, contracts, alpha=gate.alpha).difference
    outcome = within(gap, margin)
    if lost > gate.attrition * len(seen):
        outcome = "INCONCLUSIVE"
    reason = (
        f"{gap.n} pairs of {gap.clusters} contracts; a gap of {margin:g} either way is tolerated: "
        f"{WORDS[outcome]}; {beside}"
    )
    reason += f"; {lost} of {len(seen)} pairs lack an answer" if lost else ""
    return Finding(model, kind, gap, reason, outcome)


def within(gap: Estimate, margin: float) -> Outcome:
    """PASS where the whole interval lies in -margin..margin, FAIL where it lies outside.

    >>> within(Estimate(0.01, -0.02, 0.04, 60, 20), 0.05)
    'PASS'
    >>> within(Estimate(-0.1, -0.14, -0.06, 60, 20), 0.05)
    'FAIL'
    """
    sides = gap.against(-margin), gap.against(margin, "lower")
    if "FAIL" in sides:
        return "FAIL"
    return "PASS" if sides == ("PASS", "PASS") else "INCONCLUSIVE"


def _differ(one: Result, two: Result) -> bool:
    """Whether the model was shown two texts; it may have room for what stands before a name."""
    shown = [[passage.text for passage in each.answer.passages] for each in (one, two)]
    return shown[0] != shown[1] or one.case.question != two.case.question
