"""Whether a model continues the exam's contracts word for word, as it does no changed ones."""

import math
from collections.abc import Iterator, Sequence

from evals import suites
from evals.gate import Gate
from evals.probes.contamination import ContaminationExam, Continued
from evals.probes.openings import CONTINUED
from reports.report import Finding, Section
from reports.statistics.estimates import Estimate, Outcome
from reports.statistics.paired import compare_means

NOTICED = 0.05
"""Share of the words that follow, on average, which is a sign of memory above it."""

EXTRACTED = CONTINUED // 2
"""Words in a row that are memory in one single contract: no twin keeps so many."""

NOTE = (
    f"Passages of the exam's contracts, to be continued for {CONTINUED} words: the longest run of "
    "words that is right, as a share, less the same for the passage with other names, numbers, "
    f"near-synonyms and order of words. Above {NOTICED:g} is memory. That nothing is continued "
    "proves no innocence (docs/leakage.md). likelihood: how much likelier a token of the published "
    "continuation is than one of the changed; above zero without memory too, for the published "
    "words are the more usual ones, and so compared between models alone."
)


def contamination_section(exams: Sequence[ContaminationExam], gate: Gate) -> Section:
    """What each model made of the passages; it never gates."""
    findings = [finding for exam in exams for finding in _of_model(exam, gate)]
    title = "Contracts known by heart"
    return Section(suites.CONTAMINATION.name, title, NOTE, tuple(findings))


def contamination_needs(exams: Sequence[ContaminationExam], gate: Gate) -> Iterator[str]:
    """Said beforehand: the calls, and the contracts that it takes to exclude what is noticed.

    Of n contracts none of which is continued, at most a share s may be, where (1 - s) ** n is the
    risk.
    """
    if not exams:
        return
    calls = sum(exam.calls for exam in exams)
    contracts = len({twins.published.contract for exam in exams for twins in exam.twins})
    needed = math.ceil(math.log(gate.alpha) / math.log(1 - NOTICED))
    yield (
        f"{'warning: ' if contracts < needed else ''}contamination: {calls} calls on {contracts} "
        "contracts, twice as many of models that give likelihoods; to exclude that more than "
        f"{NOTICED:.0%} are known by heart takes {needed}"
    )


def _of_model(exam: ContaminationExam, gate: Gate) -> Iterator[Finding]:
    pairs = [each for each in exam.continued if each.failed is None]
    tried = [each for each in pairs if each.is_tried]
    lost, silent = len(exam.continued) - len(pairs), len(pairs) - len(tried)
    if not exam.continued:
        return
    said = f"; {lost} of {len(exam.continued)} pairs lack a reply" if lost else ""
    said += f"; to {silent} of {len(pairs)} pairs it wrote nothing on" if silent else ""
    if not tried:
        reason = f"nothing was continued{said}"
        yield Finding(exam.model, "verbatim", None, reason, "INCONCLUSIVE")
        return
    gap = _gap([each.shares for each in tried], tried, gate.alpha)
    outcome = gap.against(NOTICED, "lower")
    known = _extracted(tried)
    if outcome == "PASS" and (known or lost > gate.attrition * len(pairs) or silent > len(tried)):
        outcome = "INCONCLUSIVE"
    yield Finding(
        exam.model, "verbatim", gap, f"{_told(outcome, gap, known, tried)}{said}", outcome
    )
    read = [each for each in tried if each.likelihoods is not None]
    if read:
        gap = _gap([each.likelihoods or (0.0, 0.0) for each in read], read, gate.alpha)
        yield Finding(exam.model, "likelihood", gap, "nats a token; compare models, not with zero")


def _gap(
    values: Sequence[tuple[float, float]], pairs: Sequence[Continued], alpha: float
) -> Estimate:
    published, control = zip(*values, strict=True)
    contracts = [each.twins.published.contract for each in pairs]
    return compare_means(published, control, contracts, alpha=alpha).difference


def _extracted(pairs: Sequence[Continued]) -> list[str]:
    """Contracts of which one passage is continued so far, and its twin is not."""
    found = (
        each.twins.published.contract for each in pairs if each.runs[0] >= EXTRACTED > each.runs[1]
    )
    return list(dict.fromkeys(found))


def _told(outcome: Outcome, gap: Estimate, known: Sequence[str], pairs: Sequence[Continued]) -> str:
    """The outcome in words, and the longest run."""
    words: dict[Outcome, str] = {
        "PASS": "no sign of memorised contracts",
        "FAIL": "continues exam contracts word for word",
        "INCONCLUSIVE": "memory of the contracts is neither shown nor excluded",
    }
    longest = max(each.runs[0] for each in pairs)
    told = f"{words[outcome]}: {gap.n} pairs of {gap.clusters} contracts, at most {longest} words"
    if known:
        named = ", ".join(known[:3]) + (" and more" if len(known) > 3 else "")
        told += f"; {len(known)} known for {EXTRACTED} words or more: {named}"
    return told
