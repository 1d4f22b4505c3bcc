"""Approvals of a pack, and the signatures in it, by the functions that promote."""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from models.promotion.admission.evidence import ExamEvidence
from models.promotion.admission.policy import Policy
from models.promotion.approval.consent import judged_in
from models.promotion.approval.recorded import check_approved, check_speakers, glass_words
from models.promotion.approval.standing import question_of
from models.promotion.ledger.entry import Entry
from models.promotion.record.line import (
    Line,
    Record,
    services,
    written,
)
from models.promotion.record.statement import Statement
from models.promotion.signatures.ledger import verify_ledger
from models.promotion.signatures.lines import check_unsigned, verify_lines, verify_statement
from models.promotion.signatures.signing import INSTALL
from reports.dossier.layout import CHAIN, LEDGER, RECORD, SIGNATURES
from reports.dossier.pack import Checked, Pack


def approvals(
    pack: Pack,
    lines: Sequence[Line],
    policy: Policy,
    entries: Sequence[Entry],
    exams: Sequence[ExamEvidence],
) -> str:
    """Who approved of the promotion, in words, once it is so by policy, record and ledger.

    Args:
        pack: that is checked.
        lines: of the record; the last is the promotion.
        policy: that it was admitted by.
        entries: of the ledger.
        exams: that it stands on.

    Raises:
        RefusedError: approvals were asked and are missing, of somebody who may not give them, or
            others examined than the promotion says.
    """
    check_approved(lines, policy)
    check_speakers(lines, policy)
    record = services(lines)[-1]
    question = question_of(exams[0], record.model, policy, judged_in(entries, (), *exams))
    said = record.approval
    if said and said.examined_by != question.examined_by:
        raise pack.wrong(
            f"{CHAIN}, line {record.number} says that others examined than {LEDGER} does"
        )
    if glass := glass_words(lines, record):
        return glass
    by = ", ".join(f"{vote.by} (line {vote.number})" for vote in said.votes) if said else ""
    asked = f"the policy asked for {question.needed}"
    return f"approved by {by}; {asked}" if by else f"no approvals; {asked}"


def signatures(
    pack: Pack, lines: Sequence[Line], entries: Sequence[Entry], keys: Sequence[Path]
) -> Iterator[Checked]:
    """The signatures of the record's lines, of approvals, and of the ledger's files.

    Approvals are verified by the keys beside them, which policy and record name.

    Args:
        pack: that is checked.
        lines: of the record.
        entries: of the ledger.
        keys: public, of whoever must have signed the rest.

    Raises:
        UserError: a key cannot be used.
        RefusedError: a signature is missing, or not of what lies there.
    """
    folder = pack.folder / RECORD
    check_unsigned(folder, lines)
    signed = [line for line in lines if line.signed_by]
    for line in signed:
        _check_there(pack, line)
    said = [line for line in signed if isinstance(line, Statement)]
    promoted = [line for line in signed if isinstance(line, Record)]
    of_ledger = [name for name in pack.below(LEDGER) if name.endswith(".sig")]
    if not (signed or of_ledger):
        yield Checked(True, "no line of record or ledger is signed by itself")
        return
    if find_spec("model_signing") is None:
        number = len(signed) + len(of_ledger)
        yield Checked(False, f"{number} signatures in record and ledger: type `{INSTALL}`")
        return
    for line in said:
        verify_statement(folder, line)
    if said:
        by = ", ".join(dict.fromkeys(line.by for line in said))
        yield Checked(True, f"signatures of {len(said)} lines that people said hold: by {by}")
    if not keys and (promoted or of_ledger):
        number = len(promoted) + len(of_ledger)
        yield Checked(False, f"{number} signatures of promotions and exams: give --key PUBLIC")
        return
    if promoted:
        verify_lines(folder, promoted, keys)
        yield Checked(True, f"signatures of {len(promoted)} promotions hold")
    if words := verify_ledger(entries, keys):
        yield Checked(True, words)


def _check_there(pack: Pack, line: Line) -> None:
    """Refuse a signed line whose signature, or the key of an approval, is not in the pack."""
    place = f"{SIGNATURES}/{line.number:04d}.json"
    pack.read(f"{place}.sig")
    if pack.read(place) != written(line):
        raise pack.wrong(f"{place} is not line {line.number} of {CHAIN}")
    if isinstance(line, Statement):
        pack.read(f"{SIGNATURES}/keys/{line.signed_by}.pub")
