"""The ledger's files, signed as they lie: each vouches for those that it names, and so on."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from models.promotion.ledger.entry import Entry
from models.promotion.refused import RefusedError
from models.promotion.signatures.signing import (
    public_fingerprint,
    sign_file,
    signature_file,
    signer_of,
    verify_file,
)


def sign_ledger(entries: Sequence[Entry], key: Path) -> list[Path]:
    """Sign the exams that ended and are not signed yet; returns the signatures.

    One that did not end may go on, and would then be another file.

    Raises:
        UserError: model-signing is missing, or key or folder do not serve it.
    """
    unsigned = [e for e in entries if e.ended and not signature_file(e.path).exists()]
    return [sign_file(entry.path, key) for entry in unsigned]


def verify_ledger(entries: Sequence[Entry], keys: Sequence[Path]) -> str | None:
    """What the signatures vouch for, in words; None where there are none.

    Args:
        entries: of the ledger, verified.
        keys: public keys, one of which signed each file that is signed.

    Raises:
        UserError: model-signing is missing, or a key cannot be used.
        RefusedError: a signature is not of what lies there, or of another key.
    """
    signed = [entry for entry in entries if signature_file(entry.path).exists()]
    if not signed:
        return None
    owners = {public_fingerprint(key): key for key in keys}
    for entry in signed:
        owner = owners.get(signer_of(entry.path) or "")
        if owner is None:
            listed = " and ".join(map(str, keys))
            raise RefusedError(
                f"{signature_file(entry.path)} is no signature by {listed}; give its key too "
                "(--key PUBLIC, more than once), or restore it"
            )
        verify_file(entry.path, owner)
    vouched = _named_by(entries, signed)
    return (
        f"signatures on {len(signed)} files of the ledger hold: they vouch for {len(vouched)} of "
        f"{len(entries)}"
    )


def _named_by(entries: Iterable[Entry], signed: Sequence[Entry]) -> set[str]:
    """These, and every file that one of them names as it is, or that is named by one so named.

    One that was named before it ended is vouched for by its first line alone, and is not among
    them; what that line names is.
    """
    known = {entry.name: entry for entry in entries}
    left, seen, found = list(signed), set[str](), {entry.name for entry in signed}
    while left:
        for name, state in (left.pop().begun.before or {}).items():
            if state == known[name].state:
                found.add(name)
            if name not in seen:
                seen.add(name)
                left.append(known[name])
    return found
