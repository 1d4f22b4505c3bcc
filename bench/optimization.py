"""`python -m bench.optimization REPORT --programs DIR`: what optimised programs gained.

The numbers of docs/optimize.md: from the report of an exam of optimised programs against the one
that they were made from, from the manifests of what optimisers left, and from what
`python -m training.optimize … --judge` printed.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.marked import marked
from common.command import Parser, run
from common.files import write_whole
from common.paths import ROOT
from models.manifest import read_manifest
from models.registry import SHIPPED
from reports.archive import RUNS, find_report, read_report
from reports.benchmark.benchmark import benchmark
from reports.benchmark.field import field_of
from reports.benchmark.measures import measure_by, measures_of
from reports.benchmark.tables import tables_of
from reports.html.plain import Table

PAGE = ROOT / "docs" / "optimize.md"


def main(argv: list[str] | None = None) -> int:
    """Write what an exam of optimised programs found into docs/optimize.md."""
    parser = Parser(prog="python -m bench.optimization", description=main.__doc__)
    add = parser.add_argument
    add("report", metavar="RUN", help="folder, report.json or run id of the exam")
    add("--runs", type=Path, default=RUNS, metavar="DIR", help="folder of runs")
    add("--baseline", required=True, metavar="NAME", help="the program as it was")
    add("--registry", type=Path, default=SHIPPED, metavar="DIR", help="(models/registry)")
    add("--programs", type=Path, action="append", default=[], metavar="DIR",
        help="of what optimisers left; repeat")  # fmt: skip
    add("--judge", type=Path, metavar="FILE", help="what the optimisation of a judge printed")
    return run(parser.parse_args, _write, argv)


def _write(given: argparse.Namespace) -> None:
    report = read_report(find_report(given.report, given.runs))
    field = field_of([report], given.baseline)
    measures = measures_of(field, ("balanced",))
    found = benchmark(field, measures, measure_by("balanced", measures))
    lines = []
    for table in tables_of(found, given.registry):
        lines += [f"**{table.title}**", "", *_markdown(table), ""]
    lines += ["**What optimisers did**", "", *_markdown(_optimisers(given.programs)), ""]
    if given.judge:
        printed = given.judge.read_text(encoding="utf-8").strip().splitlines()
        lines += ["**A judge's prompt**", "", "```", *printed, "```", ""]
    write_whole(PAGE, marked(PAGE, "measured", lines[:-1]))
    print(PAGE)


def _optimisers(folders: list[Path]) -> Table:
    heads = (
        "program", "optimiser", "cases, train and validation", "metric, before and after",
        "replies", "tokens, in and out", "US dollars", "minutes, last run",
    )  # fmt: skip
    return Table("", heads, tuple(_rows(folders)))


def _rows(folders: list[Path]) -> Iterator[tuple[str, ...]]:
    for folder in folders:
        for each in sorted(folder.iterdir()):
            manifest = read_manifest(each)
            if manifest is not None:
                yield _row(each.name, manifest.model_dump())


def _row(name: str, facts: dict[str, Any]) -> tuple[str, ...]:
    data, scores, cost = facts["data"], facts["scores"], facts["cost"]
    return (
        name,
        facts["method"],
        f"{data['train']}, {data['validation']}",
        f"{scores['metric']} {scores['before']:.3f} → {scores['after']:.3f}",
        f"{cost['calls']:,}",
        f"{cost['tokens_in']:,}, {cost['tokens_out']:,}",
        "—" if cost["usd"] is None else cost["usd"],
        f"{facts['seconds'] / 60:.1f}",
    )


def _markdown(table: Table) -> Iterator[str]:
    for cells in (table.heads, ["---"] * len(table.heads), *table.rows):
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
