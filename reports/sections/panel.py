"""Several judges of one answer: how much each counts, by its own exam, and what they say together.

The exams are taken in the run, beside the cases; a panel's scores are formed when both are there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from evals.judges.judge import weighed
from evals.judges.judge_exam import JudgeExam
from evals.results import Result
from reports.report import Finding, Section
from reports.statistics.combination import inverse_error_weights
from reports.statistics.estimates import Estimate
from reports.statistics.intervals import cluster_mean

PANEL = "panel"
ERROR, WEIGHT = "mean squared error", "weight"

NOTE = (
    "Each judge counts inversely to its mean squared error on the labelled answers of its own "
    "exam, drawn to equal weights where these are few. One that did not pass is not heard, and "
    "neither makes nor loses a score."
)


def panel_section(
    exams: Sequence[JudgeExam], faults: Mapping[str, Sequence[str]], alpha: float
) -> Section:
    """The weights of several judges; nothing of one.

    Args:
        exams: of the judges.
        faults: by judge, in the order of `--judge`, why it did not pass its exam.
        alpha: risk of each end of an interval.
    """
    errors = {exam.judge.name: found for exam in exams if (found := _error(exam, alpha))}
    findings = tuple(_findings(errors, faults)) if len(faults) > 1 else ()
    return Section(PANEL, "The panel", NOTE, findings)


def _findings(
    errors: Mapping[str, Estimate], faults: Mapping[str, Sequence[str]]
) -> Iterator[Finding]:
    weights = panel_weights(errors, faults)
    for judge, wrong in faults.items():
        if error := errors.get(judge):
            yield Finding(judge, ERROR, error)
        weight = Estimate(weights.get(judge, 0.0), None, None, error.n if error else 0, 0)
        reason = f"did not pass its own exam ({', '.join(wrong)})" if wrong else ""
        yield Finding(judge, WEIGHT, weight, reason)


def panel_weights(
    errors: Mapping[str, Estimate], faults: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """What each judge counts; all alike where none passed its exam, and then none may gate."""
    passed = {
        judge: (errors[judge].mean, errors[judge].n)
        for judge, wrong in faults.items()
        if not wrong and judge in errors
    }
    return inverse_error_weights(passed) or dict.fromkeys(faults, 1 / len(faults))


def _error(exam: JudgeExam, alpha: float) -> Estimate | None:
    scored = [
        ((trial.score.value - trial.pair.score) ** 2, trial.pair.contract)
        for trial in exam.agreement
        if trial.score.value is not None
    ]
    squares, contracts = zip(*scored, strict=True) if scored else ((), ())
    return cluster_mean(squares, contracts, alpha) if scored else None


def weights_of(section: Section | None) -> dict[str, float]:
    """The weights that a section gives; none where there is no panel."""
    findings = section.findings if section else ()
    return {f.subject: f.estimate.mean for f in findings if f.measure == WEIGHT and f.estimate}


def heard(faults: Mapping[str, Sequence[str]]) -> list[str]:
    """Those who passed their exam; all where none did, and then none may gate.

    >>> heard({"exact": [], "bribed": ["injection"]}), heard({"bribed": ["injection"]})
    (['exact'], ['bribed'])
    """
    return [judge for judge, wrong in faults.items() if not wrong] or [*faults]


def panelled(results: Sequence[Result], weights: Mapping[str, float]) -> tuple[Result, ...]:
    """The results with every panel's score at these weights."""
    if not weights:
        return tuple(results)
    return tuple(
        replace(each, scores={name: weighed(score, weights) for name, score in each.scores.items()})
        for each in results
    )


def format_weights(section: Section) -> Iterator[str]:
    """Who counts how much, in a line; nothing where there is no panel."""
    weights = weights_of(section)
    if not weights:
        return
    faults = {f.subject: f.reason for f in section.findings if f.measure == WEIGHT and f.reason}
    if len(faults) == len(weights):
        yield "the panel's judges count alike: none of them passed an exam of its own"
        return
    shown = ", ".join(f"{judge} {weight:.2f}" for judge, weight in weights.items() if weight)
    unheard = "".join(f"; {judge} is not heard: it {why}" for judge, why in faults.items())
    yield f"the panel's judges count by their own exams: {shown}{unheard}"


def misweighed(section: Section | None, faults: Mapping[str, Sequence[str]]) -> str | None:
    """Why a section's weights are not those of its errors and of who passed, in words."""
    if len(faults) < 2:
        return None
    findings = section.findings if section else ()
    errors = {f.subject: f.estimate for f in findings if f.measure == ERROR and f.estimate}
    given = weights_of(section)
    for judge, weight in panel_weights(errors, faults).items():
        if abs(given.get(judge, -1.0) - weight) > 1e-9:
            return (
                f"{judge} counts {given.get(judge, 0.0):g} in its panel, and by its exam {weight:g}"
            )
    return None
