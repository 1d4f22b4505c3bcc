"""Suites beside the metrics that the gate file makes guards: their findings decide like metrics.

A check is made of what the report's sections hold and of nothing else, so that whoever has the
report can decide again.
"""

from collections.abc import Iterator, Mapping, Sequence

from evals.gate import Gate
from evals.suites import FAIRNESS, FORGETTING, ROBUSTNESS, SAFETY, Suite
from fixtures.cases import Case
from reports.report import Check, Finding, Section
from reports.statistics.power import planned_error, required_contracts

GUARDS: Mapping[str, tuple[Suite, ...]] = {
    "stability": (ROBUSTNESS, SAFETY),
    FAIRNESS.name: (FAIRNESS,),
    FORGETTING.name: (FORGETTING,),
}
"""By the table of the gate file that holds the role."""


def guards(gate: Gate) -> list[str]:
    """The tables of the gate file whose suites are guards."""
    return [table for table in GUARDS if getattr(gate, table).role == "guard"]


def section_checks(gate: Gate, sections: Sequence[Section], model: str) -> list[Check]:
    """One check for every finding of a guard on one model; one that says so where there is none.

    A finding without an outcome had nothing to look at (no party to rename, say) and is N/A; a
    suite of nothing but those is inconclusive.
    """
    return [
        check
        for table in guards(gate)
        for suite in GUARDS[table]
        for check in _of_suite(suite, _findings(sections, suite, model), model)
    ]


def _findings(sections: Sequence[Section], suite: Suite, model: str) -> list[Finding]:
    own = (section.findings for section in sections if section.name == suite.name)
    return [finding for findings in own for finding in findings if finding.subject == model]


def _of_suite(suite: Suite, findings: Sequence[Finding], model: str) -> Iterator[Check]:
    for found in findings:
        name = f"{suite.name}: {found.measure}"
        reason = f"{suite.name}: {found.line}"
        yield Check(name, "guard", found.outcome or "N/A", reason, found.estimate)
    if not any(found.outcome for found in findings):
        why = "had nothing to look at" if findings else "was not examined"
        yield Check(
            suite.name,
            "guard",
            "INCONCLUSIVE",
            f"{suite.name} is a guard, and {why} of {model}: add --full (evals/{suite.file}), or "
            'give it role = "report" in the gate file',
        )


def guard_needs(gate: Gate, cases: Sequence[Case], variants: int) -> list[str]:
    """What the guards need to be conclusive of an equal model, a line each.

    Of forgetting the unit is the question; of the others the contract, and nothing is said of them
    where the exam has none.

    Args:
        gate: at the risk of each bound.
        cases: of the exam.
        variants: of how many cases variants are asked.
    """
    lines = []
    contracts = len({case.contract.id for case in cases})
    for table in guards(gate):
        margin = getattr(gate, table).margin
        of_questions = table == FORGETTING.name
        if not (cases or of_questions):
            continue
        size = 1.0 if of_questions else max(min(variants, len(cases)) / contracts, 1.0)
        takes = planned_number(contracts_for(gate, margin, size, both_sides=table == FAIRNESS.name))
        what = "questions" if of_questions else f"contracts of {size:.0f} varied cases"
        lines.append(
            f"{table} is a guard: its margin of {margin:g} takes {takes} {what} at "
            f"{gate.planning.power:.0%} power; without --full it is inconclusive"
        )
    return lines


def contracts_for(
    gate: Gate, margin: float, cases: float, *, both_sides: bool = False
) -> int | None:
    """How many contracts show that equal scores keep to a margin; None beyond a million.

    Planned with the gate's discordance, correlation and power. Where both bounds must hold, each is
    given half of the risk that the power leaves.

    Args:
        gate: at the risk of each bound.
        margin: in the unit of the scores.
        cases: of each contract, on average.
        both_sides: whether a difference is excluded either way.

    >>> contracts_for(Gate(), 0.05, 1), contracts_for(Gate(), 0.05, 1, both_sides=True)
    (249, 344)
    """
    plan = gate.planning
    power = (1 + plan.power) / 2 if both_sides else plan.power
    error = planned_error(2, cases, plan.discordance, plan.icc)
    return required_contracts(margin, error, 2, gate.alpha, power)


def planned_number(count: int | None) -> str:
    """A number that was planned, in words.

    >>> planned_number(1234), planned_number(None)
    ('about 1,234', 'more than a million')
    """
    return "more than a million" if count is None else f"about {count:,}"
