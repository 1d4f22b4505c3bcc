"""Trials in the terminal: a table each, and one over those that compare the same two models."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reports.compare.served.judged import ALPHA, Judged, judge
from reports.compare.served.measures import Measure
from reports.compare.served.trials import Named, Trial, Trials
from reports.views.wording import format_value

if TYPE_CHECKING:
    from rich.console import Console

HEADS = ("metric", "champion", "candidate", "candidate − champion", "p", "answers")
LEVEL = (
    f"intervals at {1 - 2 * ALPHA:.0%} and two-sided p, by contract and by person; for one look, "
    "at a time that was set before"
)


def show(found: Trials, measures: Sequence[Measure], console: "Console") -> None:
    """Print every trial, what several of the same two models say together, and what is in none."""
    trials = found.every
    for trial in trials:
        for line in heading(trial):
            console.print(line, markup=False, soft_wrap=True)
        _table([trial], measures, console)
    groups: dict[object, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(trial.models, []).append(trial)
    if len(trials) > 1:
        console.print(
            f"\n{len(trials)} splits: a share or a model changed meanwhile. Each is judged apart: "
            "rows of two splits are other requests, and are never put into one mean.",
            markup=False,
            soft_wrap=True,
        )
    for group in (each for each in groups.values() if len(each) > 1):
        one = group[0]
        console.print(
            f"\n{_named(one.candidate)} against {_named(one.champion)} over {len(group)} splits, "
            "as strata:",
            markup=False,
            soft_wrap=True,
        )
        _table(group, measures, console)
    console.print(f"\n{LEVEL}", markup=False, soft_wrap=True)
    for why, rows in sorted(found.left_out.items()):
        if rows:
            console.print(f"left out: {rows:,} {why}", markup=False, soft_wrap=True)


def heading(trial: Trial) -> Iterator[str]:
    """What was compared, and what there is to know of it."""
    since, until = (f"{datetime.fromtimestamp(each, UTC):%Y-%m-%d %H:%M}" for each in trial.times)
    counts = [len(trial.arms[arm]) for arm in ("champion", "candidate")]
    kind = "shadow" if trial.shadow else "split"
    yield (
        f"\n{kind} {trial.split or '(none)'}, {since} to {until} UTC: champion "
        f"{_named(trial.champion)} {counts[0]:,} requests, candidate {_named(trial.candidate)} "
        f"{counts[1]:,}"
    )
    if trial.shadow:
        yield "feedback and latency are of answers that were given, which a shadow's is not"
    if trial.crossed:
        yield (
            f"{trial.crossed:,} people met both arms: the split was not by who asks, and what they "
            "say of one may be of the other"
        )


def _table(trials: Sequence[Trial], measures: Sequence[Measure], console: "Console") -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(*HEADS[:1], box=None, pad_edge=False, header_style="bold")
    for head in HEADS[1:]:
        table.add_column(head, justify="right")
    notes = []
    for measure in measures:
        found = judge(trials, measure)
        if found is None:
            if not (measure.seen and trials[0].shadow):
                notes.append(f"{measure.name}: {_scored_in(trials, measure)}, not compared")
            continue
        table.add_row(*map(escape, cells(found)))
        if found.unscored:
            notes.append(f"{measure.name}: {found.unscored:,} answers have none, left out")
    console.print(table)
    for note in notes:
        console.print(note, markup=False, soft_wrap=True)


def _scored_in(trials: Sequence[Trial], measure: Measure) -> str:
    """Where a metric that compares nothing has values."""
    arms = {
        arm
        for trial in trials
        for arm, rows in trial.arms.items()
        if any(measure.name in row.values for row in rows)
    }
    if len(arms) == 1:
        return f"scored in the {arms.pop()}'s answers alone"
    return "never scored in both arms of a split" if arms else "no answer has one"


def cells(found: Judged) -> list[str]:
    """One row below `HEADS`."""
    measure, p = found.measure, found.p_value
    arrow = {"higher": " ↑", "lower": " ↓", "": ""}[measure.direction]
    spec = "+,.1f" if measure.unit == "words" else "+.3f"
    return [
        f"{measure.name}{arrow}",
        format_value(found.champion, measure.unit),
        format_value(found.candidate, measure.unit),
        format(found.difference, spec),
        "–" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}",
        " / ".join(f"{count:,}" for count in found.counts),
    ]


def _named(model: Named) -> str:
    name, identity = model
    return f"{name} ({identity[:12]})" if identity else name
