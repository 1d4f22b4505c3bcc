"""Every reason not to put a model into service."""

from collections.abc import Sequence

from fixtures.identity import file_digest
from models.chat import Model
from models.examined import Examined, GateFile
from models.record import Named, Record, RefusedError


def check_admission(exam: Examined, model: Model, records: Sequence[Record]) -> None:
    """Compare an exam with the model, the gate and the champion as they are now.

    Raises:
        RefusedError: the exam was not passed, or examined or compared something else.
    """
    again = f"type `pytest evals --model {model.name} --baseline champion`"
    verdict = exam.verdict
    if verdict.outcome != "PROMOTE":
        why = " ".join("; ".join(verdict.reasons).split()) or "the report gives no reason"
        raise RefusedError(f"{exam.path} says {verdict.outcome} of {model.name}: {why}")
    check_identity(model, exam.identity, f"{exam.path} examined")
    _check_gate(exam.gate, again)
    champion = records[-1].named if records else None
    if champion == Named(model.name, model.identity):
        raise RefusedError(f"{model.name} is the champion already")
    for record in records:
        if record.report and (record.model, record.report.id) == (model.name, exam.source.id):
            raise RefusedError(f"{exam.path} served promotion {record.number} already; {again}")
    compared = verdict.champion.named if verdict.champion else None
    if compared != champion:
        raise RefusedError(
            f"{exam.path} compared {model.name} with {_words(compared)}, but the champion is now "
            f"{_words(champion)}; {again}"
        )
    anchor = verdict.anchor.named if verdict.anchor else compared
    if records and anchor != records[-1].anchor:
        raise RefusedError(
            f"{exam.path} compared {model.name} with the anchor {_words(anchor)}, but it is "
            f"{_words(records[-1].anchor)}; {again}"
        )


def check_identity(model: Model, identity: str, source: str) -> None:
    """Refuse a model that is not what `source` (as in "PATH examined") says it was."""
    if model.identity != identity:
        raise RefusedError(
            f"{model.name} is not what {source}: it is {model.identity[:12]}, it was "
            f"{identity[:12]}; weights, prompt or decoding changed under the old name. Restore "
            f"them, or type `pytest evals --model {model.name} --baseline champion`"
        )


def _check_gate(gate: GateFile, again: str) -> None:
    if not gate.file.is_file():
        raise RefusedError(
            f"gate {gate.file} of the exam is not there any more; restore it, or {again}"
        )
    if file_digest(gate.file) != gate.sha256:
        raise RefusedError(f"gate {gate.file} was changed since the exam; {again}")


def _words(named: Named | None) -> str:
    return f"{named.model} ({named.identity[:12]})" if named else "no champion"
