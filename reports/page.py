"""The page of one exam: a single HTML file that needs no network.

Tables and plots are written here; cases are drawn by the page's script from the data it carries.
`python -m reports.page PATH/report.json` makes report.html again.
"""

import argparse
import base64
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fixtures.errors import UserError
from reports.report import SCHEMA, write_whole
from reports.summary import conclusions, figure, interval, metrics_of, spent, unit_of

TEMPLATES = Path(__file__).parent / "templates"
SCRIPT_SAFE = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
"""JSON needs these only inside strings, so that no text can end the script element."""

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
    verdict: Mapping[str, Any] | None


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


def render(written: Written) -> str:
    """The page, from the value of `report.as_json`.

    Raises:
        KeyError: it is no such value.
    """
    import jinja2  # noqa: PLC0415
    from markupsafe import Markup  # noqa: PLC0415

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    metrics = metrics_of(written["summary"], written["metrics"])
    missed = _missed(written)
    return environment.get_template("report.html.j2").render(
        written=written,
        conclusions=conclusions(written),
        counts=_counts(written),
        spent=spent(written["spending"]),
        facts=_facts(written),
        speeds=_speeds(written),
        metrics=metrics,
        lines=list(_lines(written, metrics)),
        categories=_rows(written, "categories", "category", metrics, missed),
        contracts=_rows(written, "contracts", "contract", metrics, missed),
        data=Markup(_data(written)),
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_digest=digest,
    )


def _data(written: Written) -> str:
    """What the script draws cases from, as JSON in pure ASCII that no `<` can break out of."""
    carried = {key: written[key] for key in ("metrics", "passages", "cases", "results")}
    return json.dumps(carried, separators=(",", ":")).translate(SCRIPT_SAFE)


def _counts(written: Written) -> dict[str, str]:
    cases, results = written["cases"], written["results"]
    missed = sum(bool(result["missed"]) for result in results)
    return {
        "cases": f"{len(cases):,}",
        "contracts": f"{len({case['contract'] for case in cases}):,}",
        "answerable": f"{sum(bool(case['expected']) for case in cases):,}",
        "missed": f"{missed:,} of {len(results):,}",
        "answers failed": f"{sum(result['error'] is not None for result in results):,}",
    }


def _speeds(written: Written) -> list[dict[str, str]]:
    def shown(value: float | None, unit: str) -> str:
        return "not measured" if value is None else f"{value:,.2f}{unit}"

    return [
        {
            "model": speed["model"],
            "calls": f"{speed['calls']:,}",
            "p50": shown(speed["p50_latency"], " s"),
            "p95": shown(speed["p95_latency"], " s"),
            "rate": shown(speed["tokens_per_second"], ""),
        }
        for speed in written["performance"]
        if speed["calls"]
    ]


def _facts(written: Written) -> dict[str, list[tuple[str, str]]]:
    """What was examined and with what: headings, each with its (name, value) pairs."""
    sections: dict[str, Any] = {
        "Exam": {key: written[key] for key in ("id", "started", "command")},
        "Dataset": written["dataset"],
        "Retriever": written["retriever"],
    }
    for number, model in enumerate(written["models"], start=1):
        sections[f"Model {model.get('name', number)}"] = model
    sections |= {"Gate": written["gate"], "Provenance": written["provenance"]}
    return {title: list(_pairs(value)) for title, value in sections.items()}


def _pairs(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Leaves of nested mappings, under dotted names."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _pairs(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        yield name, ", ".join(str(each) for each in value)
    else:
        yield name, "none" if value is None else str(value)


def _lines(written: Written, metrics: Sequence[str]) -> Iterator[Line]:
    verdicts = {(v["model"], v["metric"]): v for v in written["verdicts"]}
    reasons = _reasons(written)
    for metric in metrics:
        unit = unit_of(written, metric)
        most = _axis(written, metric, unit)
        for number, group in enumerate(written["summary"]):
            model = group["model"]
            estimate, lost = group["estimates"].get(metric), group["unscored"].get(metric, 0)
            verdict = verdicts.get((model, metric))
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
                plot=_plot(metric, model, unit, estimate, verdict, most) if estimate else None,
                verdict=verdict,
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
    floors = [v["floor"] for v in written["verdicts"] if v["metric"] == metric]
    ends = [e["mean"] if e["high"] is None else e["high"] for e in estimates if e]
    return 1.1 * max([*ends, *floors], default=0.0) or 1.0


def _plot(
    metric: str,
    model: str,
    unit: str,
    estimate: Mapping[str, Any],
    verdict: Mapping[str, Any] | None,
    most: float,
) -> Plot:
    def place(value: float | None) -> float | None:
        return None if value is None else round(100 * min(max(value / most, 0.0), 1.0), 1)

    floor = verdict["floor"] if verdict else None
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


def _missed(written: Written) -> Counter[tuple[str, str, str]]:
    """Missed cases by (model, category or contract, its name)."""
    found: Counter[tuple[str, str, str]] = Counter()
    for result in written["results"]:
        if result["missed"]:
            case = written["cases"][result["case"]]
            for key in ("category", "contract"):
                found[result["model"], key, case[key]] += 1
    return found


def _rows(
    written: Written,
    groups: str,
    key: str,
    metrics: Sequence[str],
    missed: Counter[tuple[str, str, str]],
) -> list[Row]:
    several = len(written["summary"]) > 1
    return [
        Row(
            name=group["name"],
            link=urlencode(
                {key: group["name"], **({"model": group["model"]} if several else {})}
            ),
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
    note = f"n {estimate['n']:,}" + (f", {lost:,} unscored" if lost else "")
    text = f"{mean:.2f}" if unit != "tokens" else figure(mean, unit)
    return Cell(text, mean, None if unit else heat, note)


def read_report(path: Path) -> dict[str, Any]:
    """The value that was written to a `report.json`.

    Raises:
        UserError: it is missing, or not a report of this version.
    """
    try:
        written = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give a report.json") from error
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}); run the exam again") from error
    schema = written.get("schema") if isinstance(written, dict) else None
    if schema != SCHEMA:
        raise UserError(f"{path} has schema {schema}, this reads {SCHEMA}; run the exam again")
    return dict(written)


def main(argv: list[str] | None = None) -> int:
    """Make report.html again, beside the report.json that is given."""
    parser = argparse.ArgumentParser(prog="python -m reports.page", description=main.__doc__)
    parser.add_argument("report", type=Path, help="reports/runs/ID/report.json")
    path = parser.parse_args(argv).report
    try:
        written = read_report(path)
        try:
            page = render(written)
        except (LookupError, TypeError, AttributeError) as error:
            raise UserError(f"{path} is no report ({error!r}); run the exam again") from error
        write_whole(path.with_name("report.html"), page)
    except UserError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 4
    print(path.with_name("report.html"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
