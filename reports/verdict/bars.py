"""Why a gated metric decides nothing, whatever its values are."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bar_exam.evals.gate import Gate
from bar_exam.reports.statistics.estimates import Estimate, Outcome

Said = tuple[Outcome, str]


@dataclass(frozen=True)
class Bars:
    """Why metrics cannot speak, known before their values are looked at.

    `untrusted` has the metrics whose judges may not gate; `inapplicable`, by model, those that
    the kind of model or the exam leaves without a meaning.
    """

    untrusted: Mapping[str, str] = field(default_factory=dict)
    inapplicable: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def of(self, metric: str, *models: str) -> Said | None:
        """What bars a metric of these models, if anything does."""
        for model in models:
            if why := self.inapplicable.get(model, {}).get(metric):
                return "N/A", f"{metric} does not apply: {why}"
        if why := self.untrusted.get(metric):
            return "INCONCLUSIVE", why
        return None


def unfit(metric: str, found: Estimate | None, lost: float, gate: Gate) -> Said | None:
    """Why scores decide nothing, whatever they are."""
    if found is None:
        return "INCONCLUSIVE", f"{metric} could not be computed on any case"
    few = None
    if lost > gate.attrition:
        missing = f"{lost:.1%} of its cases lack an answer or a judgement"
        return "INCONCLUSIVE", f"{metric}: {missing}; {gate.attrition:.1%} may"
    if found.n < gate.minimum_cases:
        few = f"{_count(found.n, 'case')}; the gate asks for {gate.minimum_cases} at least"
    elif found.clusters < gate.minimum_contracts:
        few = _count(found.clusters, "contract")
        few += f"; the gate asks for {gate.minimum_contracts} at least"
    elif found.low is None or found.high is None:
        few = f"values that are all {found.mean:g}, which have no interval"
    return ("INCONCLUSIVE", f"{metric} rests on {few}") if few else None


def _count(count: int, what: str) -> str:
    return f"one {what}" if count == 1 else f"{count} {what}s"


def turned(gaps: int) -> str:
    """What is said where the outcome hangs on what was lost."""
    return f"{gaps} missing values could turn it: type the same line again to ask for them"
