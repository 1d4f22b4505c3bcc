"""Whether files that only ever grow still hold what the commit of the repository holds.

Last lines that are taken away break no hash. The commit that is checked out is the witness: whoever
takes them away has to commit that, and the repository's history shows it. Git's index, which can
be told to overlook a file, is not asked.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from common.provenance import git
from common.reading import ending
from models.promotion.record.file import FILE
from models.promotion.refused import RefusedError


def check_record_kept(folder: Path) -> None:
    """Refuse a record without lines that the commit holds.

    Raises:
        RefusedError: it is so; where no commit holds a record nothing is known.
    """
    _check(folder.resolve(), FILE)


def check_ledger_kept(folder: Path) -> None:
    """Refuse a ledger without files, or without lines of files, that the commit holds.

    Raises:
        RefusedError: it is so; where no commit holds files of it nothing is known.
    """
    folder = folder.resolve()
    _check(folder.parent, f"{folder.name}/")


def _check(folder: Path, place: str) -> None:
    for name, blob in _held(folder, place):
        path = folder / name
        try:
            data = ending(path).read_bytes()
        except OSError:
            data = None
        if data is not None and (_blob(data, blob) == blob or _goes_on(folder, name, data)):
            continue
        what = "is gone" if data is None else "lacks lines, or has others"
        raise RefusedError(
            f"{path} {what} that the commit which is checked out holds; restore it (`git checkout "
            f"HEAD -- {name}`), or, if that is meant, commit it as it is, for all to see"
        )


def _held(folder: Path, place: str) -> Iterator[tuple[str, str]]:
    """Name, seen from the folder, and blob of each file that the commit holds there."""
    for line in (git(folder, "ls-tree", "-r", "-z", "HEAD", "--", place) or "").split("\0"):
        facts, _, name = line.partition("\t")
        if name.endswith((".json", ".jsonl")):
            yield name, facts.split()[-1]


def _blob(data: bytes, like: str) -> str:
    """What git calls these bytes, in a repository that calls others so."""
    kind = hashlib.sha1 if len(like) == 40 else hashlib.sha256
    return kind(b"blob %d\0" % len(data) + data).hexdigest()


def _goes_on(folder: Path, name: str, data: bytes) -> bool:
    """Whether these bytes begin with what the commit holds; without its end, as git shows it."""
    text = git(folder, "show", f"HEAD:./{name}")
    return text is not None and data.startswith(text.encode("utf-8", "surrogateescape"))
