"""The page of a report, made of the report alone: one file that opens anywhere.

It holds everything while its cases are few. Of many, those that flip and those that are missed lie
in it, and the others in cases.json beside it, which it reads where it is served.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.files import write_whole
from reports.archive import AGAIN
from reports.charts.charts import charts_of
from reports.html.drawing import STYLE, embedded, environment, sha256_base64
from reports.page.banner import banners
from reports.page.carried import Drawn, carried
from reports.page.case.opened import Common, common, opened
from reports.page.case.paid import judged, took
from reports.page.case.told import told
from reports.page.cases import TAGS, Shown, counted_tags, scored_metrics, shown_cases
from reports.page.facts import counts, facts, speeds
from reports.page.script import TEMPLATES, script
from reports.page.side_by_side import side_by_side
from reports.page.tables import grouping, metric_lines
from reports.report import Report
from reports.views.noted import noted
from reports.views.proof import proofs
from reports.views.wording import (
    checked,
    format_estimate,
    format_spending,
    format_value,
    metrics_of,
)

if TYPE_CHECKING:
    import jinja2

BESIDE = "cases.json"


@dataclass(frozen=True, slots=True)
class Page:
    """report.html, and the lines of cases.json, which are none where the page holds every case."""

    html: str
    beside: tuple[str, ...]


def render(report: Report) -> Page:
    """The page of a report as it was written: what it holds is shown as it is.

    The same report gives the same bytes.
    """
    from markupsafe import Markup

    drawing = environment(TEMPLATES)
    drawing.globals |= {"format_estimate": format_estimate, "format_value": format_value}
    drawing.globals |= {"tag_words": TAGS, "took": took, "judged": judged}
    cases = shown_cases(report)
    asked = scored_metrics(report, report.results)
    every = common(report)
    draw = partial(_drawn, drawing, every)
    parts = carried(report, cases, asked, draw)
    metrics = metrics_of(report.summary, report.metrics)
    rows = checked(report)
    sent = script()
    html = drawing.get_template("report.html.j2").render(
        report=report,
        banners=banners(report),
        several=len(report.summary) > 1,
        proofs=proofs(report),
        notes=noted(report.notes),
        checks=[check for check in rows if check.outcome != "N/A"],
        beyond=[check for check in rows if check.outcome == "N/A"],
        counts=counts(report),
        spent=format_spending(report.spending),
        facts=facts(report),
        speeds=speeds(report),
        metrics=metrics,
        beside=side_by_side(report),
        charts=charts_of(report),
        flips=told(report),
        turns=every.turns,
        lines=list(metric_lines(report, metrics)),
        categories=grouping(report, "category", metrics),
        contracts=grouping(report, "contract", metrics),
        tags={tag: (TAGS[tag], count) for tag, count in counted_tags(cases).items()},
        asked=asked,
        rows=[
            (each.case.slug, Markup(drawn.row), Markup(drawn.opened))
            for each, drawn in zip(parts.cases, parts.drawn, strict=True)
        ],
        others=BESIDE if parts.beside else None,
        integrity=sha256_base64(parts.beside),
        data=Markup(embedded(_data(report, asked, parts.index))),
        style=Markup(STYLE.read_text(encoding="utf-8")),
        script=Markup(sent.text),
        script_digest=sent.digest,
    )
    return Page(html, parts.beside)


def write_page(report: Report, folder: Path) -> Path:
    """Write report.html, and cases.json where it is needed; returns the page's path.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    page = render(report)
    if page.beside:
        write_whole(folder / BESIDE, page.beside, mend=AGAIN, private=True)
    write_whole(folder / "report.html", page.html, mend=AGAIN, private=True)
    if not page.beside:  # that of a larger report, which no page leads to any more
        (folder / BESIDE).unlink(missing_ok=True)
    return folder / "report.html"


def _drawn(drawing: "jinja2.Environment", every: Common, one: Shown, inline: bool) -> Drawn:
    """A case: its row of the matrix, and below it the case opened."""
    given = {"report": every.report, "one": one}
    below = drawing.get_template("_opened.html.j2")
    return Drawn(
        drawing.get_template("_row.html.j2").render(given),
        below.render(given, opened=opened(every, one), inline=inline),
    )


def _data(report: Report, metrics: list[str], index: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    """What the script finds and sorts cases by."""
    return {
        "models": [group.model for group in report.summary],
        "metrics": metrics,
        "cases": index,
    }
