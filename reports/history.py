"""Every run so far: `python -m reports.history`, in the terminal and as a page of charts."""

import argparse
import difflib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from evals.metrics.table import METRICS
from evals.store import Store
from fixtures.errors import UserError
from models.promotions import read_records
from reports.flaky import Flakiness, find_flaky
from reports.record import write_whole
from reports.statistics import Estimate
from reports.terminal import STYLES, interval
from reports.written import RUNS

STORE = Path(".exam/store.sqlite")
MODELS = Path("models")
KEY_METRICS = ("token_f1", "abstention", "hit@5")
FEW = 20
"""Flaky cases that the terminal lists; the page lists all."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One model in one run; `outcome` is empty where it was not judged."""

    model: str
    role: str
    outcome: str
    estimates: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class Ran:
    """One run."""

    id: str
    when: str
    dataset: str
    content: str
    split: str
    shown: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A change of the champion or of a data set, between runs."""

    when: str
    kind: Literal["champion", "data"]
    words: str


def read_runs(url: str) -> tuple[Ran, ...]:
    """The runs of a store, oldest first.

    Raises:
        UserError: there is no store, it cannot be read, or it holds no run.
    """
    if "://" not in url and not Path(url).is_file():
        raise UserError(
            f"no runs yet: there is no store {url}; type `pytest evals`, or --store URL"
        )
    store = Store(url)
    try:
        runs = tuple(_ran(row) for row in store.runs())
    finally:
        store.close()
    if not runs:
        raise UserError(f"no runs yet in store {url}; type `pytest evals`")
    return runs


def _ran(row: Any) -> Ran:
    summary, verdicts = json.loads(row.summary), json.loads(row.verdicts)
    roles = {each["name"]: each["role"] or "" for each in json.loads(row.models)}
    shown = tuple(
        Shown(
            model=model,
            role=roles.get(model, ""),
            outcome=verdicts.get(model, ""),
            estimates={
                metric: Estimate(mean, low, high, n, clusters)
                for metric, (mean, low, high, n, clusters) in estimates.items()
            },
        )
        for model, estimates in summary.items()
    )
    return Ran(row.key, row.started, row.dataset, row.content, row.split, shown)


def marks(runs: Iterable[Ran], models: Path) -> tuple[Mark, ...]:
    """Changes of the champion, and of a data set's content from one run of it to the next.

    Raises:
        UserError: the promotion record cannot be read or was tampered with.
    """
    found = [
        Mark(record.when, "champion", f"{record.kind}: {record.model} is champion")
        for record in read_records(models)
    ]
    last: dict[str, str] = {}
    for run in runs:
        before = last.get(run.dataset, run.content)
        if before != run.content:
            words = f"data: {run.dataset} changed from {before[:8]} to {run.content[:8]}"
            found.append(Mark(run.when, "data", words))
        last[run.dataset] = run.content
    return tuple(sorted(found, key=lambda mark: mark.when))


def in_order(runs: Iterable[Ran], marked: Iterable[Mark]) -> list[Ran | Mark]:
    """One line of time: a change of the data stands before its run, a champion after."""
    events: list[Ran | Mark] = [*runs, *marked]
    return sorted(events, key=lambda each: (each.when, _rank(each)))


def _rank(event: Ran | Mark) -> int:
    if isinstance(event, Ran):
        return 1
    return 0 if event.kind == "data" else 2


def of_model(runs: Sequence[Ran], model: str) -> tuple[Ran, ...]:
    """The runs that a model took part in, without the others.

    Raises:
        UserError: it was in none.
    """
    found = [
        replace(run, shown=tuple(each for each in run.shown if each.model == model)) for run in runs
    ]
    kept = tuple(run for run in found if run.shown)
    if not kept:
        known = sorted({each.model for run in runs for each in run.shown})
        raise UserError(f"--model {model}: in no run; {_hint(model, known)}")
    return kept


def check_metrics(runs: Sequence[Ran], given: Sequence[str]) -> tuple[str, ...]:
    """The metrics to show.

    Raises:
        UserError: one of those given was never measured.
    """
    measured = {metric for run in runs for each in run.shown for metric in each.estimates}
    for metric in given:
        if metric not in measured:
            known = [name for name in METRICS if name in measured]
            raise UserError(f"--metric {metric}: measured in no run; {_hint(metric, known)}")
    return tuple(given) or tuple(name for name in KEY_METRICS if name in measured)


def _hint(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known) or 'none'}"


def _print(events: Sequence[Ran | Mark], metrics: Sequence[str], flaky: Flakiness) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 150)
    table = Table("time", "model", "data", box=None, pad_edge=False, header_style="bold")
    for metric in metrics:
        table.add_column(metric, justify="right")
    table.add_column("verdict")
    for event in events:
        if isinstance(event, Mark):
            table.add_row(event.when, f"[bold]{escape(event.words)}[/]")
            continue
        for each in event.shown:
            style = STYLES.get(each.outcome, "dim")
            table.add_row(
                event.when,
                escape(each.model),
                escape(f"{event.dataset} {event.split}"),
                *(escape(interval(each.estimates.get(metric))) for metric in metrics),
                f"[{style}]{each.outcome or escape(each.role)}[/]",
            )
    console.print(table)
    for line in flaky_lines(flaky):
        console.print(line, markup=False)


def flaky_lines(flaky: Flakiness) -> Iterator[str]:
    """What repeats of the same model and case say."""
    yield (
        f"flaky: {len(flaky.cases):,} of {flaky.repeated:,} cases that the same model took in more "
        "than one run"
    )
    for each in flaky.cases[:FEW]:
        yield f"  {each.model}: {each.slug} missed in {each.missed} of {each.runs} runs"
    if len(flaky.cases) > FEW:
        yield f"  and {len(flaky.cases) - FEW:,} more; --html PATH lists all"
    if flaky.unreadable:
        yield f"{flaky.unreadable} reports could not be read, and are left out of this count"


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m reports.history", description=main.__doc__)
    parser.add_argument("--store", default=str(STORE), metavar="URL", help="path or SQLAlchemy URL")
    parser.add_argument("--runs", type=Path, default=RUNS, metavar="DIR", help="folder of runs")
    parser.add_argument(
        "--models", type=Path, default=MODELS, metavar="DIR", help="folder of promotions.jsonl"
    )
    parser.add_argument("--model", metavar="NAME", help="only this model")
    parser.add_argument(
        "--metric", action="append", default=[], metavar="NAME", help="this one; may be repeated"
    )
    parser.add_argument("--html", type=Path, metavar="PATH", help="also draw a page of charts")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Print every run with its verdict, changes of champion and data, and flaky cases."""
    given = _arguments().parse_args(argv)
    try:
        everything = read_runs(given.store)
        runs = of_model(everything, given.model) if given.model else everything
        metrics = check_metrics(runs, given.metric)
        events = in_order(runs, marks(everything, given.models))
        flaky = find_flaky(given.runs)
        if given.model:
            kept = tuple(each for each in flaky.cases if each.model == given.model)
            flaky = replace(flaky, cases=kept)
        _print(events, metrics, flaky)
        if given.html:
            from reports.timeline import render

            write_whole(given.html, render(events, metrics, flaky))
            print(given.html)
    except UserError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
