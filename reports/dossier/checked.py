"""Whether a pack says one thing: every file held against the others, without anything else.

What can be checked without a data set, a repository or a network is checked here; what cannot is
said. The first thing that is wrong ends it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from common.errors import UserError
from models.promotion.admission.evidence import ExamEvidence
from models.promotion.ledger.entry import Entry
from models.promotion.record.line import Line, Record
from models.promotion.refused import RefusedError
from models.promotion.signatures.envelope import IN_TOTO, check_envelope, signer_of
from models.promotion.signatures.signing import public_fingerprint
from reports.dossier.approval_checks import approvals, signatures
from reports.dossier.exam_checks import (
    check_admitted,
    check_verdict,
    examined,
    opened_exams,
    went_by,
)
from reports.dossier.layout import STATEMENT, STATEMENT_SIGNED, SUMS, SUMS_SIGNED
from reports.dossier.pack import Checked, Pack, check_sums
from reports.dossier.record_checks import check_told, named_later, noted, promotion
from reports.dossier.rest_checks import (
    check_bill,
    check_judges,
    check_known,
    check_model,
    check_parts,
    check_statement,
    check_weights,
)
from reports.dossier.sources import weight_files
from reports.report import Report

LISTED = "text/plain"
"""The media type of `SHA256SUMS`."""

SIGNED = {SUMS: (SUMS_SIGNED, LISTED), STATEMENT: (STATEMENT_SIGNED, IN_TOTO)}
"""What is signed, where its envelope lies, and what media type it names."""

ODD = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What values end in that nobody wrote who promoted."""

ENVELOPES = frozenset(envelope for envelope, _ in SIGNED.values())


def checked(pack: Pack, keys: Sequence[Path], adapter: Path | None) -> Iterator[Checked]:
    """Check a pack, and say what held and what was not checked.

    Args:
        pack: unpacked.
        keys: public (PEM); one of them must have signed it, where there are any.
        adapter: the folder of the model's weights, where it is at hand.

    Raises:
        UserError: the key or the folder cannot be used.
        RefusedError: something is wrong; the line names the file.
    """
    number = check_sums(pack)
    check_known(pack)
    yield Checked(True, f"{number} files are what {SUMS} lists")
    yield _signed(pack, keys)
    with _told_of(pack):
        lines, record = promotion(pack)
        yield Checked(True, f"{len(lines)} lines of the record, unbroken; {_words(record)}")
        report, exam = examined(pack, record)
        entries, entry = noted(pack, record)
        yield from _noted(pack, record, report, exam, entries, entry)
        yield from signatures(pack, lines, entries, keys)
        yield from _decided(pack, lines, record, report, exam, entries)
        weights = check_statement(pack, record, report)
        yield from _rest(pack, record, report, weights)
    yield _weights(pack, record, adapter, weights)


def _noted(
    pack: Pack,
    record: Record,
    report: Report,
    exam: ExamEvidence,
    entries: tuple[Entry, ...],
    entry: Entry,
) -> Iterator[Checked]:
    """The exam in the ledger, from before its first call to its end."""
    check_told(pack, record, entries, entry, exam)
    later = "a later one names" if named_later(entries, entry) else "none yet names"
    yield Checked(
        True,
        f"{len(entries)} files of the ledger, unbroken: the gate's digest was noted at "
        f"{entry.begun.when}, the first call made at {report.header.started} or later; {later} how "
        "the exam ended",
    )
    yield Checked(True, "the report has one SHA-256 in ledger, record, statement and seal")


