"""What people should label next: `python -m reports.labelling RUN --next 30 --output FILE`.

`--tied` writes instead the answers that the judges of a panel leave to a person.

RUN is a folder, its report.json, its id under reports/runs, `latest`, or a model's name. Fill in
the column `score` (0 to 1) and give the file to `pytest evals --labels FILE`; rows without a score
are left out. Labels that are there already are taken over into the new file, which is all that the
next exam needs.
"""

import argparse
import csv
import dataclasses
import io
import json
import sys
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from common.command import Parser, output_file, run
from common.errors import UserError
from common.files import write_jsonl, write_whole
from common.rows.columns import Row
from evals.labels import label_rows, read_labels
from fixtures.cases import Case, Contract
from reports.archive import LATEST, RUNS, find_report, read_report
from reports.labelling.draw import left_to_people, next_to_label
from reports.report import Report

FORMULA = ("=", "+", "-", "@")
"""With which a cell begins that a spreadsheet would compute; a space before it keeps it a text."""


def main(argv: list[str] | None = None) -> int:
    """Write down the answers to label next: drawn at random and spread over contracts."""
    return run(_parser().parse_args, _write, argv)


def _parser() -> Parser:
    parser = Parser(prog="python -m reports.labelling", description=main.__doc__)
    add = parser.add_argument
    add("run", nargs="?", default=LATEST, metavar="RUN",
        help="folder, report.json, run id, latest (the default), or a model's name")  # fmt: skip
    add("--next", type=int, default=30, metavar="N", help="cases (30)")
    add("--tied", action="store_true", help="instead what a panel's judges leave to a person")
    add(
        "--labels",
        type=Path,
        metavar="FILE",
        help="scores that are there already; FILE takes them over",
    )
    add("--output", type=output_file, default=Path("to_label.csv"), metavar="FILE",
        help="new, .csv or .jsonl (to_label.csv)")  # fmt: skip
    add("--runs", type=Path, default=RUNS, metavar="DIR", help="folder of runs")
    return parser


def _write(given: argparse.Namespace) -> None:
    if given.next < 1:
        raise UserError(f"--next {given.next}: give a number of cases, 1 or more")
    if given.output.suffix.lower() not in (".csv", ".jsonl"):
        raise UserError(f"--output {given.output}: give a name that ends in .csv or .jsonl")
    if given.output.exists():
        raise UserError(f"--output {given.output} is there already; name another, it may be filled")
    report = read_report(find_report(given.run, given.runs))
    if not report.cases:
        raise UserError(f"{given.run} lists no answers (sealed contracts show none); give another")
    labels = read_labels(given.labels, _cases(report)) if given.labels else ()
    if given.tied:
        rows = left_to_people(report, labels)
        none = "leaves no answer to a person; without --tied some are drawn"
    else:
        rows = next_to_label(report, labels, given.next)
        none = "has a label for every answer; examine more cases"
    if not rows:
        raise UserError(f"{given.run} {none}")
    kept = [_kept(row) for row, _ in label_rows(given.labels, "", "")] if given.labels else []
    _save([*kept, *map(dataclasses.asdict, rows)], given.output)
    cases, left = len({row.case_id for row in rows}), sum(not row.score for row in rows)
    print(
        f"{left} answers to {cases} cases: {given.output}; fill in `score`, 0 to 1, without a look "
        f"at `model`, and type the exam again with --labels {given.output}"
    )


def _cases(report: Report) -> list[Case]:
    return [
        Case(case.id, case.slug, Contract(case.contract, ""), case.category, case.question, ())
        for case in report.cases
    ]


def _kept(row: Row) -> dict[str, Any]:
    """A label that is there already, with whatever else its row says."""
    listed = {"expected": list(row.texts("expected"))} if row.has("expected") else {}
    return {name: "" if cell is None else cell for name, cell in row.cells.items()} | listed


def _save(cells: Sequence[Mapping[str, Any]], path: Path) -> None:
    if path.suffix.lower() == ".jsonl":
        write_jsonl(path, cells)
        return
    text = io.StringIO()
    sheet = csv.DictWriter(text, list(dict.fromkeys(chain.from_iterable(cells))))
    sheet.writeheader()
    sheet.writerows({name: _cell(value) for name, value in row.items()} for row in cells)
    write_whole(path, text.getvalue(), private=True)


def _cell(value: Any) -> str:
    """As a spreadsheet shows it, and computes nothing; a list as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f" {text}" if text.startswith(FORMULA) else text


if __name__ == "__main__":
    sys.exit(main())
