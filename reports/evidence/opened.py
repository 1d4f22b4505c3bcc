"""What a report on sealed contracts proves: it lists no case, but every number that decides.

A gated metric must keep to its floor, and to its margin against each opponent, by the intervals in
the report; the verdict is that of the checks.
"""

from collections.abc import Iterator
from pathlib import Path

from common.identity import file_digest
from evals.gate import Gate, read_gate
from evals.metrics.table import METRICS
from models.promotion.admission.evidence import ExamEvidence
from models.promotion.refused import RefusedError
from reports.archive import read_report
from reports.evidence.last_exam import evidence_of, examine_line
from reports.report import Check, Verdict
from reports.verdict.decide import decide


def opened_evidence(path: Path, name: str, gate_file: Path) -> ExamEvidence:
    """What the report of a sealed exam says of one candidate.

    Args:
        path: of report.json.
        name: of the candidate.
        gate_file: of the exam that is not sealed; this one must have gone by the same.

    Raises:
        UserError: report or gate file cannot be read.
        RefusedError: it is of other contracts or another gate, or its verdict does not follow.
    """
    again = f"type `{examine_line(name)} --sealed` with the --dataset of before"
    exam, report, gate = evidence_of(path, name), read_report(path), read_gate(gate_file)
    if file_digest(path) != exam.source.sha256:
        raise RefusedError(f"{path} changed while it was read; type the same command again")
    if not report.header.dataset.sealed:
        raise RefusedError(f"{path} is not of sealed contracts; {again}")
    if exam.gate.identity != gate.identity:
        raise RefusedError(
            f"{path} went by another gate ({exam.gate.file}) than {gate_file}, by which the other "
            f"contracts were judged; {again} and --gate {gate_file}"
        )
    (verdict,) = (each for each in report.verdicts if each.model == name)
    for wrong in unshown(verdict, gate):
        raise RefusedError(f"{path} says {verdict.outcome} of {name}: {wrong}; {again}")
    return exam


def unshown(verdict: Verdict, gate: Gate) -> Iterator[str]:
    """What a verdict's own numbers do not show, in words: no answer is read for that."""
    found = {(check.metric, check.against): check for check in verdict.checks}
    for metric, entry in gate.gating.items():
        if entry.floor is not None:
            yield from _short(found, metric, "floor", entry.floor)
        for opponent in (verdict.champion, verdict.anchor):
            if opponent and opponent.name != verdict.model and entry.margin is not None:
                line = None if entry.goal == "superior" else -entry.margin
                yield from _short(found, metric, opponent.words, line)
    outcome = decide(verdict.model, verdict.checks).outcome
    if outcome != verdict.outcome:
        yield f"its checks come to {outcome}"


def _short(
    found: dict[tuple[str, str], Check], metric: str, against: str, line: float | None
) -> Iterator[str]:
    """One check that is not there, or passes although its interval does not keep to the line."""
    check = found.get((metric, against))
    if check is None:
        yield f"it has no check of {metric} against the {against}"
        return
    estimate = check.worst or check.estimate
    if check.outcome != "PASS" or line is None:
        return
    kind = METRICS[metric]
    if estimate is not None and against != "floor":
        estimate = kind.gain(estimate)
    better = kind.direction if against == "floor" else "higher"
    if estimate is None or estimate.against(line, better) != "PASS":
        yield f"{metric} {estimate} against the {against} does not reach {line:g}"
