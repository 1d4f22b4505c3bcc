"""The page of one exam: a single HTML file that needs no network.

Tables and plots stand in the file; cases are drawn by the page's script from the data it carries.
`python -m reports.page PATH/report.json` makes report.html again.
"""

import sys
from pathlib import Path

from common.command import Parser, run
from common.files import write_whole
from reports.archive import AGAIN, read_report
from reports.page.html import render


def main(argv: list[str] | None = None) -> int:
    """Make report.html again, beside the report.json that is given."""
    parser = Parser(prog="python -m reports.page", description=main.__doc__)
    parser.add_argument("report", type=Path, metavar="REPORT", help="reports/runs/ID/report.json")
    return run(lambda typed: parser.parse_args(typed).report, _render_again, argv)


def _render_again(path: Path) -> None:
    page = render(read_report(path))
    write_whole(path.with_name("report.html"), page, mend=AGAIN, private=True)
    print(path.with_name("report.html"))


if __name__ == "__main__":
    sys.exit(main())
