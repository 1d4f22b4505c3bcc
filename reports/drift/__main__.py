"""Whether service still is what the exam was of: `python -m reports.drift --model champion`.

Looks at the log of each day that is over, and may be typed every day. Exits with 0 where no drift
is found, 1 where it is, 3 where there is too little to say.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

from common.command import Parser, output_file, run
from common.errors import UserError
from common.paths import STORE
from common.rows.parquet import SUFFIX
from common.rows.sources import JSON_LINES, sources
from fixtures.retrieval.embedder import load_embedder
from fixtures.served import FOLDER as SERVED
from fixtures.served import Served, read_served
from models.registry import SHIPPED
from reports.archive import RUNS
from reports.drift.days import note_days
from reports.drift.examined import REPORT, examined
from reports.drift.judged import EMBEDDED, Judged, Judging, judged
from reports.drift.labelled import (
    Labelled,
    labelled,
    scored,
    write_to_label,
)
from reports.drift.liked import liked
from reports.drift.log import Log, Period, read_log
from reports.drift.opinions import judge_json, judge_lines, label_json, label_lines
from reports.drift.reference import CHAMPION, Reference, as_recorded, in_service, read_reference
from reports.drift.shown import as_json, liked_lines, lines, log_lines
from reports.drift.vectors import FOLDER, Vectors
from reports.drift.watch import too_little, watch
from reports.feedback.kept import FOLDER as FEEDBACK

TO_LABEL = 30
"""Answers of `--to-label`."""

CODES = {"none": 0, "drift": 1, "too little": 3}


def main(argv: list[str] | None = None) -> int:
    """Compare requests that were served with the exam of who served them."""
    return run(read_options, _watch, argv, stopped="stopped; the same line goes on")


def read_options(argv: Sequence[str]) -> argparse.Namespace:
    """The options, checked.

    Raises:
        UserError: one is not possible.
    """
    parser = Parser(prog="python -m reports.drift", description=main.__doc__)
    add = parser.add_argument
    add("--model", default=CHAMPION, metavar="NAME", help="who serves (champion)")
    add("--served", nargs="+", default=[str(SERVED)], metavar="PATH",
        help=f"JSON lines, Parquet, report.json, folders, s3://BUCKET/DIR/ ({SERVED})")  # fmt: skip
    add("--since", type=_day, metavar="DAY", help="the first that counts, 2026-01-31")
    add("--until", type=_day, metavar="DAY", help="the last that counts")
    add("--exam", metavar="RUN", help="compared with; the newest of the model, where none is named")
    add("--runs", type=Path, default=RUNS, metavar="DIR", help=f"folder of runs ({RUNS})")
    add("--registry", type=Path, default=SHIPPED, metavar="DIR", help="beside champion.toml")
    add("--kept", type=Path, default=FOLDER, metavar="DIR",
        help=f"embeddings, and which days were counted ({FOLDER})")  # fmt: skip
    add("--feedback", type=Path, default=FEEDBACK, metavar="DIR",
        help=f"kept feedback, shown by week ({FEEDBACK})")  # fmt: skip
    add("--judge", metavar="NAME",
        help=f"a chat model of the registry, or {EMBEDDED}, which asks none")  # fmt: skip
    add("--judge-sample", type=int, default=20, metavar="N", help="answers it judges a day (20)")
    add("--max-calls", type=int, metavar="N", help="calls to make at most")
    add("--store", default=STORE, metavar="PATH|URL", help=f"of what it said ({STORE})")
    add("--labels", type=Path, metavar="FILE", help="people's scores of some answers, shown")
    add("--to-label", type=output_file, metavar="FILE", help="write 30 answers to score, .jsonl")
    add("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(argv)
    if given.since and given.until and given.since > given.until:
        raise UserError(f"--since {given.since} is after --until {given.until}; exchange them")
    if given.to_label and given.to_label.suffix.lower() != ".jsonl":
        raise UserError(f"--to-label {given.to_label}: give a name that ends in .jsonl")
    if given.judge_sample < 1:
        raise UserError(f"--judge-sample {given.judge_sample}: give a number of answers, 1 or more")
    if given.max_calls is not None and given.max_calls < 1:
        raise UserError(f"--max-calls {given.max_calls}: give 1 or more, or leave it out")
    return given


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; write it as 2026-01-31") from error


def _watch(given: argparse.Namespace) -> int:
    model = in_service(given.model, given.registry.parent)
    reference = as_recorded(read_reference(model, given.exam, given.runs), given.registry)
    now = time.time()
    today = datetime.fromtimestamp(now, UTC).date().isoformat()
    period = Period(given.since or "", given.until or "", today)
    log = read_log(_rows(given.served, now), reference, period)
    changed = note_days(given.kept, model, reference.exam, log.days, (period.since, period.until))
    by_judge = _judged(given, reference, log)
    people = _by_people(given, reference, log, by_judge)
    with closing(Vectors(load_embedder(), given.kept)) as vectors:
        watched = watch(reference, log, vectors, by_judge.values if by_judge else None)
    said = liked(given.feedback, model, period)
    if given.json:
        found = as_json(watched, reference, log, changed, said)
        found |= {"judge": judge_json(by_judge), "labels": label_json(people)}
        print(json.dumps(found, indent=1, allow_nan=False))
    else:
        print(
            *log_lines(log, changed),
            *liked_lines(said),
            *judge_lines(by_judge, reference),
            *label_lines(people),
            *lines(watched, reference),
            sep="\n",
        )
    return CODES[watched.outcome]


def _judged(given: argparse.Namespace, reference: Reference, log: Log) -> Judged | None:
    """What the judge of `--judge` says, where there is one and enough to be compared."""
    if given.judge is None or too_little(reference, log):
        return None
    return judged(
        Judging(given.judge, given.judge_sample, tuple(given.served), given.registry, given.store,
                given.max_calls),
        reference,
        log.units,
    )  # fmt: skip


def _by_people(
    given: argparse.Namespace, reference: Reference, log: Log, by_judge: Judged | None
) -> Labelled | None:
    """What the labels say, where there are some; writes down what to label where that is wanted."""
    if given.labels is None and given.to_label is None:
        return None
    of = scored(reference, log, by_judge)
    if given.to_label is not None:
        rows = write_to_label(given.to_label, of, reference.model, TO_LABEL)
        print(f"{rows} answers to score: {given.to_label}; then --labels", file=sys.stderr)
    return labelled(given.labels, of, reference.model) if given.labels else None


def _rows(paths: list[str], now: float) -> Iterator[Iterator[Served]]:
    """The rows of each source; one that two paths name is read once."""
    every = (each for path in paths for each in _sources(path))
    for source in dict.fromkeys(every):
        is_exam = Path(source).name == REPORT
        yield examined(Path(source)) if is_exam else read_served([source], now=now)


def _sources(path: str) -> Iterator[str]:
    if path == str(SERVED) and not SERVED.is_dir():
        raise UserError(
            f"{SERVED} is not there: nothing was served here; give --served PATH of a log"
        )
    yield from sources(path, (*JSON_LINES, SUFFIX))


if __name__ == "__main__":
    sys.exit(main())
