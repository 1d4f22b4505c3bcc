"""Promotion, rollback, a change of the anchor: the record first, then what is derived from it.

Whatever a crash cuts off after the append is derived from the record by the next call.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from common.clock import utc_now
from common.command import Say
from common.locks import locked as locked_file
from common.settings import read_toml
from models.chat import Model
from models.factory import open_models
from models.identity.identities import VERSION, manifest_digest, promotion_identity
from models.promotion.admission.enforcement import check_stood, excused, policy_in_force
from models.promotion.admission.evidence import ExamEvidence, Reading
from models.promotion.admission.noted import check_noted, rejected_before
from models.promotion.admission.refusals import check_admission, check_recorded
from models.promotion.admission.reserved import sealed_exams
from models.promotion.approval.consent import NONE, Consent, approved, judged_in
from models.promotion.approval.standing import question_of
from models.promotion.champion import in_force, read_champion, recover, write_pointer
from models.promotion.ledger.entry import Entry
from models.promotion.ledger.files import (
    check_only,
    own_ledger,
    read_ledger,
)
from models.promotion.place import Place
from models.promotion.record.components import components_of
from models.promotion.record.file import append
from models.promotion.record.kept import check_ledger_kept
from models.promotion.record.line import (
    Line,
    Named,
    Record,
    Said,
    chained,
    services,
)
from models.promotion.record.people import account_name, person
from models.promotion.refused import RefusedError
from models.promotion.signatures.lines import forget, sign_line
from models.promotion.signatures.signing import private_fingerprint
from models.registry import adapter_of, files_of, read_entry


def every_exam(place: Place) -> tuple[Entry, ...]:
    """The ledger by which a promotion counts: no other has exams, and no file of it is missing.

    Raises:
        UserError: a file cannot be read.
        RefusedError: it is not so.
    """
    check_only(place.exams, place.registry)
    for folder in {place.exams, own_ledger(place.registry)}:
        check_ledger_kept(folder)
    return read_ledger(place.exams)


def promote(
    name: str,
    place: Place,
    reading: Reading,
    report: Path | None = None,
    key: Path | None = None,
    override: str | None = None,
    say: Say = print,
    consent: Consent = NONE,
) -> Record:
    """Make `name` the champion, if the last report that examined it says PROMOTE and still holds.

    What is recorded is the verdict as `reading` computes it again.

    Args:
        name: of the model.
        place: where things lie.
        reading: finds the report, and computes its verdict again.
        report: None takes the last.
        key: to sign with.
        override: why lines of the policy that the exam broke are to be passed over.
        say: shows a line.
        consent: what is said of the approvals that the policy asks.

    Raises:
        UserError: the model is unknown, or a file cannot be read or written.
        RefusedError: no exam passed, model, gate or champion are not those of the exam any more,
            the policy does not admit it, or others have not approved of it.
    """
    read_entry(name, place.registry, "promote")
    with locked(place.folder, say):
        policy = policy_in_force(place.policy, account_name())
        lines = recover(place.folder, place.registry, say)
        records = services(lines)
        model = open_models([name], place.registry)[0]
        exam = reading.find(name, promotion_identity(model), place.runs, report)
        check_admission(exam, model, records)
        check_stood(exam, name, place.policy, policy, files_of(name, place.registry))
        entries = every_exam(place)
        for line in check_noted(exam, entries, place.exams):
            say(line)
        if rejected := rejected_before(exam, entries):
            exam = replace(exam, selection={**exam.selection, "rejected": rejected})
            say(f"{name} was rejected before on these contracts, in {', '.join(rejected)}")
        exam = reading.judge(exam, place.registry)
        openings = read_ledger(own_ledger(place.registry)) if exam.seals else ()
        opened = sealed_exams(exam, model, openings, reading, place.runs, records)
        for each in opened:
            check_stood(each, name, place.policy, policy, files_of(name, place.registry))
        gate: dict[str, Any] = read_toml(exam.gate.file, dict[str, Any])
        passed = excused(
            (exam, *opened), name, place.policy, policy, gate, override, compared=bool(records)
        )
        if override and not passed:
            say("the policy admits it without an override, so none is recorded")
        now = utc_now()
        question = question_of(exam, name, policy, judged_in(entries, openings, exam, *opened))
        approval = approved(place.folder, lines, question, entries, consent, now, say)
        glass = approval.break_glass if approval else None
        last = records[-1] if records else None
        record = replace(
            _promotion(exam, model, place.registry, last, moves_anchor=not (passed or glass)),
            when=now,
            policy=policy.identity,
            rules=gate,
            override=passed,
            approval=approval,
        )
        return commit(place, lines, record, key, say)


def roll_back(place: Place, key: Path | None = None, say: Say = print) -> Record:
    """Return to the champion before, and to the anchor that held then.

    A rollback that was killed before `champion.toml` followed it is completed, and nothing more:
    whoever types it again does not mean the champion before that.

    Raises:
        UserError: a file cannot be read or written.
        RefusedError: there is none before, or that model is not what it was.
    """
    with locked(place.folder, say):
        before = read_champion(place.folder)
        lines = recover(place.folder, place.registry, say)
        records = services(lines)
        standing = in_force(records)
        if before and records[-1].kind == "rollback" and before.named == records[-1].previous:
            say("it was begun before, and is done now; type it again for the champion before")
            return records[-1]
        if len(standing) < 2:
            now = f"{standing[0].model} is the first champion" if standing else "no champion yet"
            raise RefusedError(f"{now}: there is none before to return to")
        left, wanted = standing[-1], standing[-2]
        model = open_models([wanted.model], place.registry)[0]
        check_recorded(model, wanted)
        record = _unexamined(wanted, "rollback", left.named, wanted.anchor)
        return commit(place, lines, record, key, say)


def change_anchor(
    name: str, reason: str, place: Place, key: Path | None = None, say: Say = print
) -> Record:
    """Make another champion of the record the anchor, for a reason that is recorded.

    Raises:
        UserError: a file cannot be read or written.
        RefusedError: `name` never was champion, is not what it was, or is the anchor already.
    """
    with locked(place.folder, say):
        policy_in_force(place.policy, account_name())
        lines = recover(place.folder, place.registry, say)
        records = services(lines)
        promoted = {record.model: record for record in records if record.kind == "promotion"}
        if name not in promoted:
            known = ", ".join(promoted) or "none yet"
            raise RefusedError(f"{name} never was champion, so no anchor; champions are {known}")
        if records[-1].anchor == promoted[name].named:
            raise RefusedError(f"{name} is the anchor already")
        check_recorded(open_models([name], place.registry)[0], promoted[name])
        last, anchor = records[-1], promoted[name].named
        record = replace(_unexamined(last, "anchor", last.named, anchor), reason=reason)
        return commit(place, lines, record, key, say)


def _promotion(
    exam: ExamEvidence, model: Model, registry: Path, last: Record | None, *, moves_anchor: bool
) -> Record:
    """What a line says of a model that an exam puts into service; an override moves no anchor."""
    moves_anchor = moves_anchor and exam.verdict.improves_anchor
    named = Named(model.name, exam.identity)
    return Record(
        kind="promotion",
        when=utc_now(),
        who=person().words,
        model=model.name,
        identity=exam.identity,
        parts=components_of(model, registry),
        manifest=manifest_digest(model),
        code=exam.code,
        dataset=exam.dataset,
        gate=exam.gate.identity,
        report=exam.source,
        statistics={
            "estimates": exam.estimates,
            "checks": list(exam.verdict.checks),
            "reasons": list(exam.verdict.reasons),
            "exam": exam.selection,
        },
        verdict=exam.verdict.outcome,
        previous=last.named if last else None,
        anchor=last.anchor if last and not moves_anchor else named,
        version=VERSION,
    )


def _unexamined(
    record: Record, kind: Literal["rollback", "anchor"], previous: Named, anchor: Named
) -> Record:
    """What a line says of a model that was recorded before, and is in service by no new exam.

    That it once was promoted by an override, or that the glass was broken for it, stays said.
    """
    glass = record.approval and record.approval.break_glass
    return replace(
        record,
        kind=kind,
        when=utc_now(),
        who=person().words,
        code=None,
        dataset=None,
        gate=None,
        report=None,
        statistics=None,
        verdict=None,
        previous=previous,
        anchor=anchor,
        reason=None,
        policy=None,
        rules=None,
        approval=record.approval if glass else None,
    )


def commit(place: Place, lines: Sequence[Line], line: Said, key: Path | None, say: Say) -> Said:
    """Sign, append, point: only the append decides whether it happened. The caller holds the lock.

    Raises:
        UserError: a file cannot be written, or the key cannot be used.
    """
    signer = private_fingerprint(key) if key else None
    line = chained(lines, replace(line, signed_by=signer))
    forget(place.folder, line.number)
    if key:
        puts = adapter_of(line.model, place.registry) if isinstance(line, Record) else None
        try:
            signed = sign_line(place.folder, line, puts, key)
        except BaseException:
            forget(place.folder, line.number)  # or it would speak of a line that there is not
            raise
        for path in signed:
            say(f"signed: {path}")
    append(place.folder, line)
    write_pointer(place.folder, place.registry, (*lines, line), say)
    return line


@contextlib.contextmanager
def locked(folder: Path, say: Say) -> Iterator[None]:
    """Hold the record's lock, and say so where another holds it.

    Raises:
        UserError: the folder cannot be written.
    """
    with locked_file(
        folder / ".promotions.lock",
        lambda: say("another promotion is under way; waiting for it"),
    ):
        yield
