"""The exam of a pack: its report, the gate and the policy that it went by, and its verdict."""

import hashlib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from common.errors import UserError
from evals.gate import Gate, read_gate
from models.promotion.admission.enforcement import excused
from models.promotion.admission.evidence import SEAL, ExamEvidence, seal_of
from models.promotion.admission.policy import Policy, read_policy
from models.promotion.ledger.entry import Entry
from models.promotion.record.line import Override, Record
from reports.archive import read_report
from reports.dossier.layout import CHAIN, GATE, POLICY, REPORT, SEALED
from reports.dossier.pack import Pack
from reports.dossier.sources import sealed_runs
from reports.evidence.differences import alike
from reports.evidence.last_exam import evidence_of
from reports.evidence.opened import opened_evidence, unshown
from reports.report import Report


def examined(pack: Pack, record: Record) -> tuple[Report, ExamEvidence]:
    """The report, and what it says of the model, as the line of its promotion has it.

    Raises:
        UserError: the report cannot be read.
        RefusedError: it is not the one that the line names, or says otherwise.
    """
    _check_report(pack, REPORT, record.report.sha256 if record.report else "")
    path = pack.folder / REPORT
    exam, report, line = evidence_of(path, record.model), read_report(path), record.number
    statistics = record.statistics or {}
    chosen = {key: each for key, each in statistics["exam"].items() if key != "rejected"}
    same = {
        "run": exam.source == record.report,
        "model": exam.identity == record.identity,
        "data set": exam.dataset == record.dataset,
        "code": exam.code == record.code,
        "gate": exam.gate.identity == record.gate,
        "policy": exam.facts.provenance.policy == record.policy,
        "verdict": exam.verdict.outcome == record.verdict,
        "champion": exam.verdict.champion == record.previous,
        "checks": alike(_bare(statistics["checks"]), _bare(exam.verdict.checks)),
        "estimates": alike(statistics["estimates"], exam.estimates),
        "selection": alike(chosen, _listed(exam.selection)),
    }
    for what, is_so in same.items():
        if not is_so:
            raise pack.wrong(f"{REPORT} has another {what} than {CHAIN}, line {line}")
    return report, exam


def _check_report(pack: Pack, name: str, wanted: str) -> None:
    """Refuse a report that has not the digest that it must have, or whose seal has not."""
    data, seal = pack.read(name), f"{name.rpartition('/')[0]}/{SEAL}"
    if hashlib.sha256(data).hexdigest() != wanted:
        raise pack.wrong(f"{name} is not the report that record and ledger name ({wanted[:12]})")
    if pack.read(seal) != seal_of(data).encode():
        raise pack.wrong(f"{seal} is not of {name}")


def _bare(checks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Checks without their words."""
    return [{key: each for key, each in check.items() if key != "reason"} for check in checks]


def _listed(value: Any) -> Any:
    """The same value as JSON has it."""
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value)


def went_by(pack: Pack, record: Record, report: Report) -> tuple[Policy, Gate | str]:
    """Policy and gate of the exam, as the pack's files say them.

    A gate that cannot be read here, such as one with metrics of a user's repository, is the words
    why: its bytes are known all the same.

    Raises:
        RefusedError: a file is not the one that record and report name.
    """
    if hashlib.sha256(pack.read(GATE)).hexdigest() != report.header.gate.sha256:
        raise pack.wrong(f"{GATE} is not the file that {REPORT} names")
    if tomllib.loads(pack.read(GATE).decode("utf-8-sig")) != record.rules:
        raise pack.wrong(f"{GATE} says otherwise than {CHAIN}, line {record.number}")
    pack.read(POLICY)
    policy = read_policy(pack.folder / POLICY)
    if policy is None or policy.identity != record.policy:
        raise pack.wrong(f"{POLICY} is not the one of {CHAIN}, line {record.number}")
    try:
        gate = read_gate(pack.folder / GATE)
    except UserError as error:
        return policy, str(error).replace(f"{pack.folder}/", "")
    if gate.identity != record.gate:
        raise pack.wrong(f"what {GATE} names (rubric, prompt) is not what the exam went by")
    return policy, gate


def check_verdict(pack: Pack, exam: ExamEvidence, report: Report, gate: Gate) -> None:
    """Refuse a verdict that does not follow from the numbers of the report and the gate.

    Raises:
        RefusedError: it does not.
    """
    (verdict,) = (each for each in report.verdicts if each.model == exam.verdict.model)
    for wrong in unshown(verdict, gate):
        raise pack.wrong(f"{REPORT} says {verdict.outcome} of {verdict.model}: {wrong}")


def check_admitted(
    pack: Pack, record: Record, policy: Policy, exams: Sequence[ExamEvidence]
) -> None:
    """Refuse a promotion that the policy does not admit, but for what its override excuses.

    Raises:
        RefusedError: it does not, or the record says otherwise which lines were broken.
    """
    override = record.override
    found = excused(
        exams,
        record.model,
        pack.folder / POLICY,
        policy,
        record.rules or {},
        override.reason if override else None,
        compared=record.previous is not None,
    )
    if _broken(found, record) != _broken(override, record):
        raise pack.wrong(
            f"{CHAIN}, line {record.number} says otherwise than {REPORT} which lines of "
            f"{POLICY} were broken"
        )


def _broken(override: Override | None, record: Record) -> tuple[str, ...] | None:
    """The lines that an override excuses; the first of an open verdict names a place."""
    if override is None:
        return None
    return override.lines[1:] if record.verdict == "INCONCLUSIVE" else override.lines


def opened_exams(
    pack: Pack, record: Record, entries: Sequence[Entry], gate: Gate
) -> Iterator[ExamEvidence]:
    """The exams on sealed contracts that the promotion stood on too.

    Raises:
        UserError: a report cannot be read.
        RefusedError: one is missing, is another, or its verdict does not follow from its numbers.
    """
    runs = sealed_runs(entries, record)
    for name in pack.below(SEALED):
        if name.split("/")[2] not in runs:
            raise pack.wrong(f"{name} is of no exam that the promotion stands on")
    for run, entry in runs.items():
        name = f"{SEALED}/{run}/report.json"
        _check_report(pack, name, entry.ended.report if entry.ended else "")
        exam = opened_evidence(pack.folder / name, record.model, pack.folder / GATE)
        if (exam.identity, exam.verdict.outcome) != (record.identity, "PROMOTE"):
            raise pack.wrong(f"{name} does not say PROMOTE of what was promoted")
        if gate.identity != exam.gate.identity:
            raise pack.wrong(f"{name} went by another gate")
        yield exam
