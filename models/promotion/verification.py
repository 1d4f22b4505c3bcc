"""Whether record, pointers, champion, approvals and signatures are what they were made to be."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from common.command import Say
from common.errors import UserError
from models.factory import open_models
from models.promotion.actions import locked
from models.promotion.admission.policy import read_policy
from models.promotion.admission.refusals import check_recorded
from models.promotion.approval.recorded import check_approved, check_speakers, glass_words
from models.promotion.champion import check_unclaimed, recover
from models.promotion.ledger.files import read_ledger
from models.promotion.place import Place
from models.promotion.record.kept import check_ledger_kept
from models.promotion.record.line import Line, Record, services
from models.promotion.record.statement import Statement
from models.promotion.refused import RefusedError
from models.promotion.signatures.ledger import verify_ledger
from models.promotion.signatures.lines import (
    check_unsigned,
    verify_adapter,
    verify_lines,
    verify_statement,
)
from models.promotion.signatures.signing import INSTALL
from models.registry import adapter_of


def verify(place: Place, keys: Sequence[Path] = (), say: Say = print) -> None:
    """Walk the chain, mend what a crash left, and check model, registry, approvals and signatures.

    Args:
        place: where things lie.
        keys: public keys, by one of which whatever is signed must be signed, but for approvals:
            the policy and the record name the keys of these.
        say: shows a line.

    Raises:
        UserError: a file cannot be read or written, or a key cannot be used.
        RefusedError: the record, a signature or the champion itself is not what was recorded.
    """
    with locked(place.folder, say):
        lines = recover(place.folder, place.registry, say)
    check_ledger_kept(place.exams)
    records = services(lines)
    check_unsigned(place.folder, lines)
    policy = read_policy(place.policy)
    check_approved(lines, policy)
    check_speakers(lines, policy)
    if keys and (words := verify_ledger(read_ledger(place.exams), keys)):
        say(words)
    _verify_statements(place.folder, lines, say)
    if not records:
        check_unclaimed(place.registry)
        if keys:
            raise RefusedError(f"there is no promotion, so {_listed(keys)} verifies nothing")
        say("no promotion yet")
        return
    last = records[-1]
    say(f"{len(lines)} records, unbroken; champion {last.model}, anchor {last.anchor.model}")
    if last.override:
        say(f"{last.model} was promoted by override: {last.override.reason}")
    for words in dict.fromkeys(glass_words(lines, record) for record in records):
        if words:
            say(words)
    _verify_model(place, last, say)
    _verify_records(place, records, keys, say)


def _verify_records(
    place: Place, records: Sequence[Record], keys: Sequence[Path], say: Say
) -> None:
    """Check the signatures of what says who is in service; the last of them must have one."""
    last, signed = records[-1], [record for record in records if record.signed_by]
    if not keys:
        if signed:
            say(f"signatures on {len(signed)} records not checked: give --key PUBLIC")
        return
    if not signed:
        raise RefusedError(f"no promotion is signed, so {_listed(keys)} verifies nothing")
    owner = verify_lines(place.folder, signed, keys)
    if not last.signed_by:
        raise RefusedError(
            f"line {last.number}, which makes {last.model} champion, is not signed: signatures "
            f"vouch for 1 to {signed[-1].number}; promote or roll back with --sign"
        )
    verify_adapter(adapter_of(last.model, place.registry), owner)
    say(f"signatures on {len(signed)} records hold: they vouch for 1 to {last.number}")


def _verify_statements(folder: Path, lines: Sequence[Line], say: Say) -> None:
    """Check the signatures of approvals by the keys that lie beside them."""
    signed = [line for line in lines if isinstance(line, Statement) and line.signed_by]
    if signed and find_spec("model_signing") is None:
        say(f"signatures on {len(signed)} approvals not checked: type `{INSTALL}`")
        return
    for line in signed:
        verify_statement(folder, line)
    if signed:
        by = ", ".join(dict.fromkeys(line.by for line in signed))
        say(f"signatures on {len(signed)} approvals, rejections and withdrawals hold: by {by}")


def _listed(keys: Sequence[Path]) -> str:
    return " and ".join(map(str, keys))


def _verify_model(place: Place, last: Record, say: Say) -> None:
    """The champion may lie on another machine, which is no fault of the record."""
    try:
        model = open_models([last.model], place.registry)[0]
        _ = model.identity
    except UserError as error:
        say(f"not checked whether {last.model} is still what was promoted: {error}")
    else:
        check_recorded(model, last)
        say(f"{last.model} is what was promoted")
