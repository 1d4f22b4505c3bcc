"""One case never takes down the exam: its exceptions become its error.

A UserError concerns all, and goes on; so do a cancelled run and Ctrl-C.
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from common.errors import UserError
from common.paths import ROOT
from evals.calls.columns import storable_text

T = TypeVar("T")
U = TypeVar("U")
SHOWN = 200


async def isolated(work: Awaitable[T], otherwise: Callable[[str], U]) -> T | U:
    """What `work` returns, or `otherwise(line)` where it raised; the line has type and place.

    Raises:
        UserError: also where a library wrapped one in an exception of its own.
    """
    try:
        return await work
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return otherwise(described(error))  # a library's own, which nobody asked for
    except BaseException as error:
        return otherwise(_line(error))


def attempted(work: Callable[[], T], otherwise: Callable[[str], U]) -> T | U:
    """`isolated`, of what is not awaited."""
    try:
        return work()
    except BaseException as error:
        return otherwise(_line(error))


def _line(error: BaseException) -> str:
    """Also of what is no Exception: libraries in Rust panic, others exit."""
    mistake = users_mistake(error)
    if mistake is not None:
        raise mistake from None
    if _ends(error):
        raise error
    return described(error)


def _ends(error: BaseException) -> bool:
    """Whether somebody wants all of it to end."""
    if isinstance(error, BaseExceptionGroup):
        return any(_ends(each) for each in error.exceptions)
    return isinstance(error, KeyboardInterrupt | GeneratorExit)


def users_mistake(error: BaseException) -> UserError | None:
    """The UserError that this is, holds, or was raised because of."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop()
        if each is None or id(each) in seen:
            continue
        if isinstance(each, UserError):
            return each
        seen.add(id(each))
        left += [each.__context__, each.__cause__]
        left += each.exceptions if isinstance(each, BaseExceptionGroup) else ()
    return None


def innermost(error: BaseException) -> BaseException:
    """The first exception of a group, however deep it lies; any other is itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def described(error: BaseException) -> str:
    r"""An exception in one line: type, the innermost place of this project, message.

    >>> described(ValueError("odd\nreply"))
    'ValueError: odd reply'
    """
    error = innermost(error)
    place = _place(error)
    try:
        said = " ".join(str(error).split())
    except Exception:  # an exception that cannot even be shown
        said = ""
    where = f" in {place}" if place else ""
    return storable_text(f"{type(error).__name__}{where}" + (f": {said}" if said else ""), SHOWN)


def _place(error: BaseException) -> str:
    frames = [
        (Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)
    ]
    ours = [(p.relative_to(home), n) for p, n in frames if (home := _home(p))]
    if ours:
        return f"{ours[-1][0].as_posix()}:{ours[-1][1]}"
    return f"{frames[-1][0].name}:{frames[-1][1]}" if frames else ""


def _home(path: Path) -> Path | None:
    """The product's or the user's folder that holds a file, where nobody else put it there."""
    for folder in (ROOT, Path.cwd()):
        if path.is_relative_to(folder) and path != Path(__file__):
            parts = path.relative_to(folder).parts
            return None if {"site-packages", ".venv"}.intersection(parts) else folder
    return None
