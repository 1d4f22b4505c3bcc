"""What is said of an exam before it costs anything: what it can show, what is in its way."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evals.judges.judge_exam import JudgeExam
from fixtures.cases import Case
from fixtures.selection import unanswered
from models.chat import Model
from models.entry import Entry
from models.local.chat import LocalChat
from models.local.weights import weights_bytes
from models.prompted import PromptedModel
from reports.examination.prepare import Prepared
from reports.report import Check
from reports.verdict.bars import shown_none
from reports.verdict.critical import critical_demands, unknown
from reports.verdict.guards import guard_needs
from reports.verdict.leakage import left_out
from reports.verdict.planning import judge_costs, several, too_few
from reports.verdict.prospects import demands, format_prospects, prospect, too_small

LARGE = 1e9
"""Weights of a model for which a CPU needs minutes an answer."""


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
    beside: Sequence[str] = (),
) -> Beforehand:
    """Gather what is known of an exam of these cases.

    Of an exam of tasks alone nothing is said that is about cases.

    Args:
        prepared: the exam.
        cases: those that will be asked; none where the exam is of tasks alone.
        leaks: checks by candidate; those that do not pass are warned of, where the gate asks
            anything of the answers.
        judge_exams: what the judges will be asked themselves.
        beside: what suites beside the verdict cost and need.
    """
    gate = prepared.corrected
    asked = [*demands(gate, cases), *critical_demands(gate, cases)] if cases else []
    found = [prospect(each, gate) for each in asked]
    table = format_prospects(found, gate)
    warned = [too_few(gate, cases) if cases else None]
    warned += [too_small(found) if prepared.opponents else None]
    suspected = leaks if gate.rules else {}
    warned += [c.reason for checks in suspected.values() for c in checks if c.outcome != "PASS"]
    warnings = (f"warning: {line}" for line in warned if line)
    needs = guard_needs(gate, cases, prepared.options.variants)
    floors = _floors_alone(prepared) if cases else ()
    waiting = tuple(_waiting(prepared)) if cases else ()
    notes = (*table, *needs, *floors, *waiting, *_of_selection(prepared))
    costs = judge_costs(judge_exams)
    return Beforehand(notes, (*table, *needs, *waiting, *warnings, *costs, *beside))


def gold_notes(entries: Mapping[str, Entry], cases: Sequence[Case]) -> Iterator[str]:
    """What is said of an exam that gives the gold passages: what it is of, and where it is not."""
    yield "--passages gold: reading alone is examined, and this exam cannot promote"
    for name, entry in entries.items():
        if why := shown_none(entry):
            yield f"--passages gold does not apply to {name}, and changes nothing of it: {why}"
    if lost := sum(case.answerable and not case.located for case in cases):
        yield (
            f"{lost} answerable cases have no gold answer that is located, and are given what was "
            "retrieved"
        )


def drafted_notes(models: Sequence[Model], cases: Sequence[Case]) -> Iterator[str]:
    """What is said of gold answers that a model of the exam proposed itself."""
    for model in models:
        own = sum(not {model.name, model.identity}.isdisjoint(case.drafted) for case in cases)
        if own:
            yield (
                f"warning: {own} of {len(cases)} gold answers are what {model.name} itself "
                "proposed and a person took as it was: they speak for it, whatever it is worth "
                "(docs/contracts.md)"
            )


def slow_notes(models: Sequence[Model]) -> Iterator[str]:
    """What is said of weights that a CPU can hold, and hardly compute with."""
    for model in models:
        chat = model.chat if isinstance(model, PromptedModel) else None
        if not isinstance(chat, LocalChat) or chat.base.device != "cpu":
            continue
        if (size := weights_bytes(chat.base.folder, 1.0)) > LARGE:
            yield (
                f"warning: {model.name}: {size / 1e9:.1f} billion weights on a CPU: an answer may "
                "take minutes; try it with --limit 1, on a GPU, or on a server (docs/servers.md)"
            )


def _floors_alone(prepared: Prepared) -> Iterator[str]:
    if not prepared.opponents:
        why = "there is no champion yet" if prepared.options.baseline else "no --baseline was given"
        yield f"{why}: measured against the gate's floors alone"


def _waiting(prepared: Prepared) -> Iterator[str]:
    """What is left out because no person has said what its answer is."""
    waiting = unanswered(prepared.dataset, prepared.options.selection)
    if waiting:
        contracts = len({case.contract.id for case in waiting})
        yield (
            f"{len(waiting)} questions of {contracts} contracts have no answer that a person "
            "confirmed, and are left out (docs/contracts.md)"
        )


def _of_selection(prepared: Prepared) -> Iterator[str]:
    options = prepared.options
    for extension in prepared.extensions:
        yield f"added by this repository: {extension}"
    if missing := unknown(prepared.gate, prepared.dataset.cases):
        yield missing
    if options.selection.left_out:
        yield left_out(options.selection.left_out)
    if len(prepared.candidates) > 1:
        yield several(len(prepared.candidates), prepared.gate.alpha)
