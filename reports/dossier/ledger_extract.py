"""What of the ledger goes into a pack: all that a promotion could know, as it stood then."""

from collections.abc import Sequence
from pathlib import Path

from common.errors import UserError
from models.promotion.ledger.entry import Entry
from models.promotion.record.line import Record
from models.promotion.signatures.signing import signature_file
from reports.dossier.layout import LEDGER


def extract(entries: Sequence[Entry], record: Record) -> dict[str, bytes]:
    """The files of every exam that had begun, by their name in the pack.

    With them whatever their first lines name, so that the chain of names closes. What an exam noted
    at its end after the promotion is left out, unless another file names it: it was unfinished
    then. So the pack of a promotion is the same whenever it is made, but for
    signatures that were put beside these files since.

    Args:
        entries: the ledger, verified.
        record: the promotion.

    Raises:
        UserError: a file cannot be read.
    """
    by_name = {each.name: each for each in entries}
    kept, open_ = set[str](), [each.name for each in entries if each.begun.when <= record.when]
    while open_:
        name = open_.pop()
        if name not in kept:
            kept.add(name)
            open_ += by_name[name].begun.before or {}
    named = {pair for name in kept for pair in (by_name[name].begun.before or {}).items()}
    files: dict[str, bytes] = {}
    for entry in (by_name[name] for name in sorted(kept)):
        data, signature = _bytes(entry.path), signature_file(entry.path)
        ended_later = entry.ended is not None and entry.ended.when > record.when
        if ended_later and (entry.name, entry.state) not in named:
            data = data[: data.index(b"\n") + 1]
        elif signature.is_file():
            files[f"{LEDGER}/{signature.name}"] = _bytes(signature)
        files[f"{LEDGER}/{entry.path.name}"] = data
    return files


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
