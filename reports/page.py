"""The page of one exam: a single HTML file that needs no network.

Tables and plots stand in the file; cases are drawn by the page's script from the data it carries.
`python -m reports.page PATH/report.json` makes report.html again.
"""

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fixtures.command import Parser, run
from fixtures.errors import UserError
from reports.record import SCHEMA, write_whole
from reports.tables import Written, group_rows, metric_lines, missed_counts
from reports.wording import checked, conclusions, estimated, figure, metrics_of, spent

TEMPLATES = Path(__file__).parent / "templates"
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
    parser = Parser(prog="python -m reports.page", description=main.__doc__)
    parser.add_argument("report", type=Path, metavar="REPORT", help="reports/runs/ID/report.json")
    return run(_render_again, parser, argv)


def _render_again(options: argparse.Namespace) -> None:
    path = options.report
    written = read_report(path)
    try:
        page = render(written)
    except (LookupError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no report ({error!r}); run the exam again") from error
    write_whole(path.with_name("report.html"), page)
    print(path.with_name("report.html"))


if __name__ == "__main__":
    sys.exit(main())
