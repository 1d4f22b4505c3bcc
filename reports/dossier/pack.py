"""The archive: a ZIP file of which the same files make the same bytes, with a list of SHA-256.

`SHA256SUMS` is as `sha256sum -c` reads it. It names every other file but its own signature.
"""

import hashlib
import io
import re
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from common.errors import UserError
from common.identity import file_digest
from common.reading import ending
from fixtures.imports.archive import DAMAGED
from models.promotion.refused import RefusedError
from reports.dossier.layout import SUMS, SUMS_SIGNED
from reports.dossier.plain import is_plain

NAME = re.compile(r"(?=.{1,200}\Z)[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
"""A file of the pack: nothing leads out of a folder, and no system reads it as another name."""

MOST = 20_000
LARGEST = 2**30
"""Files, and bytes of all of them unpacked: an archive of more is refused unread."""

EARLIEST = (1980, 1, 1, 0, 0, 0)
LISTED = 8
"""Files that a line names."""

_LINE = re.compile(r"([0-9a-f]{64})  (\S+)")


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack that is unpacked: the archive, the folder of its files, and their names.

    `mend` is what to do where something is wrong.
    """

    file: Path
    folder: Path
    names: tuple[str, ...]
    mend: str = "ask whoever made it for the pack again"

    def read(self, name: str) -> bytes:
        """The bytes of a file.

        Raises:
            RefusedError: it is not in the pack.
        """
        if name not in self.names:
            raise self.wrong(f"{name} is missing")
        return (self.folder / name).read_bytes()

    def below(self, folder: str) -> tuple[str, ...]:
        """The names of the files in a folder, and below it."""
        return tuple(name for name in self.names if name.startswith(f"{folder}/"))

    def digest(self, name: str) -> str:
        """SHA-256 of a file.

        Raises:
            RefusedError: it is not in the pack.
        """
        return hashlib.sha256(self.read(name)).hexdigest()

    def wrong(self, what: str) -> RefusedError:
        """The refusal of this pack."""
        return RefusedError(f"{self.file}: {what}; {self.mend}")


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that was looked at: what holds, or, where `holds` is False, what nobody checked."""

    holds: bool
    line: str


def sums(files: Mapping[str, bytes]) -> bytes:
    """The list of SHA-256 of files, sorted by name."""
    lines = (f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    return "".join(lines).encode()


def packed(files: Mapping[str, bytes]) -> bytes:
    """The archive of files, `SHA256SUMS` among them.

    Raises:
        UserError: a name is none that every system takes.
    """
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            if not NAME.fullmatch(name):
                raise UserError(
                    f"{name[:80]!r} cannot be the name of a file in the pack; rename it"
                )
            member = zipfile.ZipInfo(name, EARLIEST)
            member.compress_type, member.create_system = zipfile.ZIP_DEFLATED, 3
            member.external_attr = 0o100600 << 16
            archive.writestr(member, files[name])
    return data.getvalue()


def unpacked(file: Path, folder: Path) -> Pack:
    """Unpack an archive into a folder that is empty.

    Raises:
        UserError: it is no archive, was cut short, or is one that no pack can be: a name that leads
            elsewhere or stands twice, too many files, or too large ones.
    """
    try:
        with zipfile.ZipFile(ending(file)) as archive:
            members = archive.infolist()
            _check_members(file, members)
            if not is_plain(file, archive):
                raise UserError(
                    f"{file} is packed so that other programs may find other files in it; no "
                    "evidence pack was: ask whoever made it for the pack again"
                )
            for member in members:
                path = folder / member.filename
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.read(member))
    except FileNotFoundError as error:
        raise UserError(f"{file} is not there; give the file that was written") from error
    except DAMAGED as error:
        raise UserError(
            f"{file} is no archive, or is damaged ({str(error)[:120]}); copy it again, whole"
        ) from error
    return Pack(file, folder, tuple(sorted(each.filename for each in members)))


def _check_members(file: Path, members: list[zipfile.ZipInfo]) -> None:
    """Refuse what no pack holds, before anything is unpacked."""
    names = [each.filename for each in members]
    seen = Counter(name.casefold() for name in names)
    folders = {str(above) for name in seen for above in PurePosixPath(name).parents}
    wrong = None
    if len(names) > MOST or sum(each.file_size for each in members) > LARGEST:
        wrong = f"holds more than {MOST:,} files or {LARGEST:,} bytes"
    elif odd := [name for name in names if not NAME.fullmatch(name)]:
        wrong = f"holds {odd[0][:80]!r}, which is the name of no file of a pack"
    elif twice := [name for name in names if seen[name.casefold()] > 1]:
        wrong = f"holds {twice[0]} twice"
    elif both := sorted(folders & seen.keys()):
        wrong = f"holds {both[0]} as a file and as a folder"
    if wrong:
        raise UserError(f"{file} {wrong}; it is no evidence pack")


def check_sums(pack: Pack) -> int:
    """Hold every file against the list; the number of files.

    Raises:
        RefusedError: files are missing, changed or not in the list; they are named.
    """
    listed = _listed(pack)
    here = {*pack.names} - {SUMS, SUMS_SIGNED}
    for what, names in (
        (f"missing: {SUMS} names", listed.keys() - here),
        (f"not in {SUMS}:", here - listed.keys()),
        (
            f"not what {SUMS} says:",
            {name for name in here if file_digest(pack.folder / name) != listed.get(name)},
        ),
    ):
        if names:
            raise pack.wrong(f"{what} {_few(names)}")
    return len(here)


def _listed(pack: Pack) -> dict[str, str]:
    lines = pack.read(SUMS).decode("utf-8", "replace").splitlines()
    found = [_LINE.fullmatch(line) for line in lines]
    listed = {match[2]: match[1] for match in found if match}
    if len(listed) < len(lines) or not lines:
        raise pack.wrong(f"{SUMS} is no list of SHA-256")
    return listed


def _few(names: set[str]) -> str:
    first = sorted(names)[:LISTED]
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{', '.join(first)}{more}"
