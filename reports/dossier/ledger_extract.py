"""What of the ledger goes into a pack: all that a promotion could know, as it stood then."""

from collections.abc import Sequence

from common.errors import UserError
from models.promotion.ledger_entry import Entry
from models.promotion.record import Record
from reports.dossier.layout import LEDGER


def extract(entries: Sequence[Entry], record: Record) -> dict[str, bytes]:
    """The files of every exam that had begun, by their name in the pack.

    With them whatever their first lines name, so that the chain of names closes. What an exam noted
    at its end after the promotion is left out, unless another file names it: it was unfinished
    then. So the pack of a promotion is the same whenever it is made.

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
    return {f"{LEDGER}/{name}.json": _bytes(by_name[name], record, named) for name in sorted(kept)}


def _bytes(entry: Entry, record: Record, named: set[tuple[str, str]]) -> bytes:
    try:
        data = entry.path.read_bytes()
    except OSError as error:
        raise UserError(f"{entry.path} cannot be read: {error.strerror}") from error
    ended_later = entry.ended is not None and entry.ended.when > record.when
    if ended_later and (entry.name, entry.state) not in named:
        return data[: data.index(b"\n") + 1]
    return data
