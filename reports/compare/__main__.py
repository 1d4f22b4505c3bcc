"""Two runs, case by case: `python -m reports.compare RUN_A RUN_B`.

A run is a folder, its report.json, its id under reports/runs, `latest`, or called by a model: NAME
is the last run that it took part in, NAME~1 the one before. Differences are B - A. With `--served
PATH` champion and candidate are compared on requests that were split or shadowed between them.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common.command import Parser, output_file, run
from common.errors import UserError
from common.files import write_whole
from common.settings import nearest
from reports.archive import AGAIN, RUNS, find_report, named_model, read_report
from reports.compare.served.command import compare_served
from reports.compare.shown import HEADS, cells, compared, flips, format_score, level
from reports.compare.sides import Sides, pair_runs
from reports.feedback.kept import FOLDER as FEEDBACK
from reports.report import Report, ReportedResult

if TYPE_CHECKING:
    from rich.console import Console


CLIP = 160
PAGE = RUNS.parent / "compare.html"


def _print_metrics(sides: Sides, console: "Console") -> None:
    from rich.markup import escape
    from rich.table import Table

    found = compared(sides)
    table = Table(*HEADS[:1], box=None, pad_edge=False, header_style="bold")
    for head in HEADS[1:]:
        table.add_column(head, justify="right")
    for each in found.metrics:
        table.add_row(*map(escape, cells(sides.b, each)))
    console.print(table)
    for note in found.notes:
        console.print(note, markup=False)


def _print_cases(sides: Sides, metrics: Sequence[str], console: "Console", *, every: bool) -> None:
    metrics = [name for name in metrics if name not in sides.left_out]
    rows = list(flips(sides, metrics))
    turned = sum(bool(names) for _, _, names in rows)
    console.print(f"\n{turned:,} of {len(rows):,} cases flip in {', '.join(metrics)}", markup=False)
    for one, two, names in rows:
        if not names and not every:
            continue
        shown = [name for name in metrics if name in one.scores or name in two.scores]
        scores = ", ".join(
            f"{name} {format_score(one, name)} → {format_score(two, name)}"
            + (" *" if every and name in names else "")
            for name in (shown if every else names)
        )
        for line in (
            sides.b.cases[two.case].slug,
            f"  {scores}",
            f"  A: {_format_answer(one)}",
            f"  B: {_format_answer(two)}",
        ):
            console.print(line, markup=False, soft_wrap=True)


def _format_answer(result: ReportedResult) -> str:
    """The answer on one line, clipped, without what a terminal would obey."""
    text = result.answer if result.error is None else f"error: {result.error}"
    line = " ".join(text[: CLIP * 4].split())
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)
    return (line if len(line) <= CLIP else line[: CLIP - 1] + "…") or "(empty)"


def _wanted(report: Report, metrics: Sequence[str]) -> list[str]:
    """The metrics whose flips are listed: those given, or those with a mark."""
    for name in metrics:
        if name not in report.metrics and name not in report.marks:
            raise UserError(f"--metric {name}: no such metric; {nearest(name, report.metrics)}")
    return list(metrics or report.marks)


def _parser() -> Parser:
    parser = Parser(prog="python -m reports.compare", description=main.__doc__)
    parser.add_argument(
        "run_a",
        nargs="?",
        metavar="RUN_A",
        help="folder, report.json, run id, latest, or NAME~1: the one before the last of a model",
    )
    parser.add_argument("run_b", nargs="?", metavar="RUN_B", help="likewise; differences are B - A")
    parser.add_argument(
        "--served",
        nargs="+",
        metavar="PATH",
        help="in place of runs: logged requests, files, folders or s3://BUCKET/DIR/",
    )
    parser.add_argument(
        "--feedback", type=Path, metavar="DIR", help=f"of these requests, imported ({FEEDBACK})"
    )
    parser.add_argument("--model-a", metavar="NAME", help="model of A, where it examined several")
    parser.add_argument("--model-b", metavar="NAME", help="model of B, likewise")
    parser.add_argument("--unchanged", action="store_true", help="only cases that are in both")
    parser.add_argument("--all", action="store_true", help="list every case, not flips alone")
    parser.add_argument(
        "--metric",
        action="append",
        default=[],
        metavar="NAME",
        help="flips of this one; with --served judge by it alone; repeat",
    )
    parser.add_argument(
        "--html",
        type=output_file,
        nargs="?",
        const=PAGE,
        metavar="PATH",
        help=f"also write a page with charts ({PAGE})",
    )
    parser.add_argument("--runs", type=Path, default=RUNS, metavar="DIR", help="folder of runs")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Compare two runs; refused where data, retriever, prompt, metrics or judges differ."""
    return run(_parser().parse_args, _work, argv)


def _work(given: argparse.Namespace) -> None:
    if given.served:
        _compare_served(given)
        return
    if given.run_b is None:
        raise UserError("give two runs, or --served PATH; see python -m reports.compare --help")
    if given.feedback:
        raise UserError("--feedback is about requests that were served: give --served PATH")
    _compare(given)


def _compare_served(given: argparse.Namespace) -> None:
    from rich.console import Console

    for option in ("run_a", "model_a", "model_b", "unchanged", "all", "html"):
        if getattr(given, option):
            named = "runs" if option == "run_a" else f"--{option.replace('_', '-')}"
            raise UserError(f"--served compares logged requests: leave out {named}")
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 130)
    compare_served(given.served, given.feedback, given.metric, console)


def _compare(given: argparse.Namespace) -> None:
    from rich.console import Console

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 130)
    a, b = (read_report(find_report(each, given.runs)) for each in (given.run_a, given.run_b))
    metrics = _wanted(b, given.metric)
    model_a = given.model_a or named_model(given.run_a, given.runs)
    model_b = given.model_b or named_model(given.run_b, given.runs)
    sides, cases = pair_runs(a, b, model_a, model_b, unchanged=given.unchanged)
    console.print(
        f"A: {sides.model_a} in {a.header.id}\nB: {sides.model_b} in {b.header.id}", markup=False
    )
    if given.unchanged:
        console.print(f"the {len(cases.same):,} cases that both share; {cases}", markup=False)
    _print_metrics(sides, console)
    console.print(level(b), markup=False)
    _print_cases(sides, metrics, console, every=given.all)
    if given.html:
        from reports.compare.page import render

        write_whole(given.html, render(sides, metrics), mend=AGAIN, private=True)
        console.print(str(given.html), markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
