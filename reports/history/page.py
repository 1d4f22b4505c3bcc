"""The page of all runs: metrics over time, every run, and flaky cases."""

from collections.abc import Iterator, Sequence

from reports.feedback.satisfaction import Satisfaction
from reports.history.flaky import Flakiness
from reports.history.runs import Mark, Ran
from reports.history.trend import satisfaction_chart, trend_chart
from reports.html.plain import Part, Table, plain_page


def render(
    events: Sequence[Ran | Mark],
    metrics: Sequence[str],
    flaky: Flakiness,
    satisfied: Sequence[Satisfaction] = (),
) -> str:
    """The page. The same events give the same bytes."""
    runs = [event for event in events if isinstance(event, Ran)]
    count = f"{len(runs):,} {'run' if len(runs) == 1 else 'runs'}"
    span = f", {runs[0].when[:10]} to {runs[-1].when[:10]}" if runs else ""
    return plain_page(f"{count}{span}", "history", (), _parts(events, metrics, flaky, satisfied))


def _parts(
    events: Sequence[Ran | Mark],
    metrics: Sequence[str],
    flaky: Flakiness,
    satisfied: Sequence[Satisfaction],
) -> Iterator[Part]:
    yield Part(
        "over-time",
        "Metrics over time",
        "Runs stand in order, evenly. A solid line is a change of the champion, a dashed one a "
        "change of the data: what lies on either side of it was not examined on the same cases.",
        charts=tuple(trend_chart(events, metric) for metric in metrics),
        tables=_changes(events),
        lines=() if metrics else ("No metric was measured.",),
    )
    if satisfied:
        yield Part("satisfaction", "In service", charts=(satisfaction_chart(satisfied),))
    yield Part("all-runs", "Runs", tables=(_runs(events, metrics),))
    yield _flaky(flaky)


def _changes(events: Sequence[Ran | Mark]) -> tuple[Table, ...]:
    marks = [event for event in events if isinstance(event, Mark)]
    rows = tuple((str(n), mark.when, mark.words) for n, mark in enumerate(marks, start=1))
    return (Table("Changes", ("Change", "Time", "What changed"), rows),) if rows else ()


def _runs(events: Sequence[Ran | Mark], metrics: Sequence[str]) -> Table:
    """A row a model and run, newest first."""
    rows = [
        (
            event.when,
            each.model,
            f"{event.dataset} {event.split}",
            *(str(each.estimates.get(metric, "–")) for metric in metrics),
            each.outcome or each.role,
        )
        for event in reversed(events)
        if isinstance(event, Ran)
        for each in event.shown
    ]
    return Table("Runs", ("Time", "Model", "Data", *metrics, "Verdict"), tuple(rows))


def _flaky(flaky: Flakiness) -> Part:
    lede = (
        f"{len(flaky.cases):,} of {flaky.repeated:,} cases that the same model took in more than "
        "one run, under the same retriever, prompt, metrics and pass marks, were missed in one and "
        "not in another."
    )
    if flaky.unreadable:
        lede += f" {flaky.unreadable:,} reports could not be read and are left out."
    rows = tuple((e.model, e.slug, f"{e.missed} of {e.runs} runs") for e in flaky.cases)
    tables = (Table("Flaky cases", ("Model", "Case", "Missed"), rows),) if rows else ()
    return Part("flaky", "Flaky cases", lede, tables=tables)
