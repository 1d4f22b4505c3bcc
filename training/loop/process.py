"""A step's process: one at a time, also when the loop that began it was killed.

The step inherits a lock that the system gives back when it has ended, and whoever it forked. So
`run`, killed with `kill -9` and typed again, knows that the step works on, and waits for it.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from common.errors import UserError
from common.files import private_opener

BEAT = 10.0
"""Seconds between two notes of how long a step has worked."""

GRACE = 60.0
"""Seconds that a step has to end itself once its budget is used up."""

LOOK = 0.2
"""Seconds between two looks whether a step that was left behind has ended."""


LOOKS = 10
"""Looks until a lock that is held is held by a step, and not by whoever looks."""


class OverTimeError(UserError):
    """A step has worked for as long as the round's budget allows."""


def is_working(lock: Path) -> bool:
    """Whether a step works that a killed loop began."""
    if not lock.is_file():
        return False
    with _opened(lock) as file:
        return not _taken(file)


def wait_until_idle(lock: Path, waiting: Callable[[], object]) -> float:
    """Wait for a step that a killed loop began; returns seconds. `waiting` is called if there is.

    Raises:
        UserError: the lock cannot be opened.
    """
    began = time.monotonic()
    with _opened(lock) as file:
        if not _taken(file):
            waiting()
            while not _taken(file):
                time.sleep(LOOK)
    return time.monotonic() - began


def work(
    command: Sequence[str], lock: Path, beat: Callable[[float], object], limit: float | None
) -> int:
    """Run a step to its end, and return its exit code; what it says is said here.

    Args:
        command: its words.
        lock: what it holds until it ends.
        beat: is told, every few seconds and at the end, how long it has worked.
        limit: seconds; None is no bound.

    Raises:
        OverTimeError: it worked for longer; it was stopped as by Ctrl-C, and can go on.
        KeyboardInterrupt: it was interrupted, and so was the step.
        UserError: the lock cannot be opened, or a step works already.
    """
    began = time.monotonic()
    with _opened(lock) as file:
        if not _taken_soon(file):
            raise UserError(f"{lock}: a step of this round works already")
        process = subprocess.Popen(command, pass_fds=(file,), start_new_session=True)
        try:
            while True:
                left = BEAT if limit is None else min(BEAT, limit - (time.monotonic() - began))
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return process.wait(max(left, 0.0))
                beat(time.monotonic() - began)
                if limit is not None and time.monotonic() - began >= limit:
                    raise OverTimeError("the hours of the budget are used up")
        except BaseException:
            _stop(process)
            raise
        finally:
            beat(time.monotonic() - began)


def captured(command: Sequence[str]) -> tuple[int, str]:
    """The exit code of a command, and what it printed; what it says of itself is said here."""
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    return done.returncode, done.stdout.decode("utf-8", "backslashreplace")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    for sign, grace in ((signal.SIGINT, GRACE), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
            return


@contextmanager
def _opened(lock: Path) -> Iterator[int]:
    try:
        file = private_opener(lock, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise UserError(f"{lock} cannot be opened: {error.strerror}; mend that") from error
    try:
        yield file
    finally:
        os.close(file)


def _taken_soon(file: int) -> bool:
    """Whether the lock is ours soon: `status` may hold it for as long as it takes to look."""
    for _ in range(LOOKS):
        if _taken(file):
            return True
        time.sleep(LOOK)
    return False


def _taken(file: int) -> bool:
    """Whether the lock is ours now."""
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
