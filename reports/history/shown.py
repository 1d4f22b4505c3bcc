"""What the history shows, in the terminal and for programs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from reports.feedback.satisfaction import Satisfaction
from reports.feedback.shown import table
from reports.history.flaky import Flakiness
from reports.history.runs import Mark, Ran, Shown
from reports.terminal.columns import clipped, flat
from reports.terminal.summary import STYLES

if TYPE_CHECKING:
    from rich.console import Console

FEW = 20
"""Flaky cases that the terminal lists; the page lists all."""

TIME, NAME, GAP = 16, 14, 2
LEFT = TIME + GAP + NAME
"""What stands before the metrics, in characters."""

LONGEST = 3 * NAME
"""Cells of a run's name: three lines of the narrowest column."""

Names = Mapping[tuple[str, str], str]
"""What to call a run by, for (run id, model)."""


def print_history(
    events: Sequence[Ran | Mark],
    metrics: Sequence[str],
    names: Names,
    flaky: Flakiness,
    satisfied: Sequence[Satisfaction],
) -> None:
    """Print runs in tables as wide as the terminal, then flaky cases and satisfaction."""
    from rich.console import Console

    console = Console(highlight=False)
    for part in _fitting(events, metrics, console.width - LEFT):
        _print_table(console, events, part, names)
    for line in flaky_lines(flaky):
        console.print(line, markup=False)
    if satisfied:
        console.print(table(satisfied))


def _fitting(
    events: Sequence[Ran | Mark], metrics: Sequence[str], room: int
) -> Iterator[dict[str, int]]:
    """Metrics with their widths, in tables no wider than the terminal: no number is broken."""
    part: dict[str, int] = {}
    for metric in metrics:
        cells = [_cell(each, metric) for event in events for each in _models(event)]
        width = max(len(line) for cell in (metric, *cells) for line in cell.split("\n"))
        if part and sum(part.values()) + GAP * (len(part) + 1) + width > room:
            yield part
            part = {}
        part[metric] = width
    yield part


def _models(event: Ran | Mark) -> Sequence[Shown]:
    return event.shown if isinstance(event, Ran) else ()


def _cell(shown: Shown, metric: str) -> str:
    """The interval stands below the mean."""
    return str(shown.estimates.get(metric, "-")).replace(" ", "\n", 1)


def _print_table(
    console: "Console", events: Sequence[Ran | Mark], metrics: Mapping[str, int], names: Names
) -> None:
    """Runs in stretches of one table, whose columns have one width; marks between them."""
    from rich.markup import escape
    from rich.table import Table

    longest = max((len(name) for name in names.values()), default=0)
    room = console.width - TIME - sum(metrics.values()) - GAP * (len(metrics) + 1)

    def table(*, heads: bool) -> Table:
        made = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), show_header=heads)
        made.add_column("time, data", width=TIME, overflow="fold")
        made.add_column("run, verdict", width=max(NAME, min(longest, room)), overflow="fold")
        for metric, width in metrics.items():
            made.add_column(escape(metric), width=width, justify="right", no_wrap=True)
        return made

    rows = table(heads=True)
    for event in events:
        if isinstance(event, Ran):
            for each in event.shown:
                rows.add_row(*_row(event, each, metrics, names))
            continue
        console.print(rows)
        console.print(f"[bold]{_minute(event.when)}  {escape(event.words)}[/]")
        rows = table(heads=False)
    console.print(rows)


def _row(event: Ran, shown: Shown, metrics: Iterable[str], names: Names) -> Iterator[str]:
    from rich.markup import escape

    style = STYLES.get(shown.outcome, "dim")
    name = clipped(flat(names.get((event.id, shown.model), shown.model)), LONGEST)
    yield f"{_minute(event.when)}\n{escape(f'{event.dataset} {event.split}')}"
    yield f"{escape(name)}\n[{style}]{shown.outcome or escape(shown.role)}[/]"
    for metric in metrics:
        yield escape(_cell(shown, metric))


def _minute(when: str) -> str:
    """As in 2026-01-31 09:30, which is UTC."""
    return when[:16].replace("T", " ")


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


def as_json(
    events: Sequence[Ran | Mark],
    metrics: Sequence[str],
    names: Names,
    flaky: Flakiness,
    satisfied: Sequence[Satisfaction] = (),
) -> dict[str, Any]:
    """The same for programs; without `--metric` every metric that was measured."""
    return {
        "runs": [
            {
                "id": event.id,
                "when": event.when,
                "dataset": event.dataset,
                "content": event.content,
                "split": event.split,
                "models": [
                    {
                        "model": each.model,
                        "run": names.get((event.id, each.model)),
                        "role": each.role,
                        "verdict": each.outcome or None,
                        "estimates": {
                            metric: asdict(found)
                            for metric, found in each.estimates.items()
                            if not metrics or metric in metrics
                        },
                    }
                    for each in event.shown
                ],
            }
            for event in events
            if isinstance(event, Ran)
        ],
        "marks": [asdict(event) for event in events if isinstance(event, Mark)],
        "flaky": asdict(flaky),
        "satisfaction": [asdict(each) for each in satisfied],
    }
