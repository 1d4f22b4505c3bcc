"""What stands about an exam as a whole: counts, speed, notes, what was examined and with what."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from reports.report import GateFacts, ModelFacts, Report
from reports.views.wording import format_value


def counts(report: Report) -> dict[str, str]:
    """How much was asked, and what came of it."""
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


def speeds(report: Report) -> list[dict[str, str]]:
    """How fast each model answered that was asked."""

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


def facts(report: Report) -> dict[str, list[tuple[str, str]]]:
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
