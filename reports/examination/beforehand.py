"""What is said of an exam before it costs anything: what it can show, what is in its way."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evals.judges.judge_exam import JudgeExam
from fixtures.cases import Case
from reports.examination.prepare import Prepared
from reports.report import Check
from reports.verdict.planning import (
    judge_costs,
    minimum_detectable_effects,
    several,
    too_few,
)
from reports.verdict.preconditions import left_out


@dataclass(frozen=True, slots=True)
class Beforehand:
    """`notes` are lines that the report keeps, `announced` those that are printed."""

    notes: tuple[str, ...]
    announced: tuple[str, ...]


def look_ahead(
    prepared: Prepared,
    cases: Sequence[Case],
    leaks: Mapping[str, Sequence[Check]],
    judge_exams: Sequence[JudgeExam],
) -> Beforehand:
    """Gather what is known of an exam of these cases.

    Args:
        prepared: the exam.
        cases: those that will be asked.
        leaks: checks by candidate; those that do not pass are warned of.
        judge_exams: what the judges will be asked themselves.
    """
    foreseen = minimum_detectable_effects(prepared.gate, cases) if prepared.opponents else ()
    few = too_few(prepared.gate, cases)
    warned = [few] if few else []
    warned += [each.line for each in foreseen if each.too_small]
    warned += [c.reason for checks in leaks.values() for c in checks if c.outcome != "PASS"]
    announced = [*(f"warning: {line}" for line in warned), *judge_costs(judge_exams)]
    lines = [each.line for each in foreseen] or [_floors_alone(prepared)]
    return Beforehand((*lines, *_of_selection(prepared)), tuple(announced))


def _floors_alone(prepared: Prepared) -> str:
    options = prepared.options
    why = "there is no champion yet" if options.baseline else "no --baseline was given"
    if prepared.opponents:
        why = "the gate file gives no margin"
    return f"{why}: measured against the gate's floors alone"


def _of_selection(prepared: Prepared) -> Iterator[str]:
    options = prepared.options
    for extension in prepared.extensions:
        yield f"added by this repository: {extension}"
    if options.selection.left_out:
        yield left_out(options.selection.left_out)
    opponents = {opponent.name for opponent in prepared.opponents}
    candidates = [name for name in options.models if name not in opponents]
    if len(candidates) > 1:
        yield several(len(candidates), prepared.gate.alpha)
