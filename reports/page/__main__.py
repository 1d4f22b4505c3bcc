"""The page of one exam, made again: `python -m reports.page PATH/report.json`.

It needs no network and no script but to filter and sort; of many cases, those that no model missed
lie in cases.json beside it, which it reads where it is served (`python -m reports.serve`).
"""

import sys
from pathlib import Path

from common.command import Parser, run
from reports.archive import read_report
from reports.page.html import write_page


def main(argv: list[str] | None = None) -> int:
    """Make report.html again, beside the report.json that is given."""
    parser = Parser(prog="python -m reports.page", description=main.__doc__)
    parser.add_argument("report", type=Path, metavar="REPORT", help="reports/runs/ID/report.json")
    return run(lambda typed: parser.parse_args(typed).report, _render_again, argv)


def _render_again(path: Path) -> None:
    print(write_page(read_report(path), path.parent))


if __name__ == "__main__":
    sys.exit(main())
