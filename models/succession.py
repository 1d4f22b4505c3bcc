"""Promotion, rollback and verification: the record first, then what is derived from it.

Whatever a crash cuts off after the append is derived from the record by the next call.
"""

import contextlib
import getpass
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fixtures.errors import UserError
from models.admission import check_admission, check_identity
from models.champion import Say, point, reigns, settle
from models.chat import Model
from models.examined import find_examined
from models.factory import open_models
from models.parts import adapter_of, manifest_digest, parts_of
from models.promotions import SHIPPED, append
from models.record import Named, Record, RefusedError, chained
from models.registry import SHIPPED as SHIPPED_REGISTRY
from models.registry import read_entry
from models.signing import (
    forget,
    private_fingerprint,
    sign_promotion,
    verify_adapter,
    verify_promotions,
)

RUNS = Path("reports/runs")


@dataclass(frozen=True, slots=True)
class Place:
    """Where things lie: the record and `champion.toml`, the registry, the reports."""

    folder: Path = SHIPPED
    registry: Path = SHIPPED_REGISTRY
    runs: Path = RUNS


def promote(
    name: str, place: Place, report: Path | None = None, key: Path | None = None, say: Say = print
) -> Record:
    """Make `name` the champion, if the last report that examined it says PROMOTE and still holds.

    Raises:
        UserError: the model is unknown, or a file cannot be read or written.
        RefusedError: no exam passed, or model, gate or champion are not those of the exam any more.
    """
    read_entry(name, place.registry)
    with _locked(place.folder, say):
        records = settle(place.folder, place.registry, say)
        exam = find_examined(name, place.runs, report)
        model = open_models([name], place.registry)[0]
        check_admission(exam, model, records)
        now = Named(name, model.identity)
        last = records[-1] if records else None
        better = last is None or exam.verdict.improves_anchor
        record = replace(
            _blank(model, place.registry),
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
            anchor=now if better or not last else last.anchor,
        )
        return _commit(place, records, record, key, say)


def roll_back(place: Place, key: Path | None = None, say: Say = print) -> Record:
    """Return to the champion before, and to the anchor that held then.

    Raises:
        UserError: a file cannot be read or written.
        RefusedError: there is none before, or that model is not what it was.
    """
    with _locked(place.folder, say):
        records = settle(place.folder, place.registry, say)
        standing = reigns(records)
        if len(standing) < 2:
            now = f"{standing[0].model} is the first champion" if standing else "no champion yet"
            raise RefusedError(f"{now}: there is none before to return to")
        left, wanted = standing[-1], standing[-2]
        model = open_models([wanted.model], place.registry)[0]
        check_identity(model, wanted.identity, f"promotion {wanted.number} recorded")
        record = replace(
            _blank(model, place.registry),
            kind="rollback",
            previous=left.named,
            anchor=wanted.anchor,
        )
        return _commit(place, records, record, key, say)


def verify(place: Place, key: Path | None = None, say: Say = print) -> None:
    """Walk the chain, mend what a crash left, and check model, registry and signatures.

    Raises:
        UserError: a file cannot be read or written, or the key cannot be used.
        RefusedError: the record, a signature or the champion itself is not what was recorded.
    """
    with _locked(place.folder, say):
        records = settle(place.folder, place.registry, say)
    if not records:
        say("no promotion yet")
        return
    last = records[-1]
    say(f"{len(records)} records, unbroken; champion {last.model}, anchor {last.anchor.model}")
    _verify_model(place, last, say)
    signed = [record for record in records if record.signed_by]
    if key:
        if not signed:
            raise RefusedError(f"no promotion is signed, so {key} verifies nothing")
        verify_promotions(place.folder, signed, key)
        if last.signed_by:
            verify_adapter(adapter_of(last.model, place.registry), key)
        newest = signed[-1].number
        say(f"signatures on {len(signed)} records hold: they vouch for 1 to {newest}")
    elif signed:
        say(f"signatures on {len(signed)} records not checked: give --key PUBLIC")


def _verify_model(place: Place, last: Record, say: Say) -> None:
    """The champion may lie on another machine, which is no fault of the record."""
    try:
        model = open_models([last.model], place.registry)[0]
        _ = model.identity
    except UserError as error:
        say(f"not checked whether {last.model} is still what was promoted: {error}")
    else:
        check_identity(model, last.identity, f"promotion {last.number} recorded")
        say(f"{last.model} is what was promoted")


def _blank(model: Model, registry: Path) -> Record:
    """What every record says of the model that it puts into service; no exam, as in a rollback."""
    try:
        who = getpass.getuser()
    except (KeyError, OSError):
        who = "unknown"
    return Record(
        kind="promotion",
        when=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        who=who,
        model=model.name,
        identity=model.identity,
        parts=parts_of(model, registry),
        manifest=manifest_digest(adapter_of(model.name, registry)),
        code=None,
        dataset=None,
        gate=None,
        report=None,
        statistics=None,
        verdict=None,
        previous=None,
        anchor=Named(model.name, model.identity),
    )


def _commit(
    place: Place, records: Sequence[Record], record: Record, key: Path | None, say: Say
) -> Record:
    """Sign, append, point: only the append decides whether it happened."""
    signer = private_fingerprint(key) if key else None
    record = chained(records, replace(record, signed_by=signer))
    forget(place.folder, record.number)
    if key:
        for path in sign_promotion(
            place.folder, record, adapter_of(record.model, place.registry), key
        ):
            say(f"signed: {path}")
    append(place.folder, record)
    point(place.folder, place.registry, (*records, record), say)
    return record


@contextlib.contextmanager
def _locked(folder: Path, say: Say) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".promotions.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say("another promotion is under way; waiting for it")
        lock.acquire()
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}; mend that") from error
    try:
        yield
    finally:
        lock.release()
