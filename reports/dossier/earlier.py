"""A file as it once was: as it stands, or as a commit of its repository holds it."""

from collections.abc import Callable
from pathlib import Path

from common.provenance import git
from common.reading import ending


def as_it_was(path: Path, fits: Callable[[bytes], bool]) -> bytes | None:
    """The bytes of a file that fit, newest first; None where neither disk nor history has them.

    Git's output is read without the white space at its ends, so a last line feed is tried.
    """
    try:
        data = ending(path).read_bytes()
    except OSError:
        data = None
    if data is not None and fits(data):
        return data
    folder = path.parent.resolve()
    for commit in (git(folder, "rev-list", "--all", "--", path.name) or "").split():
        text = git(folder, "show", f"{commit}:./{path.name}")
        for end in ("\n", "") if text is not None else ():
            earlier = f"{text}{end}".encode("utf-8", "surrogateescape")
            if fits(earlier):
                return earlier
    return None
