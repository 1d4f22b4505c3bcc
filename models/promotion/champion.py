"""The champion: which model is in service, and which one no successor may fall behind.

`champion.toml` and the `status` lines of the registry are pointers for people and for the exam.
Both are derived from the promotion record, so a crash between the writes is mended by deriving
them again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ConfigDict

from common.command import Say
from common.errors import UserError
from common.files import write_whole
from common.settings import read_toml
from models.promotion.record.file import (
    SHIPPED,
    drop_incomplete,
    read_lines,
    read_records,
)
from models.promotion.record.kept import check_record_kept
from models.promotion.record.line import (
    Line,
    Named,
    Record,
    services,
)
from models.promotion.refused import RefusedError

FILE = "champion.toml"
COMPLETE = "mend that and type `python -m models.promote --verify`, which completes what was begun"
HEADER = "# The model in service. Written by python -m models.promote; do not edit.\n"


@dataclass(frozen=True, slots=True)
class Champion:
    """The model in service; `record` is the hash of the record's last line, whatever it says."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    model: str
    identity: str
    record: str

    @property
    def named(self) -> Named:
        """Who it is."""
        return Named(self.model, self.identity)


def read_champion(folder: Path = SHIPPED) -> Champion | None:
    """The champion, or None where nothing was promoted yet.

    Raises:
        UserError: `champion.toml` is malformed.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        champion: Champion = read_toml(path, Champion)
    except UserError as error:
        raise UserError(f"{error}; {_rewrite(path)}") from error
    return champion


def read_anchor(folder: Path = SHIPPED) -> Named | None:
    """The best champion so far: a chain of small losses, each within its margin, ends at it.

    Raises:
        UserError: the promotion record is unreadable or was tampered with.
    """
    records = read_records(folder)
    return records[-1].anchor if records else None


def in_force(records: Sequence[Record]) -> tuple[Record, ...]:
    """The promotions that were not rolled back, oldest first; the last one is in service.

    Each has the anchor that held at its end.

    Raises:
        RefusedError: a rollback returns to another model than the one before, or the anchor was
            changed under another champion.
    """
    standing: list[Record] = []
    for record in records:
        if record.kind == "promotion":
            standing.append(record)
        elif record.kind == "anchor" and standing and standing[-1].named == record.named:
            standing[-1] = replace(standing[-1], anchor=record.anchor)
        elif record.kind == "anchor":
            raise RefusedError(
                f"line {record.number} changes the anchor under {record.model}, which was not "
                "champion then; restore the record from the repository's history"
            )
        elif len(standing) < 2 or standing[-2].named != record.named:
            raise RefusedError(
                f"promotion {record.number} rolls back to {record.model}, which was not champion "
                "before; restore the record from the repository's history"
            )
        else:
            standing.pop()
    return tuple(standing)


def recover(folder: Path, registry: Path, say: Say) -> tuple[Line, ...]:
    """The lines, after whatever a crash left half-done was completed. The caller holds the lock.

    Raises:
        UserError: a file cannot be read or written.
        RefusedError: the record was tampered with, lacks what a commit holds, `champion.toml`
            contradicts it, or the registry belongs to another record.
    """
    _check_together(folder, registry)
    lines = read_lines(folder)
    check_record_kept(folder)
    _check_pointer(folder, registry, lines)
    if dropped := drop_incomplete(folder):
        say(dropped)
    in_force(services(lines))
    write_pointer(folder, registry, lines, say)
    return lines


def write_pointer(folder: Path, registry: Path, lines: Sequence[Line], say: Say) -> None:
    """Make `champion.toml` and the registry say what the record says, and say what changed.

    Before the first promotion there is nothing to say.

    Raises:
        UserError: one of them cannot be written; the next call of this module's callers mends it.
    """
    records = services(lines)
    if not records:
        return
    last = records[-1]
    champion = Champion(last.model, last.identity, lines[-1].hash)
    if read_champion(folder) != champion:
        _write_champion(folder / FILE, champion)
        if last is lines[-1]:
            say(f"{folder / FILE} leads to {last.model}, promotion {last.number}")
    for line in _align_statuses(registry, last.model):
        say(line)


def check_unclaimed(registry: Path) -> None:
    """Refuse a registry in which a model is in service by no record.

    Raises:
        RefusedError: an entry says so.
    """
    if claimed := _of_status(registry, "champion"):
        raise RefusedError(
            f"{registry} says that {' and '.join(claimed)} is champion, and there is no promotion "
            "record: restore it from the repository's history, or set that status to candidate"
        )


def _check_together(folder: Path, registry: Path) -> None:
    """Refuse a registry beside which another record lies: its statuses follow that one."""
    beside = registry.parent
    if (beside / FILE).exists() and beside.resolve() != folder.resolve():
        raise RefusedError(
            f"{registry} belongs to the record of {beside / FILE}, and {folder} is another; leave "
            "out --folder, or give --registry a copy too"
        )


def _check_pointer(folder: Path, registry: Path, lines: Sequence[Line]) -> None:
    """Refuse a pointer that no crash explains: at neither the last line nor the one before."""
    champion, records = read_champion(folder), services(lines)
    if champion is None:
        if records:
            _check_witness(folder / FILE, registry, records)
        return
    path = folder / FILE
    number = next((line.number for line in lines if line.hash == champion.record), None)
    if number is None:
        raise RefusedError(
            f"{path} names a record that is not in the promotion record: lines were removed or "
            "rewritten; restore both files from the repository's history"
        )
    known = services(lines[:number])
    if not known or known[-1].named != champion.named:
        raise RefusedError(f"{path} contradicts promotion {number}; {_rewrite(path)}")
    if number < len(lines) - 1:
        raise RefusedError(f"{path} stands at line {number} of {len(lines)}; {_rewrite(path)}")


def _check_witness(path: Path, registry: Path, records: Sequence[Record]) -> None:
    """Refuse to derive a pointer that is gone, unless the registry says the same as the record.

    Without it nothing tells whether last lines of the record are gone too. Before the first
    promotion was pointed to there is none, and no entry that a promotion touched.
    """
    last = records[-1].model
    claimed = _of_status(registry, "champion")
    begun = len(records) == 1 and not claimed and last not in _of_status(registry, "retired")
    if claimed != [last] and not begun:
        said = f"{registry} says {' and '.join(claimed)}" if claimed else f"{registry} says nobody"
        raise RefusedError(
            f"{path} is not there, the last line of the record makes {last} champion, and {said} "
            "is: whether lines were removed cannot be known; restore these files from the "
            "repository's history"
        )


def _of_status(registry: Path, status: str) -> list[str]:
    """The names of the entries that have this status."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    found = []
    for path in sorted(filter(Path.is_file, registry.glob("*.toml"))):
        try:
            if tomlkit.parse(path.read_bytes().decode()).get("status") == status:
                found.append(path.stem)
        except (OSError, UnicodeDecodeError, TOMLKitError):
            continue  # an entry that cannot be read witnesses nothing
    return found


def _rewrite(path: Path) -> str:
    return f"delete {path.name} and type `python -m models.promote --verify` to derive it again"


def _write_champion(path: Path, champion: Champion) -> None:
    import tomlkit

    document = tomlkit.document()
    for key in ("model", "identity", "record"):
        document[key] = getattr(champion, key)
    write_whole(path, HEADER + tomlkit.dumps(document), mend=COMPLETE)


def _align_statuses(registry: Path, champion: str) -> list[str]:
    """One entry is the champion; another that says so is retired. Comments are kept."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    changes = []
    for path in sorted(filter(Path.is_file, registry.glob("*.toml"))):
        try:
            document = tomlkit.parse(path.read_bytes().decode())
        except (OSError, UnicodeDecodeError, TOMLKitError) as error:
            changes.append(f"{path} is not TOML, its status was left: {error}")
            continue
        status = document.get("status")
        if path.stem == champion:
            wanted = "champion"
        elif status == "champion":
            wanted = "retired"
        else:
            continue
        if status != wanted:
            document["status"] = wanted
            write_whole(path, tomlkit.dumps(document), mend=COMPLETE)
            changes.append(f"{path}: status is {wanted}")
    return changes
