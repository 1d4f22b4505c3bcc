"""The page of a report: one file that opens anywhere, made of the report alone."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reports.page.tables import Written, group_rows, metric_lines, missed_counts
from reports.page.wording import checked, conclusions, estimated, figure, metrics_of, spent

TEMPLATES = Path(__file__).parent / "templates"
STYLE = TEMPLATES / "report.css"
SCRIPT_SAFE = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
"""JSON needs these only inside strings, so that no text can end the script element."""


def render(written: Written) -> str:
    """The page, from the value of `report.as_json`.

    The same value gives the same bytes.

    Raises:
        KeyError: it is no such value.
    """
    import jinja2
    from markupsafe import Markup

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
    missed = missed_counts(written)
    return environment.get_template("report.html.j2").render(
        written=written,
        conclusions=conclusions(written),
        checks=checked(written),
        counts=_counts(written),
        spent=spent(written["spending"]),
        facts=_facts(written),
        speeds=_speeds(written),
        sections=[
            {**section, "findings": [_finding(each) for each in section["findings"]]}
            for section in written.get("sections", ())
        ],
        metrics=metrics,
        lines=list(metric_lines(written, metrics)),
        categories=group_rows(written, "categories", "category", metrics, missed),
        contracts=group_rows(written, "contracts", "contract", metrics, missed),
        data=Markup(_data(written)),
        style=Markup(STYLE.read_text(encoding="utf-8")),
        script=Markup(script),
        script_digest=digest,
    )


def _data(written: Written) -> str:
    """What the script draws cases from, as JSON in pure ASCII that no `<` can break out of."""
    carried = {key: written[key] for key in ("metrics", "passages", "cases", "results")}
    return json.dumps(carried, separators=(",", ":")).translate(SCRIPT_SAFE)


def _counts(written: Written) -> dict[str, str]:
    cases, results = written["cases"], written["results"]
    judged = {verdict["model"] for verdict in written["verdicts"]}
    taken = [result for result in results if result["model"] in judged]
    missed = sum(bool(result["missed"]) for result in taken)
    return {
        "cases": f"{len(cases):,}",
        "contracts": f"{len({case['contract'] for case in cases}):,}",
        "answerable": f"{sum(bool(case['expected']) for case in cases):,}",
        "missed": f"{missed:,} of {len(taken):,}",
        "answers failed": f"{sum(result['error'] is not None for result in results):,}",
    }


def _finding(finding: Mapping[str, Any]) -> dict[str, Any]:
    return {**finding, "value": estimated(finding["estimate"])}


def _speeds(written: Written) -> list[dict[str, str]]:
    def shown(value: float | None, unit: str) -> str:
        return "not measured" if value is None else figure(value, unit)

    return [
        {
            "model": speed["model"],
            "calls": f"{speed['calls']:,}",
            "p50": shown(speed["p50_latency"], "s"),
            "p95": shown(speed["p95_latency"], "s"),
            "rate": shown(speed["tokens_per_second"], "tokens"),
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
