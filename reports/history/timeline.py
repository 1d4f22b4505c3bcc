"""The page of all runs: metrics over time as inline SVG, in one file that needs no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.metrics.table import METRICS
from reports.history.flaky import Flakiness
from reports.history.runs import Mark, Ran
from reports.page.drawing import STYLE
from reports.page.wording import format_value
from reports.statistics.estimates import Estimate

TEMPLATES = Path(__file__).parent / "templates"
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 960.0, 260.0, 60.0, 20.0, 24.0, 34.0
COLOURS = 8
APART = 5.0
"""Width between marks that stand in the same gap."""


@dataclass(frozen=True, slots=True)
class Point:
    """One run of a series; places in the drawing's units, `low` and `high` None without them."""

    x: float
    y: float
    low: float | None
    high: float | None
    label: str


@dataclass(frozen=True, slots=True)
class Series:
    """One model on one data set; `colour` numbers a style, which repeats beyond eight."""

    name: str
    colour: int
    points: tuple[Point, ...]

    @property
    def path(self) -> str:
        """The points of the SVG polyline."""
        return " ".join(f"{point.x},{point.y}" for point in self.points)


@dataclass(frozen=True, slots=True)
class Line:
    """A mark across the drawing."""

    x: float
    kind: str
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One metric over the runs; `ticks` are (place, label) pairs of the upright axis."""

    metric: str
    direction: str
    series: tuple[Series, ...]
    lines: tuple[Line, ...]
    ticks: tuple[tuple[float, str], ...]


def render(events: Sequence[Ran | Mark], metrics: Sequence[str], flaky: Flakiness) -> str:
    """The page. The same events give the same bytes."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    runs = [event for event in events if isinstance(event, Ran)]
    colours = _colours(runs)
    return environment.get_template("history.html.j2").render(
        charts=[_chart(events, metric, colours) for metric in metrics],
        rows=_rows(events, metrics),
        metrics=metrics,
        flaky=flaky,
        count=len(runs),
        first=runs[0].when[:10] if runs else "",
        last=runs[-1].when[:10] if runs else "",
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT,
        top=TOP,
        bottom=HEIGHT - BOTTOM,
        style=Markup(STYLE.read_text(encoding="utf-8")),
    )


def _colours(runs: Sequence[Ran]) -> dict[tuple[str, str], int]:
    """A style for each model on each data set, the same in every chart."""
    pairs = dict.fromkeys((each.model, run.dataset) for run in runs for each in run.shown)
    return {pair: number % COLOURS for number, pair in enumerate(pairs)}


def _chart(
    events: Sequence[Ran | Mark], metric: str, colours: Mapping[tuple[str, str], int]
) -> Chart:
    known = METRICS.get(metric)
    unit = known.unit if known else ""
    most = _most(events, metric) if unit else 1.0

    def height(value: float) -> float:
        share = min(max(value / most, 0.0), 1.0)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    def place(x: float, run: Ran, model: str, found: Estimate) -> Point:
        return Point(
            x=x,
            y=height(found.mean),
            low=None if found.low is None else height(found.low),
            high=None if found.high is None else height(found.high),
            label=f"{model}, {run.when}: {metric} {found}, n {found.n:,}",
        )

    points: dict[tuple[str, str], list[Point]] = {}
    for x, event in zip(_places(events), events, strict=True):
        if isinstance(event, Mark):
            continue
        for each in event.shown:
            if metric in each.estimates:
                found = points.setdefault((each.model, event.dataset), [])
                found.append(place(x, event, each.model, each.estimates[metric]))
    return Chart(
        metric=metric,
        direction=known.direction if known else "higher",
        series=tuple(
            Series(f"{model} on {dataset}", colours[model, dataset], tuple(found))
            for (model, dataset), found in points.items()
        ),
        lines=tuple(
            Line(x, event.kind, f"{event.when}, {event.words}")
            for x, event in zip(_places(events), events, strict=True)
            if isinstance(event, Mark)
        ),
        ticks=tuple(
            (height(part * most), format_value(part * most, unit)) for part in (0.0, 0.5, 1.0)
        ),
    )


def _most(events: Sequence[Ran | Mark], metric: str) -> float:
    """The upper end of the axis of a metric that is no share."""
    found = [
        each.estimates[metric]
        for event in events
        if isinstance(event, Ran)
        for each in event.shown
        if metric in each.estimates
    ]
    return 1.05 * max((e.mean if e.high is None else e.high for e in found), default=0.0) or 1.0


def _places(events: Sequence[Ran | Mark]) -> list[float]:
    """Runs stand evenly, since most of a project's runs fall on few days; marks between them."""
    runs = sum(isinstance(event, Ran) for event in events)
    step = (WIDTH - LEFT - RIGHT) / max(runs, 1)
    places, passed, between = [], 0, 0
    for event in events:
        if isinstance(event, Ran):
            places.append(round(LEFT + (passed + 0.5) * step, 1))
            passed, between = passed + 1, 0
        else:
            offset = min(between * APART, step / 2 - 1)
            places.append(round(LEFT + passed * step + offset, 1))
            between += 1
    return places


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; a mark has no cells."""

    when: str
    words: str
    kind: str
    data: str
    cells: tuple[str, ...]
    outcome: str


def _rows(events: Sequence[Ran | Mark], metrics: Sequence[str]) -> list[Row]:
    rows = []
    for event in events:
        if isinstance(event, Mark):
            rows.append(Row(event.when, event.words, event.kind, "", (), ""))
            continue
        for each in event.shown:
            cells = tuple(str(each.estimates.get(metric, "-")) for metric in metrics)
            data = f"{event.dataset} {event.split}"
            rows.append(Row(event.when, each.model, "run", data, cells, each.outcome or each.role))
    return rows
