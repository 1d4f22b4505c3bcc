"""The tables of a page: one metric a line, one group of cases a row, with the places to draw at."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from reports.page.wording import figure, interval, unit_of

Written = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plot:
    """Places on an axis of 0..100; `label` says the same to who cannot see it."""

    mean: float
    low: float | None
    high: float | None
    floor: float | None
    most: str
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """One metric of one model in the summary table; `first` opens the metric."""

    metric: str
    first: bool
    model: str
    mean: str
    interval: str
    n: str
    unscored: int
    reason: str
    plot: Plot | None
    checks: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One metric of one group; `heat` runs from 0 (good) to 4 (bad), None where it has no scale."""

    text: str
    value: float | None
    heat: int | None
    note: str


@dataclass(frozen=True, slots=True)
class Row:
    """One group of cases of one model; `link` shows its cases."""

    name: str
    link: str
    model: str
    cases: int
    missed: int
    cells: tuple[Cell, ...]


def metric_lines(written: Written, metrics: Sequence[str]) -> Iterator[Line]:
    """The summary table: every metric, and within it every model."""
    checks = {verdict["model"]: verdict["checks"] for verdict in written["verdicts"]}
    reasons = _reasons(written)
    for metric in metrics:
        unit = unit_of(written, metric)
        most = _axis(written, metric, unit)
        for number, group in enumerate(written["summary"]):
            model = group["model"]
            estimate, lost = group["estimates"].get(metric), group["unscored"].get(metric, 0)
            held = tuple(check for check in checks.get(model, ()) if check["metric"] == metric)
            common = reasons.get((model, metric), Counter()).most_common(1)
            yield Line(
                metric=metric,
                first=number == 0,
                model=model,
                mean=figure(estimate["mean"], unit) if estimate else _absent(lost),
                interval=interval(estimate, unit) if estimate else "",
                n=f"{estimate['n']:,}" if estimate else "0",
                unscored=lost,
                reason=common[0][0] if common else "",
                plot=_plot(metric, model, unit, estimate, _floor(written, metric), most)
                if estimate
                else None,
                checks=held,
            )


def _absent(unscored: int) -> str:
    return "unscored" if unscored else "not asked"


def _reasons(written: Written) -> dict[tuple[str, str], Counter[str]]:
    """Why scores are missing, by (model, metric)."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for result in written["results"]:
        for metric, value in result["scores"].items():
            if value is None:
                reason = result["reasons"].get(metric, "no reason given")
                found.setdefault((result["model"], metric), Counter())[reason] += 1
    return found


def _axis(written: Written, metric: str, unit: str) -> float:
    """The right end of the metric's axis: 1 for shares, else past the farthest whisker."""
    if not unit:
        return 1.0
    estimates = [group["estimates"].get(metric) for group in written["summary"]]
    floors = [floor for floor in [_floor(written, metric)] if floor is not None]
    ends = [e["mean"] if e["high"] is None else e["high"] for e in estimates if e]
    return 1.1 * max([*ends, *floors], default=0.0) or 1.0


def _floor(written: Written, metric: str) -> float | None:
    floor: float | None = written["gate"].get("metrics", {}).get(metric, {}).get("floor")
    return floor


def _plot(
    metric: str,
    model: str,
    unit: str,
    estimate: Mapping[str, Any],
    floor: float | None,
    most: float,
) -> Plot:
    def place(value: float | None) -> float | None:
        return None if value is None else round(100 * min(max(value / most, 0.0), 1.0), 1)

    mean = place(estimate["mean"])
    assert mean is not None
    held = f", floor {floor:g}" if floor is not None else ""
    return Plot(
        mean=mean,
        low=place(estimate["low"]),
        high=place(estimate["high"]),
        floor=place(floor),
        most=figure(most, unit) if unit else "1",
        label=f"{metric} of {model}: {figure(estimate['mean'], unit)} "
        f"{interval(estimate, unit)}{held}",
    )


def missed_counts(written: Written) -> Counter[tuple[str, str, str]]:
    """Missed cases by (model, category or contract, its name)."""
    found: Counter[tuple[str, str, str]] = Counter()
    for result in written["results"]:
        if result["missed"]:
            case = written["cases"][result["case"]]
            for key in ("category", "contract"):
                found[result["model"], key, case[key]] += 1
    return found


def group_rows(
    written: Written,
    groups: str,
    key: str,
    metrics: Sequence[str],
    missed: Counter[tuple[str, str, str]],
) -> list[Row]:
    """The rows of `groups` ("categories", "contracts"), whose cases bear their name under `key`."""
    several = len(written["summary"]) > 1
    return [
        Row(
            name=group["name"],
            link=urlencode({key: group["name"], **({"model": group["model"]} if several else {})}),
            model=group["model"],
            cases=group["cases"],
            missed=missed[group["model"], key, group["name"]],
            cells=tuple(_cell(written, group, metric) for metric in metrics),
        )
        for group in sorted(written[groups], key=lambda group: group["name"])
    ]


def _cell(written: Written, group: Mapping[str, Any], metric: str) -> Cell:
    estimate, lost = group["estimates"].get(metric), group["unscored"].get(metric, 0)
    if estimate is None:
        return Cell("unscored" if lost else "–", None, None, f"{lost:,} cases" if lost else "")
    unit, mean = unit_of(written, metric), estimate["mean"]
    lower = written["metrics"].get(metric, {}).get("direction") == "lower"
    heat = round(4 * min(max(mean if lower else 1 - mean, 0.0), 1.0))
    note = f"n {estimate['n']:,}" + (f",\n{lost:,} unscored" if lost else "")
    text = f"{mean:.2f}" if unit != "tokens" else figure(mean, unit)
    return Cell(text, mean, None if unit else heat, note)
