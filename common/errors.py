"""The one exception that means: the user can mend this."""

from os import PathLike

from common.redaction import redacted
from common.storable import presentable

LONGEST = 200
"""Characters of a path that an error repeats."""


class UserError(Exception):
    """A mistake of the user, or a state of the machine that only the user can mend.

    The message is one line and says what is wrong, where, and what to type next.
    Every entry point shows that line and exits 4, without a traceback.

    Whoever shows the line shows it without secrets and without control characters, whatever
    server, file or library the words are from.
    """

    def __str__(self) -> str:
        return presentable(redacted(super().__str__()))


def of_path(error: OSError) -> UserError:
    """What the system would not do with a path that somebody named, as their mistake.

    A path is asked about in many places (`is_file`, `glob`), and is too long, or in a folder that
    nobody may enter, in any of them.

    Raises:
        OSError: it is about no path.
    """
    if not isinstance(error.filename, str | PathLike):
        raise error
    path = str(error.filename)
    short = path if len(path) <= LONGEST else f"{path[:LONGEST]}..."
    return UserError(f"{short}: {error.strerror}; name another path, or mend this one")
