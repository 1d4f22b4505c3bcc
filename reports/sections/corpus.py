"""Scores of a whole exam rather than of a case: CUAD's own, ContractEval's, confidence."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from evals.metrics.confidence import calibration
from evals.metrics.contracteval import contracteval
from evals.metrics.cuad import (
    Mode,
    Prediction,
    aupr,
    curve,
    one_best,
    operating_point,
    precision_at_recall,
)
from evals.results import Result
from models.spoken import scorable
from reports.report import Finding, Section
from reports.statistics.estimates import Estimate

MODES: tuple[Mode, ...] = ("official", "corrected")

NOTE = (
    "CUAD's score ranks the answers by the model's confidence (Hendrycks et al. 2021); official "
    "repeats the quirks of the published script, which docs/metrics.md lists. ContractEval counts "
    "an answer as right that covers a gold clause. Calibration asks whether confident answers are "
    "right more often."
)


def corpus_section(of_model: Mapping[str, Sequence[Result]]) -> Section:
    """Every model's scores of the whole exam; answers that failed are left out, and counted."""
    findings = tuple(
        _counted(finding, len(results) - len(answered))
        for model, results in of_model.items()
        if (answered := [_read(result) for result in results if result.answer.error is None])
        for finding in (*_cuad(model, answered), *_contracteval(model, answered),
                        *_confidence(model, answered))
    )  # fmt: skip
    return Section("whole", "The exam as a whole", NOTE, findings)


def _read(result: Result) -> Result:
    return replace(result, answer=scorable(result.answer))


def _counted(finding: Finding, lost: int) -> Finding:
    said = (finding.reason, f"{lost} answers failed and are left out" if lost else "")
    return replace(finding, reason="; ".join(filter(None, said)))


def _cuad(model: str, results: Sequence[Result]) -> Iterator[Finding]:
    """AUPR where every answer has a confidence; else the one point that the answers are."""
    predictions = [
        Prediction(
            id=result.case.id,
            category=result.case.category,
            golds=result.case.golds,
            nbest=one_best(
                result.answer.text,
                result.answer.confidence,
                result.case.question,
                result.case.golds,
            ),
        )
        for result in results
    ]
    ranked = all(result.answer.confidence is not None for result in results)
    for mode in MODES:
        if not ranked:
            point = operating_point(predictions, mode)
            why = "no confidence, so no curve"
            yield _finding(model, f"CUAD precision ({mode})", point.precision, results, why)
            yield _finding(model, f"CUAD recall ({mode})", point.recall, results, why)
            continue
        points = curve(predictions, mode)
        yield _finding(model, f"CUAD AUPR ({mode})", aupr(points, mode), results)
        for recall in (0.8, 0.9):
            found = precision_at_recall(points, recall, mode)
            measure = f"CUAD precision at {recall:.0%} recall ({mode})"
            yield _finding(model, measure, found, results, "" if found else "not reached")


def _contracteval(model: str, results: Sequence[Result]) -> Iterator[Finding]:
    counts = contracteval(
        ((result.case.golds, result.answer.text) for result in results),
        (result.case.question for result in results),
    )
    yield _finding(model, "ContractEval F1", counts.f1, results)
    yield _finding(model, "ContractEval F2", counts.f2, results)
    yield _finding(model, "ContractEval laziness", counts.laziness, results)


def _confidence(model: str, results: Sequence[Result]) -> Iterator[Finding]:
    """Confidence against a right answer: token F1 of one half, or a right abstention."""
    pairs = [
        (result.answer.confidence, float(right >= 0.5))
        for result in results
        if result.answer.confidence is not None and (right := _right(result)) is not None
    ]
    if not pairs:
        return
    found = calibration([pair[0] for pair in pairs], [pair[1] for pair in pairs])
    measures = {
        "expected calibration error": found.ece,
        "Brier score": found.brier,
        "AUROC of confidence": found.auroc,
        "area under risk and coverage": found.aurc,
    }
    for measure, score in measures.items():
        yield _finding(model, measure, score.value, results, score.reason)


def _right(result: Result) -> float | None:
    score = result.scores.get("token_f1" if result.case.answerable else "abstention")
    return None if score is None else score.value


def _finding(
    model: str, measure: str, value: float | None, results: Sequence[Result], reason: str = ""
) -> Finding:
    contracts = len({result.case.contract.id for result in results})
    estimate = None if value is None else Estimate(value, None, None, len(results), contracts)
    return Finding(model, measure, estimate, reason)
