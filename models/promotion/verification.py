"""Whether record, pointers, champion and signatures are what they were made to be."""

from pathlib import Path

from common.errors import UserError
from models.factory import open_models
from models.promotion.actions import Place, locked
from models.promotion.admission import check_recorded
from models.promotion.champion import Say, check_unclaimed, recover
from models.promotion.record import Record, RefusedError
from models.promotion.signing import check_unsigned, verify_adapter, verify_promotions
from models.registry import adapter_of


def verify(place: Place, key: Path | None = None, say: Say = print) -> None:
    """Walk the chain, mend what a crash left, and check model, registry and signatures.

    Raises:
        UserError: a file cannot be read or written, or the key cannot be used.
        RefusedError: the record, a signature or the champion itself is not what was recorded.
    """
    with locked(place.folder, say):
        records = recover(place.folder, place.registry, say)
    check_unsigned(place.folder, records)
    if not records:
        check_unclaimed(place.registry)
        if key:
            raise RefusedError(f"there is no promotion, so {key} verifies nothing")
        say("no promotion yet")
        return
    last = records[-1]
    say(f"{len(records)} records, unbroken; champion {last.model}, anchor {last.anchor.model}")
    if last.override:
        say(f"{last.model} was promoted by override: {last.override.reason}")
    _verify_model(place, last, say)
    signed = [record for record in records if record.signed_by]
    if key:
        if not signed:
            raise RefusedError(f"no promotion is signed, so {key} verifies nothing")
        verify_promotions(place.folder, signed, key)
        if not last.signed_by:
            raise RefusedError(
                f"line {last.number}, which makes {last.model} champion, is not signed: signatures "
                f"vouch for 1 to {signed[-1].number}; promote or roll back with --sign"
            )
        verify_adapter(adapter_of(last.model, place.registry), key)
        say(f"signatures on {len(signed)} records hold: they vouch for 1 to {last.number}")
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
        check_recorded(model, last)
        say(f"{last.model} is what was promoted")
