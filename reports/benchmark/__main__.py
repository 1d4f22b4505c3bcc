"""Methods side by side, from any exams: `python -m reports.benchmark RUN…`.

A run is called as by `python -m reports.compare`. Every model of the runs is a row: candidates,
opponents, recorded answers. What they are compared on are the cases that all of them took.
"""

import argparse
import sys
from pathlib import Path

from common.command import Parser, output_file, run
from common.errors import UserError
from common.files import write_whole
from common.identity import file_digest
from models.promotion.admission.evidence import SEAL, seal_line
from models.registry import SHIPPED
from reports.archive import RUNS, find_report, read_report
from reports.benchmark.benchmark import Benchmark, benchmark
from reports.benchmark.chart import chart_of, png_of
from reports.benchmark.field import field_of
from reports.benchmark.measures import measure_by, measures_of
from reports.benchmark.tables import legend, markdown, tables_of
from reports.html.plain import Part, Table, plain_page
from reports.report import Report

MEND = "give another --output"


def _opened(given: str, runs: Path) -> Report:
    """The report of a run, which must be what its exam wrote.

    Raises:
        UserError: there is none, or it was edited since.
    """
    path = find_report(given, runs)
    seal = path.with_name(SEAL)
    if seal.is_file() and seal.read_text("utf-8", "replace") != seal_line(file_digest(path)):
        raise UserError(
            f"{path} is not what its exam wrote ({SEAL} has another digest): it was edited; "
            "restore it, or examine again"
        )
    report = read_report(path)
    if not seal.is_file():
        print(
            f"note: {report.header.id} has no {SEAL}: its exam was killed, or is an early one, and "
            "nothing shows that its report is what was written",
            file=sys.stderr,
        )
    return report


def _print(table: Table) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table as Drawn

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
    shown = Drawn(title=escape(table.title), title_justify="left", box=None, pad_edge=False)
    for head in table.heads:
        shown.add_column(escape(head), overflow="fold")
    for row in table.rows:
        shown.add_row(*map(escape, row))
    console.print(shown)
    console.print()


def _write(found: Benchmark, page: Path, registry: Path) -> tuple[Path, ...]:
    """The page in Markdown and HTML, and its picture in both forms."""
    html, svg, png = (page.with_suffix(each) for each in (".html", ".svg", ".png"))
    chart = chart_of(found)
    write_whole(svg, chart.alone, mend=MEND, private=True)
    write_whole(png, png_of(found), mend=MEND, private=True)
    tables, first, *more = tables_of(found, registry), *legend(found)
    part = Part("methods", "Methods side by side", first, (chart,), tables, tuple(more))
    whole = plain_page("Benchmark", "methods of several exams", (), [part])
    write_whole(html, whole, mend=MEND, private=True)
    write_whole(
        page, markdown(found, registry, svg.name, chart.alternative), mend=MEND, private=True
    )
    return page, html, svg, png


def _parser() -> Parser:
    parser = Parser(prog="python -m reports.benchmark", description=main.__doc__)
    add = parser.add_argument
    add("runs_given", nargs="+", metavar="RUN", help="folder, report.json, run id, latest, or NAME")
    add("--baseline", metavar="NAME", help="what the others are measured against")
    add("--by", metavar="NAME", help="the measure that is tested (accuracy of the first judge)")
    add("--metric", action="append", default=[], metavar="NAME", help="another column; repeat")
    add(
        "--output",
        type=output_file,
        metavar="FILE",
        help="Markdown; .html, .svg and .png beside it",
    )
    add("--runs", type=Path, default=RUNS, metavar="DIR", help="folder of runs")
    add("--registry", type=Path, default=SHIPPED, metavar="DIR", help="where manifests are found")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Every model of some runs in one table and one chart, and against a baseline."""
    return run(_parser().parse_args, _benchmark, argv)


def _benchmark(given: argparse.Namespace) -> None:
    reports = [_opened(each, given.runs) for each in dict.fromkeys(given.runs_given)]
    reports = list({report.header.id: report for report in reports}.values())
    field = field_of(reports, given.baseline)
    measures = measures_of(field, given.metric)
    found = benchmark(field, measures, measure_by(given.by, measures))
    for table in tables_of(found, given.registry):
        _print(table)
    print("\n".join(legend(found)))
    output = given.output or given.runs.parent / "benchmark.md"
    print(*_write(found, output, given.registry), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
