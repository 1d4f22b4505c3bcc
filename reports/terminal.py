"""The exam in the terminal: a bar while it runs, a table when it is done."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import IO, TYPE_CHECKING

from evals.exam import Run
from evals.metrics.table import METRICS
from evals.plan import Spending
from reports.report import Report
from reports.statistics import Estimate
from reports.wording import OUTCOMES, conclusions

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


@contextmanager
def progress_bar(run: Run, total: int) -> Iterator[None]:
    """Show rate, answers found in the store and time left; silent when not a terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(file=sys.stdout)
    if not console.is_terminal:
        yield
        return
    columns = (
        TextColumn("examining"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("examining", total=total, note="")

        def show(run: Run) -> None:
            spending = run.spending
            rate = spending.calls / spending.seconds if spending.seconds else 0.0
            kept = run.done - run.asked
            note = f"{spending.calls} calls, {rate:.1f}/s, {kept} from the store"
            bar.update(task, completed=run.done, note=note)

        def embedded(done: int, contracts: int) -> None:
            bar.update(task, note=f"embedding contract {done} of {contracts} for the index")

        run.on_change, run.on_embedded = show, embedded
        yield


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
        if outcome is not None:
            console.print(f"[{STYLES.get(outcome, 'none')}]{outcome:<{width}}[/] ", end="")
        console.print(line, markup=False, soft_wrap=True)

    concluded = conclusions({"verdicts": [asdict(verdict) for verdict in report.verdicts],
                             "summary": [{"model": v.model} for v in report.verdicts]})  # fmt: skip
    for each in concluded:
        say(each.sentence, each.outcome)
    _print_summary(report, console)
    for verdict in report.verdicts:
        for check in sorted(verdict.checks, key=lambda check: OUTCOMES.index(check.outcome)):
            say(f"{verdict.model}: {check.reason}", check.outcome, 12)
    for section in report.sections:
        short = [] if verbose else [f for f in section.findings if f.outcome in (None, "PASS")]
        more = f": {len(short)} figures more in the report, or with -v" if short else ""
        say(f"{section.title}{more}")
        for finding in section.findings:
            if finding not in short:
                say(f"{finding.subject}: {finding.line}", finding.outcome or "", 12)
    for note in report.notes:
        say(f"note: {note}")
    if report.failed_answers:
        say(f"{report.failed_answers} cases have no answer; their reasons are in the report")
    if report.missed:
        tests = sum(len(tests) for tests in report.missed.values())
        say(f"{len(report.missed)} of {len(report.results)} cases missed, by {tests} tests")
    say(spending_line(report.spending, len(report.results)))
    for page in pages:
        say(page)
    for verdict in report.verdicts:
        say(verdict.model, verdict.outcome)


def _print_summary(report: Report, console: "Console") -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("metric")
    for group in report.summary:
        table.add_column(group.model, justify="right")
        table.add_column("n", justify="right")
    for name, metric in METRICS.items():
        if name in HIDDEN or not any(name in group.estimates for group in report.summary):
            continue
        arrow = "↓" if metric.direction == "lower" else "↑"
        cells = []
        for group in report.summary:
            estimate = group.estimates.get(name)
            cells += [interval(estimate), str(estimate.n) if estimate else "unscored"]
        table.add_row(f"{name} {arrow}", *cells)
    console.print(table)


def interval(estimate: Estimate | None) -> str:
    """`mean [low, high]`, without brackets where nothing is known of the spread."""
    if estimate is None:
        return "-"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.mean:.3f}"
    return f"{estimate.mean:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def spending_line(spending: Spending, results: int) -> str:
    """What the run cost, in one line."""
    tokens = spending.tokens_in + spending.tokens_out
    return (
        f"{results} answers: {spending.calls} calls, {tokens:,} tokens, "
        f"{spending.seconds:.1f} s, {spending.peak_memory / 2**30:.1f} GiB"
    )
