"""The desk where people review answers: `python -m reports.review RUN --reviewer NAME`.

It serves pages on 127.0.0.1 to whoever has a link, blind to the models. `--compare A B` shows two
models' answers side by side instead, `--gold DATA` open questions of your own contracts. `--export`
writes what was said to a file, and serves nothing.
RUN is a folder, its report.json, its id under reports/runs, `latest`, or a model's name.
"""

import argparse
import getpass
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from common.command import Parser, choice, output_file, run
from common.errors import UserError
from common.files import write_jsonl
from common.identity import digest
from common.local_server import HERE, listen, serve
from common.paths import REVIEWS
from common.visible import visible
from evals.labels import DIFFERING, UNSURE
from reports.archive import LATEST, RUNS, find_report, read_report
from reports.report import Report
from reports.review import export
from reports.review.access import Doorkeeper
from reports.review.desk import STEPS, Desk
from reports.review.opening import CASES, Asked, open_desk

if TYPE_CHECKING:
    from fastapi import FastAPI

SAFE = re.compile(r"\w[\w.-]{0,80}", re.ASCII)
EXPORTS: Mapping[str, Callable[[Desk], Sequence[export.Row]]] = {
    "labels": export.labels,
    "preferences": export.preferences,
}


def main(argv: list[str] | None = None) -> int:
    """Serve the desk of a run, until Ctrl-C, or write what reviewers said to a file."""
    stopped = "closed; everything that was sent is kept, and the same line opens it again"
    return run(_parser().parse_args, _open, argv, stopped=stopped, code=0)


def _parser() -> Parser:
    parser = Parser(prog="python -m reports.review", description=main.__doc__)
    add = parser.add_argument
    add("run", nargs="?", default=LATEST, metavar="RUN",
        help="folder, report.json, run id, latest (the default), or a model's name")  # fmt: skip
    add("--reviewer", action="append", metavar="NAME",
        help="who reviews; once for each, who gets a link of their own (your login)")  # fmt: skip
    add("--gold", type=Path, metavar="DATA",
        help="instead the open questions of your own contracts, with their drafts")  # fmt: skip
    add("--compare", nargs=2, metavar=("A", "B"), help="two models' answers, side by side")
    add("--next", type=int, metavar="N", help=f"cases in all ({CASES}, or as many as before)")
    add("--draw", type=choice(DIFFERING, UNSURE),
        help="half plain, half where models differ, with equal chances or where the judge is "
        "unsure (differing)")  # fmt: skip
    add("--scale", type=choice(*STEPS), default="0-1", metavar="SCALE", help="0-1 or 1-5 (0-1)")
    add("--rubric", type=Path, metavar="FILE", help="the rules (the gate's own, else ours)")
    add("--seed", type=int, default=0, metavar="N", help="of orders and sides (0)")
    add("--export", type=choice(*EXPORTS), metavar="WHAT",
        help="labels (for --labels, and to align a judge) or preferences")  # fmt: skip
    add("--output", type=output_file, metavar="FILE", help="new, .jsonl (WHAT.jsonl)")
    add("--journal", type=output_file, metavar="FILE",
        help=f"where everything is kept ({REVIEWS}/RUN.sqlite)")  # fmt: skip
    add("--port", type=int, default=0, metavar="N", help="0 takes any that is free (0)")
    add("--runs", type=Path, default=RUNS, metavar="DIR", help="folder of runs")
    return parser


def _open(given: argparse.Namespace) -> None:
    if given.next is not None and given.next < 1:
        raise UserError(f"--next {given.next}: give a number of cases, 1 or more")
    reviewers = tuple(dict.fromkeys(map(_name, given.reviewer or [_login()])))
    if given.gold:
        _confirm(given, reviewers)
        return
    report = read_report(find_report(given.run, given.runs))
    if report.header.dataset.sealed or not report.cases:
        raise UserError(
            f"{given.run} lists no answers (sealed contracts show none to anybody); give another"
        )
    compare = tuple(given.compare) if given.compare else None
    asked = Asked(reviewers, compare, given.next, given.draw, given.rubric, given.scale, given.seed)
    journal = given.journal or _journal(report.header.id)
    path = _output(given, journal) if given.export else journal
    desk = open_desk(report, journal, asked)
    if given.export:
        _export(given, desk, report, path)
    else:
        from reports.review.server import application

        _serve(given.port, _stand(desk), partial(application, desk), desk.journal.path)


