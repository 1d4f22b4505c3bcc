"""Every run so far: `python -m reports.history`, in the terminal and as a page of charts."""

import argparse
import json
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from common.command import Parser, output_file, run
from common.errors import UserError
from common.files import write_whole
from reports.archive import AGAIN, RUNS, kept_reports, run_names
from reports.feedback.kept import FOLDER, Kept, is_kept
from reports.feedback.satisfaction import Satisfaction, satisfaction
from reports.history.flaky import find_flaky
from reports.history.runs import check_metrics, in_order, marks, of_model, ran
from reports.history.shown import as_json, print_history

MODELS = Path("models")
PAGE = RUNS.parent / "history.html"


def _parser() -> Parser:
    parser = Parser(prog="python -m reports.history", description=main.__doc__)
    add = parser.add_argument
    add("--store", metavar="URL", help=argparse.SUPPRESS)  # whose runs are in their reports now
    add("--runs", type=Path, default=RUNS, metavar="DIR", help=f"folder of runs ({RUNS})")
    add("--models", type=Path, default=MODELS, metavar="DIR", help="of promotions.jsonl (models)")
    add("--feedback", type=Path, default=FOLDER, metavar="DIR", help=f"kept feedback ({FOLDER})")
    add("--model", metavar="NAME", help="only this model")
    add("--metric", action="append", default=[], metavar="NAME", help="this one; may be repeated")
    add("--json", action="store_true", help="print JSON, with every metric")
    add(
        "--html",
        type=output_file,
        nargs="?",
        const=PAGE,
        metavar="PATH",
        help=f"also draw a page of charts ({PAGE})",
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Print every run with its verdict, changes of champion and data, and flaky cases.

    A run is called by a model that it examined: NAME is the last, NAME~1 the one before, which
    `python -m reports.compare NAME~1 NAME` takes.
    """
    return run(_parser().parse_args, _show, argv)


def _show(given: argparse.Namespace) -> None:
    kept = list(kept_reports(given.runs))
    everything = ran(kept)
    if not everything:
        raise UserError(f"no runs yet in {given.runs}; type `pytest evals`, or --runs DIR")
    runs = of_model(everything, given.model) if given.model else everything
    metrics = check_metrics(runs, given.metric)
    events = in_order(runs, marks(everything, given.models))
    flaky, names = find_flaky(kept), run_names(kept)
    if given.model:
        flaky = replace(flaky, cases=tuple(c for c in flaky.cases if c.model == given.model))
    satisfied = _satisfied(given.feedback, given.model)
    if given.html:
        from reports.history.page import render

        page = render(events, metrics, flaky, satisfied)
        write_whole(given.html, page, mend=AGAIN, private=True)
    if given.json:
        found = as_json(events, given.metric, names, flaky, satisfied)
        print(json.dumps(found, indent=1, allow_nan=False))
        return
    print_history(events, metrics, names, flaky, satisfied)
    if given.html:
        print(given.html)


def _satisfied(folder: Path, model: str | None) -> tuple[Satisfaction, ...]:
    """How people in service scored answers, by month; nothing where no feedback was imported."""
    if not is_kept(folder):
        return ()
    with closing(Kept(folder)) as kept:
        found = satisfaction(kept.scored())
    return tuple(each for each in found if model in (None, each.model))


if __name__ == "__main__":
    sys.exit(main())
