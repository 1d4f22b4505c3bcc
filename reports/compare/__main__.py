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
from reports.archive import RUNS, Exam, Taken, find_report, named_model, read_exam
from reports.compare.contest import Contest, Sides, contest, meet
from reports.page.wording import figure

if TYPE_CHECKING:
    from rich.console import Console


CLIP = 160
HEADS = ("metric", "A", "B", "B − A", "p", "wins/losses/ties", "McNemar", "by contract")


def flips(sides: Sides, metrics: Sequence[str]) -> Iterator[tuple[Taken, Taken, list[str]]]:
    """Cases that one side passes and the other misses, with the metrics in which they do.

    A metric without a mark flips where its values differ.
    """
    for one, two in sides.meetings():
        turned = [
            metric
            for metric in metrics
            if (x := one.scores.get(metric)) is not None
            and (y := two.scores.get(metric)) is not None
            and _turns(sides.b, metric, x, y)
        ]
        yield one, two, turned


def _turns(exam: Exam, metric: str, a: float, b: float) -> bool:
    return exam.passes(metric, a) != exam.passes(metric, b) if metric in exam.marks else a != b


def _print_contests(sides: Sides, console: "Console") -> None:
    from rich.markup import escape
    from rich.table import Table

    notes = _left_out(sides)
    table = Table(*HEADS[:1], box=None, pad_edge=False, header_style="bold")
    for head in HEADS[1:]:
        table.add_column(head, justify="right")
    for metric in _metrics(sides):
        found = contest(metric, sides)
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
    scored = {name for pair in sides.meetings() for taken in pair for name in taken.scores}
    known = [name for name in {**sides.a.metrics, **sides.b.metrics} if name in scored]
    found = known + sorted(scored.difference(known))
    return [name for name in found if name not in sides.left_out]


def _left_out(sides: Sides) -> list[str]:
    """One line on what is not compared."""
    each = "; ".join(f"{name} ({why})" for name, why in sides.left_out.items())
    return [f"left out, what both have is compared: {each}"] if each else []


def _absence(sides: Sides, metric: str) -> str:
    scored = [
        any(pair[side].scores.get(metric) is not None for pair in sides.meetings())
        for side in (0, 1)
    ]
    if any(scored):
        return f"scored in {'A' if scored[0] else 'B'} alone, not compared"
    return "scored in neither"


def _cells(exam: Exam, found: Contest) -> list[str]:
    unit = exam.metrics.get(found.metric, {}).get("unit", "")
    gain = found.difference
    arrow = "↓" if exam.lower_is_better(found.metric) else "↑"
    return [
        f"{found.metric} {arrow}",
        figure(found.mean_a, unit),
        figure(found.mean_b, unit),
        format(gain, "+,.0f" if unit == "tokens" else "+.3f"),
        _p(found.p_value),
        f"{found.wins}/{found.losses}/{found.ties}",
        _p(found.exact),
        _p(found.by_contract),
    ]


def _p(value: float | None) -> str:
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
            f"{name} {_score(one, name)} → {_score(two, name)}"
            + (" *" if every and name in names else "")
            for name in (shown if every else names)
        )
        for line in (two.case.slug, f"  {scores}", f"  A: {_said(one)}", f"  B: {_said(two)}"):
            console.print(line, markup=False, soft_wrap=True)


def _score(taken: Taken, metric: str) -> str:
    score = taken.scores.get(metric)
    return "unscored" if score is None else f"{score:.2f}"


def _said(taken: Taken) -> str:
    """The answer on one line, clipped, without what a terminal would obey."""
    text = taken.answer if taken.error is None else f"error: {taken.error}"
    line = " ".join(text[: CLIP * 4].split())
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)
    return (line if len(line) <= CLIP else line[: CLIP - 1] + "…") or "(empty)"


def _wanted(exam: Exam, metrics: Sequence[str]) -> list[str]:
    """The metrics whose flips are listed: those given, or those with a mark."""
    for name in metrics:
        if name not in exam.metrics and name not in exam.marks:
            raise UserError(f"--metric {name}: no such metric; {nearest(name, exam.metrics)}")
    return list(metrics or exam.marks)


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
    a, b = (read_exam(find_report(each, given.runs)) for each in (given.run_a, given.run_b))
    metrics = _wanted(b, given.metric)
    model_a = given.model_a or named_model(given.run_a, given.runs)
    model_b = given.model_b or named_model(given.run_b, given.runs)
    sides, cases = meet(a, b, model_a, model_b, unchanged=given.unchanged)
    console.print(f"A: {sides.model_a} in {a.id}\nB: {sides.model_b} in {b.id}", markup=False)
    if given.unchanged:
        console.print(f"the {len(cases.same):,} cases that both share; {cases}", markup=False)
    _print_contests(sides, console)
    level = 1 - 2 * float(b.gate.get("alpha", 0.05))
    console.print(
        f"intervals at {level:.0%} and two-sided p, by contract; wins are B's; McNemar of scores "
        "of 0 and 1: exact for independent cases, and by contract",
        markup=False,
    )
    _print_cases(sides, metrics, console, every=given.all)


if __name__ == "__main__":
    sys.exit(main())
