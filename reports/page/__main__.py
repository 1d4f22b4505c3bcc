"""The page of one exam, made again: `python -m reports.page PATH/report.json`.

It needs no network and no script but to filter and sort; of many cases, those that no model missed
lie in cases.json beside it, which it reads where it is served (`python -m reports.serve`).
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from common.command import Parser, run
from common.errors import UserError
from common.settings import nearest
from reports.archive import read_report
from reports.page.case.conversations import replied, said
from reports.page.html import write_page
from reports.report import Report


def main(argv: list[str] | None = None) -> int:
    """Make report.html again, beside the report.json that is given; or print a case's prompts."""
    parser = Parser(prog="python -m reports.page", description=main.__doc__)
    parser.add_argument("report", type=Path, metavar="REPORT", help="reports/runs/ID/report.json")
    parser.add_argument(
        "--prompts",
        metavar="CASE",
        help="make no page: print what was sent and replied about this case, as JSON",
    )
    return run(parser.parse_args, _typed, argv)


def _typed(given: argparse.Namespace) -> None:
    report = read_report(given.report)
    if given.prompts is None:
        print(write_page(report, given.report.parent))
    else:
        print(json.dumps(_prompts(report, given.prompts), indent=1))


def _prompts(report: Report, slug: str) -> list[dict[str, Any]]:
    """Every chat of a case in the order of its answers, answers before their judgements.

    Raises:
        UserError: the report has no such case.
    """
    slugs = {case.slug: place for place, case in enumerate(report.cases)}
    if slug not in slugs:
        raise UserError(
            f"--prompts {slug}: the report has no such case; "
            + nearest(slug, slugs, otherwise="each page of a case ends with what it is called")
        )
    return [
        {
            "of": result.model,
            "model": each.model,
            "metric": each.metric,
            "messages": [asdict(turn) for turn in chat if turn is not reply],
            "reply": reply.content if reply else None,
        }
        for result in report.results
        if result.case == slugs[slug]
        for each in result.conversations
        for chat in [said(report, result, each)]
        for reply in [replied(chat)]
    ]


if __name__ == "__main__":
    sys.exit(main())
