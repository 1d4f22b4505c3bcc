"""`python -m reports.comment [RUN] --pr [N]`: an exam's page, as the one comment on a pull request.

In a job of GitHub or GitLab it knows where it is; elsewhere `gh` tells, where one is signed in.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from common.command import Parser, run
from common.redaction import redacted
from common.storable import presentable
from models.egress import Egress, Sent
from models.registry import SHIPPED
from reports.archive import RUNS, find_report, read_report
from reports.comment.body import body_of, marker_of
from reports.comment.place import Place, find_place
from reports.comment.posting import post
from reports.report import DatasetFacts


def _parser() -> Parser:
    parser = Parser(prog="python -m reports.comment", description=main.__doc__)
    add = parser.add_argument
    add(
        "run", nargs="?", default="latest", metavar="RUN",
        help="folder, report.json, run id, or NAME~1 (reports/latest)",
    )  # fmt: skip
    add(
        "--pr", type=int, nargs="?", metavar="N",
        help="number of the pull or merge request (that of this job, or of this branch)",
    )  # fmt: skip
    add(
        "--numbers",
        action="store_true",
        help="verdict and numbers alone: nothing quotes a contract",
    )
    add("--dry-run", action="store_true", help="print the comment and send nothing")
    add("--registry", type=Path, default=SHIPPED, metavar="DIR", help="whose policy is asked")
    add("--runs", type=Path, default=RUNS, metavar="DIR", help="folder of runs")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Post the page of an exam to its pull request, or write the comment of an earlier one anew."""
    return run(_parser().parse_args, _comment, argv)


def _comment(given: argparse.Namespace) -> None:
    report = read_report(find_report(given.run, given.runs))
    body = body_of(report, os.environ, quotes=not given.numbers)
    if given.dry_run:
        print(body, end="")
        return
    place = find_place(given.pr, os.environ)
    if not given.numbers:
        _check(given.registry, report.header.dataset, place)
    posted = asyncio.run(post(place, marker_of(report), body, os.environ))
    where = presentable(redacted(posted.url)) or f"comment {posted.number} on {place.name}"
    print(f"{'updated' if posted.updated else 'posted'}: {where}")


def _check(registry: Path, dataset: DatasetFacts, place: Place) -> None:
    """Ask the policy whether what the comment quotes may go there.

    Raises:
        UserError: no line allows it.
    """
    sent = Sent(dataset.source or dataset.name, dataset.identity)
    what = "a comment that quotes contracts (with --numbers it quotes none)"
    Egress(registry, (sent,)).check(place.api, what, os.environ)


if __name__ == "__main__":
    sys.exit(main())
