"""What the judges' own exams say, and which metrics may gate because of it."""

from collections.abc import Iterator, Sequence
from typing import Literal

from evals.gate import Gate, JudgeRules
from evals.judges.judge_exam import JudgeExam, Trial
from evals.judges.llm.replies import Preference
from evals.judges.metric_exam import MATERIALS
from evals.metrics.table import METRICS
from evals.options import asks_nobody
from evals.suites import JUDGE
from reports.report import Finding, Section
from reports.statistics.agreement import (
    Measured,
    Winner,
    agreement,
    confusion,
    position_bias,
    shift,
)
from reports.statistics.estimates import Outcome

AT_LEAST = frozenset({"kappa", "spearman"})
AGREEMENT = frozenset({"kappa", "spearman", "mean_absolute_error"})

NOTE = (
    "Every judge scores answers that were labelled by hand and that no embedded judge was fitted "
    "on; some of them again, with empty words added, or with an order to the judge inside the "
    "answer. A judge that does not keep to the gate file's lines is reported; what it scores and "
    "the gate asks for is inconclusive."
)


def judge_section(exams: Sequence[JudgeExam], gate: Gate) -> Section:
    """What each judge showed, held against the gate file.

    A judge that loses more of the labelled answers than the gate's attrition has not shown its
    agreement: those that it can read may be the easy ones.
    """
    rules = gate.judge
    findings = [
        Finding(exam.judge.name, measure, found.estimate, found.reason,
                _outcome(found, measure, rules.measures.get(measure), exam, gate.attrition))
        for exam in exams
        for measure, found in _measured(exam, gate.alpha, gate.pass_marks.correctness)
    ]  # fmt: skip
    return Section(JUDGE.name, "The judges' own exam", NOTE, tuple(findings))


def untrusted(
    gate: Gate, section: Section | None, judges: Sequence[str], *, skipped: bool = False
) -> dict[str, str]:
    """The gated metrics of which no judge passed its exam, each with a line that says so.

    In a panel those that did not pass are not heard (`panel.py`).

    Args:
        gate: as the file says.
        section: of the judges' exams; None where none was taken.
        judges: the names of `--judge`, every one of which scores the metrics of judges.
        skipped: whether the exams were left out on purpose.
    """
    faults = exam_faults(gate, section, judges, skipped=skipped)
    lines = {}
    for name in dict.fromkeys((*gate.gating, *gate.critical.metrics)):
        who = scorers(name, judges)
        if who is None:
            continue
        wrong = [f"{judge} ({', '.join(faults[judge])})" for judge in who if faults[judge]]
        needed = 1 if name != "disagreement" else len(who)  # of whom all are heard
        if len(who) - len(wrong) < max(needed, 1):
            lines[name] = (
                f"{name} is reported and cannot pass: {'; '.join(wrong) or 'no judge'} did not "
                'pass the judges\' own exam; give another --judge, or say role = "report" in the '
                "gate file"
            )
    return lines


def scorers(metric: str, judges: Sequence[str]) -> Sequence[str] | None:
    """Those of `--judge` that score a metric; None of one that no judge scores.

    None too of one that takes an exam of its own (`metric_exams.py`): what a judge shows on answers
    says nothing of how it reads passages.

    >>> scorers("correctness", ["reference", "big"]), scorers("groundedness", ["reference", "big"])
    (['reference', 'big'], ['big'])
    >>> scorers("token_f1", ["reference"])
    """
    if metric in MATERIALS:
        return None
    chats = [judge for judge in judges if not asks_nobody(judge)]
    return {"judge": judges, "llm": chats}.get(METRICS[metric].by)


def exam_faults(
    gate: Gate, section: Section | None, judges: Sequence[str], *, skipped: bool = False
) -> dict[str, list[str]]:
    """Why each of these judges did not pass its exam; nothing of one that did."""
    findings = section.findings if section else ()
    return {
        judge: ["--judge-exam skip"]
        if skipped
        else _faults([f for f in findings if f.subject == judge], gate.judge)
        for judge in judges
    }


def contradictory(section: Section | None, rules: JudgeRules) -> str | None:
    """Why a section is none of an exam: a finding that passes a line by numbers that do not."""
    for finding in section.findings if section else ():
        line = rules.measures.get(finding.measure)
        if line is None or finding.outcome in ("FAIL", "INCONCLUSIVE"):
            continue
        found = finding.estimate
        none_asked = finding.outcome is None and finding.measure == "position_bias" and not found
        direction: Literal["higher", "lower"] = "higher" if finding.measure in AT_LEAST else "lower"
        if not none_asked and (found is None or found.against(line, direction) != "PASS"):
            return f"{finding.subject} does not pass {finding.measure} by the numbers it gives"
    return None