def _decided(
    pack: Pack,
    lines: tuple[Line, ...],
    record: Record,
    report: Report,
    exam: ExamEvidence,
    entries: tuple[Entry, ...],
) -> Iterator[Checked]:
    """Gate, policy, approvals, and the verdict as far as the report's own numbers give it."""
    policy, gate = went_by(pack, record, report)
    yield Checked(True, "gate and policy are those of ledger, record and report")
    if isinstance(gate, str):
        yield Checked(False, f"the verdict, approvals, and whether the policy admits it: {gate}")
        return
    check_verdict(pack, exam, report, gate)
    opened = tuple(opened_exams(pack, record, entries, gate))
    check_admitted(pack, record, policy, (exam, *opened))
    yield Checked(True, approvals(pack, lines, policy, entries, (exam, *opened)))
    sets = "1 set" if len(opened) == 1 else f"{len(opened)} sets"
    sealed = f", and on {sets} of sealed contracts" if opened else ""
    yield Checked(True, f"{record.verdict} follows from the report's intervals and checks{sealed}")
    yield Checked(
        False,
        "whether the intervals follow from the answers: that takes the data set "
        f"{exam.dataset.name} ({exam.dataset.identity[:12]}); models.promote did it",
    )


def _rest(
    pack: Pack, record: Record, report: Report, weights: Mapping[str, str]
) -> Iterator[Checked]:
    """What follows from report and statement."""
    yield Checked(True, f"the statement is of this report and {len(weights)} files of weights")
    beside = check_model(pack, record, weights)
    yield Checked(
        True, f"{' and '.join(beside)}: as examined" if beside else "no card, no manifest"
    )
    check_judges(pack, report)
    yield Checked(True, "the findings of the judges' exams are the report's")
    listed, others = check_bill(pack, report)
    if others:
        yield Checked(False, f"the exam ran with other software: {', '.join(others)}")
    yield Checked(True, f"the bill of materials lists {listed} components")


def _weights(
    pack: Pack, record: Record, adapter: Path | None, weights: Mapping[str, str]
) -> Checked:
    if adapter is None:
        what = "give --adapter DIR" if weights else "the model has no files of its own"
        return Checked(False, f"the weights: {what}")
    if not adapter.is_dir():
        raise UserError(f"--adapter {adapter} is no folder; name the one that holds the weights")
    check_weights(pack, weight_files(adapter), weights)
    check_parts(pack, record, adapter)
    return Checked(True, f"{adapter} holds the {len(weights)} files that were examined")


def _words(record: Record) -> str:
    passed = f", by override: {record.override.reason}" if record.override else ""
    return (
        f"line {record.number} of {record.when} promotes {record.model} "
        f"({record.identity[:12]}, {record.verdict}, by {record.who}){passed}"
    )


def _signed(pack: Pack, keys: Sequence[Path]) -> Checked:
    """Who vouches for the list of files, and so for all of them, and for the statement."""
    here = sorted(ENVELOPES & {*pack.names})
    if here and len(here) < len(ENVELOPES):
        raise pack.wrong(f"{min(ENVELOPES - {*here})} is missing")
    listed = " and ".join(map(str, keys))
    if keys and not here:
        raise pack.wrong(f"it is not signed, so {listed} vouches for nothing")
    owners = {public_fingerprint(key): key for key in keys}
    signers = set[str]()
    for name, (sealed, kind) in SIGNED.items() if here else ():
        texts = sealed, pack.read(sealed), pack.read(name), kind
        try:
            signers.add(signer := signer_of(*texts))
            if keys:
                check_envelope(*texts, owners.get(signer, keys[0]))
        except RefusedError as error:
            raise pack.wrong(str(error)) from error
    if keys:
        return Checked(True, f"signed by {listed}: every file, and the statement")
    by = f"signed by {', '.join(each[:12] for each in sorted(signers))}; give --key PUBLIC"
    return Checked(False, f"whose it is: {by if here else 'it is not signed'}")


@contextmanager
def _told_of(pack: Pack) -> Iterator[None]:
    """What a check of a file says, as of the file in the pack; its advice is for a repository."""
    try:
        yield
    except (*ODD, UserError) as error:
        told = str(error).replace(f"{pack.folder}/", "").replace(str(pack.folder), "the pack")
        if isinstance(error, RefusedError) and told.startswith(f"{pack.file}: "):
            raise
        raise pack.wrong(told.partition("; ")[0] or type(error).__name__) from error
