"""The page of a report: one file that opens anywhere, made of the report alone."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reports.archive import members
from reports.page.proof import proofs
from reports.page.side_by_side import side_by_side
from reports.page.tables import group_rows, metric_lines
from reports.page.wording import (
    checked,
    conclusions,
    format_estimate,
    format_spending,
    format_value,
    metrics_of,
)
from reports.report import GateFacts, ModelFacts, Report

TEMPLATES = Path(__file__).parent / "templates"
STYLE = TEMPLATES / "report.css"
SCRIPT_SAFE = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
"""JSON needs these only inside strings, so that no text can end the script element."""


def render(report: Report) -> str:
    """The page of a report as it was written: what it holds is shown as it is.

    The same report gives the same bytes.
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
    environment.globals |= {"format_estimate": format_estimate}
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    metrics = metrics_of(report.summary, report.metrics)
    return environment.get_template("report.html.j2").render(
        report=report,
        conclusions=conclusions(report),
        proofs=proofs(report),
        checks=checked(report),
        counts=_counts(report),
        spent=format_spending(report.spending),
        facts=_facts(report),
        speeds=_speeds(report),
        metrics=metrics,
        beside=side_by_side(report),
        lines=list(metric_lines(report, metrics)),
        categories=group_rows(report, "category", metrics),
        contracts=group_rows(report, "contract", metrics),
        data=Markup(_data(report)),
        style=Markup(STYLE.read_text(encoding="utf-8")),
        script=Markup(script),
        script_digest=digest,
    )


def _data(report: Report) -> str:
    """What the script draws cases from, as JSON in pure ASCII that no `<` can break out of."""
    written = members(report)
    carried = {key: written[key] for key in ("metrics", "passages", "cases", "results")}
    return json.dumps(carried, separators=(",", ":")).translate(SCRIPT_SAFE)


def _counts(report: Report) -> dict[str, str]:
    judged = {verdict.model for verdict in report.verdicts}
    tested = [result for result in report.results if result.model in judged]
    missed = sum(bool(result.missed) for result in tested)
    return {
        "cases": f"{len(report.cases):,}",
        "contracts": f"{report.examined_contracts:,}",
        "answerable": f"{sum(bool(case.expected) for case in report.cases):,}",
        "missed": f"{missed:,} of {len(tested):,}",
        "answers failed": f"{report.failed_answers:,}",
    }


def _speeds(report: Report) -> list[dict[str, str]]:
    def shown(value: float | None, unit: str) -> str:
        return "not measured" if value is None else format_value(value, unit)

    return [
        {
            "model": speed.model,
            "calls": f"{speed.calls:,}",
            "p50": shown(speed.p50_latency, "s"),
            "p95": shown(speed.p95_latency, "s"),
            "rate": shown(speed.tokens_per_second, "tokens"),
        }
        for speed in report.performance
        if speed.calls
    ]


def _facts(report: Report) -> dict[str, list[tuple[str, str]]]:
    """What was examined and with what: headings, each with its (name, value) pairs."""
    header = report.header
    sections: dict[str, Any] = {
        "Exam": {"id": header.id, "started": header.started, "command": header.command},
        "Dataset": asdict(header.dataset),
        "Retriever": asdict(header.retriever),
        **{f"Model {model.name}": _beside(model) for model in header.models},
        "Gate": _beside(header.gate),
        "Provenance": header.provenance,
    }
    return {title: list(_pairs(value)) for title, value in sections.items()}


def _beside(facts: ModelFacts | GateFacts) -> dict[str, Any]:
    """What is further known, beside the rest."""
    known: dict[str, Any] = asdict(facts)
    further = known.pop("further")
    return {**known, **further}


def _pairs(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Leaves of nested mappings, under dotted names."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _pairs(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        yield name, ", ".join(str(each) for each in value)
    else:
        yield name, "none" if value is None else str(value)
