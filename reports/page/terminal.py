"""The exam in the terminal: a bar while it runs, a table when it is done."""

import math
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

from common.redaction import redacted
from common.storable import presentable
from evals.exam.run import Run
from evals.metrics.table import METRICS
from evals.results import Spending
from models.remote.waiting import Wait
from reports.page.proof import proofs
from reports.page.wording import OUTCOMES, conclusions, format_paid
from reports.report import Report, Section
from reports.sections.costs import cost_lines
from reports.sections.labels import LABELS
from reports.sections.loss import loss_lines

if TYPE_CHECKING:
    from rich.console import Console


STYLES: Mapping[str, str] = {
    "PASS": "green",
    "PROMOTE": "bold green",
    "FAIL": "bold red",
    "REJECT": "bold red",
    "INCONCLUSIVE": "yellow",
}

HIDDEN = frozenset({"recall@5", "ndcg@5", "jaccard", "tokens_in", "tokens_out"})
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

    console = Console(file=sys.stdout)

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


def print_report(
    report: Report, pages: Sequence[str], file: IO[str], *, colour: bool, verbose: bool = False
) -> None:
    """Print verdict, summary table, checks and notes, what it cost, the pages, and the verdict.

    What was found beside the metrics stands in one line a section, and whole where `verbose`;
    what was not passed is always shown.
    """
    from rich.console import Console

    console = Console(
        file=file, force_terminal=colour, no_color=not colour, width=None if colour else 110,
        highlight=False,
    )  # fmt: skip

    def say(line: str, outcome: str | None = None, width: int = 0) -> None:
        """A line that may hold words from outside: no markup, secret or control character."""
        if outcome is not None:
            console.print(f"[{STYLES.get(outcome, 'none')}]{outcome:<{width}}[/] ", end="")
        console.print(presentable(redacted(line)), markup=False, soft_wrap=True)

    for each in conclusions(report):
        if each.outcome:
            say(each.sentence, each.outcome)
    _print_summary(report, console)
    for verdict in report.verdicts:
        for check in sorted(verdict.checks, key=lambda check: OUTCOMES.index(check.outcome)):
            say(f"{verdict.model}: {check.reason}", check.outcome, 12)
    for section in report.sections:
        for line, outcome in _section_lines(section, verbose=verbose):
            say(line, outcome, 12)
    for note in report.notes:
        say(f"note: {note}")
    if report.failed_answers:
        again = "--errored asks again for those that failed"
        say(f"{report.failed_answers} cases have no answer; reasons are in the report, {again}")
    missed = [result.missed for result in report.results if result.missed]
    if missed:
        tests = sum(map(len, missed))
        say(f"{len(missed)} of {len(report.results)} cases missed, by {tests} tests")
    say(spending_line(report.spending, len(report.results)))
    for page in pages:
        say(page)
    for verdict, sentence in zip(report.verdicts, proofs(report), strict=True):
        why = f": {'; '.join(verdict.reasons)}" if verdict.outcome == "PASS" else ""
        say(f"{verdict.model}{why}", verdict.outcome)
        say(sentence)


def _section_lines(section: Section, *, verbose: bool) -> Iterator[tuple[str, str | None]]:
    """The lines of a section, each with its outcome; what people say is always shown."""
    short = (
        []
        if verbose or section.name == LABELS
        else [f for f in section.findings if f.outcome in (None, "PASS")]
    )
    more = f": {len(short)} figures more in the report, or with -v" if short else ""
    yield f"{section.title}{more}", None
    for line in (*loss_lines(section), *cost_lines(section)):
        yield line, None
    for finding in section.findings:
        if finding not in short:
            yield f"{finding.subject}: {finding.line}", finding.outcome or ""


def _print_summary(report: Report, console: "Console") -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("metric")
    for group in report.summary:
        table.add_column(escape(presentable(redacted(group.model))), justify="right")
        table.add_column("n", justify="right")
    for name, metric in METRICS.items():
        if name in HIDDEN or not any(name in group.estimates for group in report.summary):
            continue
        arrow = "↓" if metric.direction == "lower" else "↑"
        cells = []
        for group in report.summary:
            estimate = group.estimates.get(name)
            cells += [str(estimate or "-"), str(estimate.n) if estimate else "unscored"]
        table.add_row(f"{name} {arrow}", *cells)
    console.print(table)


def spending_line(spending: Spending, results: int) -> str:
    """What the run cost, in one line."""
    tokens = spending.tokens_in + spending.tokens_out
    cost = "".join(f"{name} {paid}, " for name, paid in format_paid(spending).items())
    return (
        f"{results} answers: {spending.calls} calls, {tokens:,} tokens, {cost}"
        f"{spending.seconds:.1f} s, {spending.peak_memory / 2**30:.1f} GiB"
    )
