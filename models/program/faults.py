"""What went wrong in a user's program, in one line."""

import traceback
from pathlib import Path

LONGEST = 200


def described(error: BaseException, file: Path | None = None) -> str:
    r"""Type and message of an exception, behind the last line of `file` that it came through.

    >>> described(ValueError("odd\nreply"))
    'ValueError: odd reply'
    """
    said = " ".join(str(error).split())[:LONGEST]
    words = f"{type(error).__name__}: {said}" if said else type(error).__name__
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if file is not None and frame.filename == str(file)
    ]
    if isinstance(error, SyntaxError) and file is not None and error.lineno:
        lines, words = [error.lineno], f"{type(error).__name__}: {error.msg}"
    return f"{file.name}:{lines[-1]}: {words}" if file is not None and lines else words
