"""How far an exam is: a bar in a terminal, a line now and then in a log."""

import math
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from evals.exam.run import Run
from models.remote.waiting import Wait

if TYPE_CHECKING:
    from rich.console import Console


EVERY = 30.0
"""Seconds between two lines, where there is no terminal to draw a bar in."""

FIRST = 5.0
"""Seconds before the first of them: a short exam says nothing."""

LONG = 10.0
"""Seconds without a reply after which it is said whom the exam waits for."""


@contextmanager
def progress_bar(
    run: Run, total: int, waiting: Callable[[], Wait | None] = lambda: None
) -> Iterator[None]:
    """Show rate, answers found in the store and time left: a bar, or a line every half minute.

    Args:
        run: whose progress is shown.
        total: results that it is to have.
        waiting: the call that has had no reply for longest, if any.
    """
    from rich.console import Console

    console = Console(file=sys.stdout, no_color=True)  # `--color` is not told here

    def note() -> list[str]:
        wait = waiting()
        long = wait is not None and wait.seconds >= LONG
        return [*_embedding(run), *([str(wait)] if long else [])]

    show = _bar(run, total, note, console) if console.is_terminal else _lines(run, total, note)
    with show:
        yield


def _embedding(run: Run) -> list[str]:
    """How far the index is, until something is asked."""
    if run.done or run.embedded is None:
        return []
    done, contracts = run.embedded
    return [f"embedding contract {done} of {contracts} for the index"]


@contextmanager
def _lines(run: Run, total: int, note: Callable[[], list[str]]) -> Iterator[None]:
    def say() -> None:
        with suppress(OSError):  # whoever reads may have gone
            print("; ".join([progress_line(run, total), *note()]), flush=True)

    with _ticking(say, EVERY, min(FIRST, EVERY)):
        yield


def progress_line(run: Run, total: int) -> str:
    """How far the run is, at what rate, what failed, and how long it will take."""
    asked, seconds = run.asked, run.spending.seconds
    parts = [f"examining: {run.done:,} of {total:,} answers", f"{run.spending.calls:,} calls"]
    if kept := run.done - asked - run.errors.total():
        parts.append(f"{kept:,} from the store")
    if asked and seconds:
        rate = asked / seconds
        parts += [f"{rate:.1f}/s", f"about {_minutes((total - run.done) / rate)} left"]
    failed = [f"{count:,} {kind}" for kind, count in run.errors.most_common(3)]
    return ", ".join([*parts, *([f"failed: {', '.join(failed)}"] if failed else [])])


def _minutes(seconds: float) -> str:
    return f"{math.ceil(seconds / 60):,} min" if seconds > 90 else f"{seconds:.0f} s"


@contextmanager
def _bar(run: Run, total: int, note: Callable[[], list[str]], console: "Console") -> Iterator[None]:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("examining"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("examining", total=total, note="")

        def show() -> None:
            spending = run.spending
            rate = spending.calls / spending.seconds if spending.seconds else 0.0
            kept = run.done - run.asked
            said = [f"{spending.calls} calls, {rate:.1f}/s, {kept} from the store", *note()]
            bar.update(task, completed=run.done, note="; ".join(said))

        with _ticking(show, 0.5, 0.5):
            yield


@contextmanager
def _ticking(show: Callable[[], None], every: float, first: float) -> Iterator[None]:
    """Show it now and then, from a thread: the loop may be busy, or wait for a server."""
    over = threading.Event()

    def tick() -> None:
        pause = first
        while not over.wait(pause):
            show()
            pause = every

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