def _faults(findings: Sequence[Finding], rules: JudgeRules) -> list[str]:
    """The measures asked for that one judge did not pass, or of which nothing was found."""
    if not findings:
        return ["no exam"]
    found = {finding.measure: finding for finding in findings}
    return [
        measure
        for measure, line in rules.measures.items()
        if line is not None
        and (measure not in found or found[measure].outcome not in (None, "PASS"))
    ]


def _measured(exam: JudgeExam, alpha: float, mark: float) -> Iterator[tuple[str, Measured]]:
    """Every measure of one judge's exam, under its name in the gate file where that has a line."""
    scored = [trial for trial in exam.agreement if trial.score.value is not None]
    missing = [trial.score.reason for trial in exam.agreement if trial.score.value is None]
    if scored:
        scores = [trial.score.value or 0.0 for trial in scored]
        labels = [trial.pair.score for trial in scored]
        contracts = [trial.pair.contract for trial in scored]
        found = agreement(scores, labels, contracts, alpha)
        told = confusion(scores, labels, contracts, mark, alpha)
        lost = f"{len(missing)} of {len(exam.agreement)} judgements are missing"
        unread = f"{lost} ({missing[0]})" if missing else ""
        for measure in ("kappa", "spearman", "mean_absolute_error"):
            each: Measured = getattr(found, measure)
            yield measure, Measured(each.estimate, "; ".join(filter(None, (each.reason, unread))))
        mean = f"every answer {sum(labels) / len(labels):.2f}: kappa 0, no rank correlation"
        yield "gain over the mean", Measured(found.gain.estimate, mean)
        for side, each in (("sensitivity", told.sensitivity), ("specificity", told.specificity)):
            yield side, Measured(each.estimate, each.reason or f"at the pass mark {mark:g}")
    else:
        why = exam.agreement[0].score.reason if exam.agreement else "it was not asked"
        yield "kappa", Measured(None, f"no judgement could be had: {why}")
    yield "retest", _shift(exam.retest, alpha, absolute=True)
    yield "verbosity_bias", _shift(exam.verbosity, alpha)
    yield "injection", _shift(exam.injection, alpha)
    yield "position_bias", _flips(exam, alpha)


def _shift(trials: Sequence[Trial], alpha: float, *, absolute: bool = False) -> Measured:
    both = [
        (trial.score.value, trial.other.value, trial.pair.contract)
        for trial in trials
        if trial.other and trial.score.value is not None and trial.other.value is not None
    ]
    first, second, contracts = zip(*both, strict=True) if both else ((), (), ())
    found = shift(first, second, contracts, alpha)
    return found.absolute if absolute else found.mean


def _flips(exam: JudgeExam, alpha: float) -> Measured:
    if exam.pairwise is None:
        return Measured(None, "it sees one answer at a time")
    read = [
        ((_winner(straight, "AB"), _winner(swapped, "BA")), each.contract)
        for each in exam.contests
        if (straight := each.orders.straight) and (swapped := each.orders.swapped)
    ]
    winners = [both for both, _ in read]
    return position_bias(winners, [contract for _, contract in read], alpha).flips


def _winner(place: Preference, shown: str) -> Winner:
    """The answer in the place that was preferred; `shown` are the answers in their order."""
    if place == "tie":
        return "tie"
    return "A" if shown[place == "second"] == "A" else "B"


def _outcome(
    found: Measured, measure: str, line: float | None, exam: JudgeExam, attrition: float
) -> Outcome | None:
    if line is None or (measure == "position_bias" and exam.pairwise is None):
        return None
    if found.estimate is None:
        return "INCONCLUSIVE"
    outcome = found.estimate.against(line, "higher" if measure in AT_LEAST else "lower")
    return "INCONCLUSIVE" if outcome == "PASS" and _lost(measure, exam) > attrition else outcome


def _lost(measure: str, exam: JudgeExam) -> float:
    """Share of what a measure needs that the judge did not give."""
    if measure == "position_bias":
        missing = [not (each.orders.straight and each.orders.swapped) for each in exam.contests]
    elif measure in AGREEMENT:
        missing = [trial.score.value is None for trial in exam.agreement]
    else:
        trials = {"retest": exam.retest, "verbosity_bias": exam.verbosity}
        missing = [
            trial.score.value is None or trial.other is None or trial.other.value is None
            for trial in trials.get(measure, exam.injection)
        ]
    return sum(missing) / len(missing) if missing else 0.0