def _journal(run_id: str) -> Path:
    """Where what is said of a run is kept; an id that is no name of a file is not used as one."""
    return REVIEWS / f"{run_id if SAFE.fullmatch(run_id) else digest(run_id)[:16]}.sqlite"


def _confirm(given: argparse.Namespace, reviewers: tuple[str, ...]) -> None:
    """Serve the open questions of a data set."""
    from reports.review.gold import gold_desk
    from reports.review.gold_server import application

    if given.export or given.compare:
        raise UserError("--gold writes answers into the data set itself; leave the others out")
    desk = gold_desk(given.gold, reviewers)
    told = f"{len(desk.ids)} open"
    _serve(given.port, dict.fromkeys(reviewers, told), partial(application, desk), given.gold)


def _login() -> str:
    """Who is logged in, as far as the system knows."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return "reviewer"


def _name(text: str) -> str:
    name = " ".join(visible(text).split())
    if not name or not name.isprintable() or len(name) > 80:
        raise UserError(f"--reviewer {text!r}: give a name, 80 characters at most")
    return name


def _stand(desk: Desk) -> dict[str, str]:
    """How far each reviewer has come."""
    found = {name: desk.progress(desk.said(name)) for name in desk.reviewers}
    return {name: f"{each.done} of {each.total}" for name, each in found.items()}


def _serve(
    port: int, told: Mapping[str, str], made: "Callable[[Doorkeeper, str], FastAPI]", kept: Path
) -> None:
    """Serve an application to its reviewers, each told where they stand, until Ctrl-C."""
    listening = listen(port)
    port = listening.getsockname()[1]
    doorkeeper = Doorkeeper(tuple(told))
    for name, stands in told.items():
        link = f"http://{HERE}:{port}/enter?token={doorkeeper.token(name)}"
        print(f"{name}, {stands}: {link}")
    print(f"kept in {kept}; Ctrl-C closes the desk", flush=True)
    serve(made(doorkeeper, f"review-{port}"), listening)


def _output(given: argparse.Namespace, journal: Path) -> Path:
    """Where to export to; there must be something to export, and nothing there."""
    path: Path = given.output or Path(f"{given.export}.jsonl")
    if path.suffix.lower() != ".jsonl":
        raise UserError(f"--output {path}: give a name that ends in .jsonl")
    if path.exists():
        raise UserError(f"{path} is there already; name another with --output")
    if given.export == "labels" and given.compare:
        raise UserError("--export labels is of scores; without --compare, or --export preferences")
    if not journal.is_file():
        raise UserError(f"{journal} is not there: nobody has reviewed this run")
    return path


def _export(given: argparse.Namespace, desk: Desk, report: Report, path: Path) -> None:
    rows = EXPORTS[given.export](desk)
    left = "".join(f"; left out, and kept in the journal: {each}" for each in export.left_out(desk))
    if not rows:
        raise UserError(f"{desk.journal.path} holds nothing to export{left}")
    write_jsonl(path, rows, private=True)
    print(f"{len(rows)} rows: {path}{left}")
    if desk.kind == "pairs":
        print(f"{given.compare[0]} wins {export.win_rate(desk)} against {given.compare[1]}, where "
              "their answers differ; a tie counts half")  # fmt: skip
    if given.export == "preferences" and report.header.dataset.split == "test":
        print("contracts of a test split: training.preferences refuses them; review an exam of "
              "--split train to train on what people prefer")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
