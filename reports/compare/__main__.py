"""Two runs, case by case: `python -m reports.compare RUN_A RUN_B`.

A run is a folder, its report.json, its id under reports/runs, `latest`, or called by a model: NAME
is the last run that it took part in, NAME~1 the one before. Differences are B - A.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common.command import Parser, run
from common.errors import UserError
from common.settings import nearest
from reports.archive import RUNS, find_report, named_model, read_report
from reports.compare.comparison import MetricComparison, compare
from reports.compare.sides import Sides, pair_runs
from reports.page.wording import format_value
from reports.report import Report, ReportedResult

if TYPE_CHECKING:
    from rich.console import Console


CLIP = 160
HEADS = ("metric", "A", "B", "B − A", "p", "wins/losses/ties", "McNemar", "by contract")


def flips(
    sides: Sides, metrics: Sequence[str]
) -> Iterator[tuple[ReportedResult, ReportedResult, list[str]]]:
    """Cases that one side passes and the other misses, with the metrics in which they do.

    A metric without a mark flips where its values differ.
    """
    for one, two in sides.results():
        turned = [
            metric
            for metric in metrics
            if (x := one.scores.get(metric)) is not None
            and (y := two.scores.get(metric)) is not None
            and _turns(sides.b, metric, x, y)
        ]
        yield one, two, turned


def _turns(report: Report, metric: str, a: float, b: float) -> bool:
    return (
        report.passes(metric, a) != report.passes(metric, b) if metric in report.marks else a != b
    )


def _print_metrics(sides: Sides, console: "Console") -> None:
    from rich.markup import escape
    from rich.table import Table

    notes = _left_out(sides)
    table = Table(*HEADS[:1], box=None, pad_edge=False, header_style="bold")
    for head in HEADS[1:]:
        table.add_column(head, justify="right")
    for metric in _metrics(sides):
        found = compare(metric, sides)
        if found is None:
            notes.append(f"{metric}: {_absence(sides, metric)}")
            continue
        table.add_row(*map(escape, _cells(sides.b, found)))
        if found.unpaired:
            notes.append(f"{metric}: {found.unpaired:,} cases lack a score on a side, left out")
    console.print(table)
    for note in notes:
        console.print(note, markup=False)


def _metrics(sides: Sides) -> list[str]:
    scored = {name for pair in sides.results() for each in pair for name in each.scores}
    known = [name for name in {**sides.a.metrics, **sides.b.metrics} if name in scored]
    found = known + sorted(scored.difference(known))
    return [name for name in found if name not in sides.left_out]


def _left_out(sides: Sides) -> list[str]:
    """One line on what is not compared."""
    each = "; ".join(f"{name} ({why})" for name, why in sides.left_out.items())
    return [f"left out, what both have is compared: {each}"] if each else []


def _absence(sides: Sides, metric: str) -> str:
    scored = [
        any(pair[side].scores.get(metric) is not None for pair in sides.results())
        for side in (0, 1)
    ]
    if any(scored):
        return f"scored in {'A' if scored[0] else 'B'} alone, not compared"
    return "scored in neither"


def _cells(report: Report, found: MetricComparison) -> list[str]:
    unit = report.unit_of(found.metric)
    gain = found.difference
    arrow = "↓" if report.lower_is_better(found.metric) else "↑"
    return [
        f"{found.metric} {arrow}",
        format_value(found.mean_a, unit),
        format_value(found.mean_b, unit),
        format(gain, "+,.0f" if unit == "tokens" else "+.3f"),
        _format_p(found.p_value),
        f"{found.wins}/{found.losses}/{found.ties}",
        _format_p(found.exact),
        _format_p(found.by_contract),
    ]


def _format_p(value: float | None) -> str:
    return "–" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


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
            f"{name} {_format_score(one, name)} → {_format_score(two, name)}"
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


def _format_score(result: ReportedResult, metric: str) -> str:
    score = result.scores.get(metric)
    return "unscored" if score is None else f"{score:.2f}"


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
        metavar="RUN_A",
        help="folder, report.json, run id, latest, or NAME~1: the one before the last of a model",
    )
    parser.add_argument("run_b", metavar="RUN_B", help="likewise; differences are B - A")
    parser.add_argument("--model-a", metavar="NAME", help="model of A, where it examined several")
    parser.add_argument("--model-b", metavar="NAME", help="model of B, likewise")
    parser.add_argument("--unchanged", action="store_true", help="only cases that are in both")
    parser.add_argument("--all", action="store_true", help="list every case, not flips alone")
    parser.add_argument(
        "--metric", action="append", default=[], metavar="NAME", help="flips of this one; repeat"
    )
    parser.add_argument("--runs", type=Path, default=RUNS, metavar="DIR", help="folder of runs")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Compare two runs; refused where data, retriever, prompt, metrics or judges differ."""
    return run(_parser().parse_args, _compare, argv)


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
    level = 1 - 2 * b.header.gate.alpha
    console.print(
        f"intervals at {level:.0%} and two-sided p, by contract; wins are B's; McNemar of scores "
        "of 0 and 1: exact for independent cases, and by contract",
        markup=False,
    )
    _print_cases(sides, metrics, console, every=given.all)


if __name__ == "__main__":
    sys.exit(main())
