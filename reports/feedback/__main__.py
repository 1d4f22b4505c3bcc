"""What people in service said of answers: `python -m reports.feedback import FILE|s3://...`.

`show` prints satisfaction over time, `export FILE` writes what `training.preferences --feedback`
reads.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import get_args

from common.command import Parser, choice, output_file, run
from common.errors import UserError
from common.files import FREE, write_jsonl
from common.rows.sources import here, sources
from reports.archive import RUNS, newest_first, read_report
from reports.feedback.exported import exported
from reports.feedback.imported import Imported, import_file
from reports.feedback.kept import FOLDER, Kept, is_kept
from reports.feedback.links import known, link
from reports.feedback.rows import Scale
from reports.feedback.satisfaction import By, satisfaction
from reports.feedback.shown import table
from reports.report import Report

AGAIN = "stopped; the same line goes on, and adds nothing twice"


def main(argv: list[str] | None = None) -> int:
    """Keep what people in service said of answers; exits with 1 where rows were set aside."""
    return run(_parser().parse_args, _work, argv, stopped=AGAIN)


def _parser() -> Parser:
    parser = Parser(prog="python -m reports.feedback", description=main.__doc__)
    commands = parser.add_subparsers(required=True, metavar="import|show|export")

    def command(name: str, work: Callable[[argparse.Namespace, Kept], int], about: str) -> Parser:
        made: Parser = commands.add_parser(name, help=about, description=about)
        made.add_argument("--kept", type=Path, default=FOLDER, metavar="DIR", help=f"({FOLDER})")
        made.set_defaults(work=work, new=name == "import")
        return made

    add = command(
        "import", _import, "read JSON lines; the same file twice adds nothing"
    ).add_argument
    add("source", nargs="+", metavar="FILE|s3://BUCKET/KEY", help="below s3://BUCKET/DIR/ all")
    add("--scale", type=choice(*get_args(Scale)), default="1-5", help="of `score`: 0-1, or 1-5")
    add("--runs", type=Path, default=RUNS, metavar="DIR", help=f"reports to link by ({RUNS})")
    add = command("show", _show, "satisfaction over time").add_argument
    add("--by", type=choice(*get_args(By)), default="month", help="day, week or month (month)")
    add = command("export", _export, "write rows for training.preferences").add_argument
    add(
        "output",
        type=output_file,
        metavar="FILE",
        help="of JSON lines; one that is there is replaced",
    )
    return parser


def _work(given: argparse.Namespace) -> int:
    if not given.new and not is_kept(given.kept):
        raise UserError(
            f"no feedback in {given.kept}; type `python -m reports.feedback import FILE`"
        )
    with closing(Kept(given.kept)) as kept:
        done: int = given.work(given, kept)
        return done


def _import(given: argparse.Namespace, kept: Kept) -> int:
    bad = 0
    for each in given.source:
        for source in sources(each):
            with here(source, kept.folder) as path:
                found = import_file(path, source, kept, given.scale, time.time())
            _say(source, found)
            bad += found.bad
    linked = link(kept, known(_reports(given.runs)))
    print(
        f"{len(kept):,} rows in {kept.path}; {linked:,} more are linked to a case of {given.runs}"
    )
    return int(bad > 0)


def _say(source: str, found: Imported) -> None:
    print(f"{source}: {found.rows:,} rows, {found.new:,} of them new")
    if found.aside is None:
        return
    print(*found.faults, sep="\n")
    more = found.bad - len(found.faults)
    print(
        f"{found.bad:,} rows set aside{f', {more:,} more than these,' * (more > 0)} in "
        f"{found.aside}; mend them in {source} and type the same line again"
    )


def _reports(runs: Path) -> Iterator[Report]:
    """Newest first; what cannot be read links nothing, and is named."""
    for path in newest_first(runs):
        try:
            yield read_report(path)
        except UserError as error:
            print(f"not linked by: {error}", file=sys.stderr)


def _show(given: argparse.Namespace, kept: Kept) -> int:
    from rich.console import Console

    found = satisfaction(kept.scored(), given.by)
    if not found:
        raise UserError(f"no row in {kept.path} has a score; nothing can be shown over time")
    Console(highlight=False).print(table(found))
    return 0


def _export(given: argparse.Namespace, kept: Kept) -> int:
    counts = Counter[str]()
    write_jsonl(given.output, exported(kept.rows(), counts), mend=FREE, private=True)
    print(*(f"{count:,} {what}" for what, count in counts.items()), sep="\n")
    print(given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
