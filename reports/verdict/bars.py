"""Why a gated metric decides nothing, whatever its values are.

Its judges may not be trusted, too little may be left of its cases, or it has no meaning for a kind
of model or exam. The last follows from the registry entry, the data set and the options, all of
which the report records; never from a value that is missing, or a guard could be escaped by losing
what it reads.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evals.gate import Gate
from evals.metrics.table import METRICS
from fixtures.cases import Case
from fixtures.retrieval.passages import Chunker
from fixtures.retrieval.retrieval import RetrieverOptions
from models.entry import Entry, Prompted
from models.program.entry import ProgramEntry
from models.registry import RecordedEntry
from reports.statistics.estimates import Estimate, Outcome

Reasoned = tuple[Outcome, str]
"""An outcome, and why."""

HEAVY = 0.2
"""Share of the cases above which one contract is spoken of."""


@dataclass(frozen=True)
class Bars:
    """Why metrics cannot speak, whatever their values are.

    `untrusted` has the metrics whose judges may not gate; `inapplicable`, by model, those that
    the kind of model or the exam leaves without a meaning; `uncovered`, by model, those whose
    judges were not examined on answers like its own; `preferring`, by model, those whose judges
    prefer their own family's answers.
    """

    untrusted: Mapping[str, str] = field(default_factory=dict)
    inapplicable: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    uncovered: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    preferring: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def of(self, metric: str, *models: str) -> Reasoned | None:
        """What bars a metric of these models, if anything does."""
        for model in models:
            if why := self.inapplicable.get(model, {}).get(metric):
                return "N/A", f"{metric} does not apply: {why}"
        if why := self.untrusted.get(metric):
            return "INCONCLUSIVE", why
        for lines in (self.uncovered, self.preferring):
            for model in models:
                if why := lines.get(model, {}).get(metric):
                    return "INCONCLUSIVE", why
        return None


def unfit(metric: str, found: Estimate | None, lost: float, gate: Gate) -> Reasoned | None:
    """Why scores decide nothing, whatever they are."""
    if found is None:
        return "INCONCLUSIVE", f"{metric} could not be computed on any case"
    few = None
    if lost > gate.attrition:
        missing = f"{lost:.1%} of its cases lack an answer or a judgement"
        return "INCONCLUSIVE", f"{metric}: {missing}; {gate.attrition:.1%} may"
    if found.n < gate.minimum_cases:
        few = f"{_format_count(found.n, 'case')}; the gate asks for {gate.minimum_cases} at least"
    elif found.clusters < gate.minimum_contracts:
        few = _format_count(found.clusters, "contract")
        few += f"; the gate asks for {gate.minimum_contracts} at least"
    elif found.low is None or found.high is None:
        few = f"values that are all {found.mean:g}, which have no interval"
    return ("INCONCLUSIVE", f"{metric} rests on {few}") if few else None


def _format_count(count: int, what: str) -> str:
    return f"one {what}" if count == 1 else f"{count} {what}s"


def format_gaps(
    gaps: int, worst: Estimate | None, best: Estimate | None, spec: str, *, decides: bool
) -> str:
    """What was lost could have made of it, and what to type where that decides.

    >>> worst, best = Estimate(0.86, 0.8, 0.9, 100, 9), Estimate(0.9, 0.85, 0.94, 100, 9)
    >>> format_gaps(4, worst, best, ".3f", decides=False)
    'with the 4 missing values 0.860 at worst, 0.900 at best'
    """
    ends = ""
    if worst and best:
        ends = f" {worst.mean:{spec}} at worst, {best.mean:{spec}} at best"
    if not decides:
        return f"with the {gaps} missing values{ends}"
    return (
        f"{gaps} missing values could turn it{ends and f' ({ends[1:]})'}: type the same line "
        "again to ask for them"
    )


def format_heavy(contracts: Sequence[str]) -> str:
    """That one contract weighs more than a fifth, and twice what an even one would.

    >>> format_heavy(["a"] * 6 + ["b", "c", "d", "e"]), format_heavy(["a", "b", "c", "d"])
    ('one contract holds 60% of its cases, which leaves few degrees of freedom', '')
    """
    counts = Counter(contracts)
    most = max(counts.values(), default=0) / max(len(contracts), 1)
    if most <= max(HEAVY, 2 / max(len(counts), 1)):
        return ""
    return f"one contract holds {most:.0%} of its cases, which leaves few degrees of freedom"


def inapplicable(
    entry: Entry, cases: Sequence[Case], retriever: RetrieverOptions
) -> Mapping[str, str]:
    """The metrics that do not apply to a model in this exam, each with the reason.

    They are those of retrieval, which say how good the passages are, whoever reads them, and those
    that read the contract, where the data set does not hold it.
    """
    found: dict[str, str] = {}
    if why := _no_retrieval(entry, cases, retriever):
        found |= {name: why for name, metric in METRICS.items() if metric.of_retrieval}
    if not all(case.contract.whole for case in cases):
        why = "the data set holds what was shown of its contracts, and not the contracts"
        found |= {name: why for name, metric in METRICS.items() if metric.reads_contract}
    return found


def shown_none(entry: Entry) -> str:
    """Why a model is shown none of the passages of an exam; empty where it is."""
    if isinstance(entry, Prompted | ProgramEntry) and not entry.passages:
        return "the model is asked without passages"
    if isinstance(entry, RecordedEntry):
        return "the answers were recorded, and not what was retrieved for them"
    return ""


def _no_retrieval(entry: Entry, cases: Sequence[Case], retriever: RetrieverOptions) -> str:
    """Why nothing can be said of what a model is shown; empty where something can."""
    if why := shown_none(entry):
        return why
    if retriever.kind == "none":
        return "--retriever none shows the contract, and ranks nothing"
    if retriever.passages == "gold":
        return "--passages gold gives the gold passages, and no retriever found them"
    return _nothing_to_rank(cases, retriever.chunker)


def _nothing_to_rank(cases: Sequence[Case], chunker: Chunker) -> str:
    located = [case for case in cases if case.located]
    if not located:
        return "no expected answer is located in its contract"
    contracts = {case.contract.digest: case.contract for case in located}.values()
    if any(len(contract.text) > chunker.size for contract in contracts):
        return ""
    if any(len(chunker.split(contract)) > 1 for contract in contracts):
        return ""
    return "every contract is one passage, so that all of it is shown"
