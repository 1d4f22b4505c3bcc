"""The page of the training benchmark: what every benchmark shows, and what is asked here beside."""

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from common.files import write_whole
from models.manifest import Manifest, read_manifest
from models.registry import SHIPPED, adapter_of
from training.benchmark.category_rule import CategoryRule
from training.benchmark.contenders import ContenderExam

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Shown:
    """What every benchmark shows, made by `reports.benchmark`, to which the door alone has access.

    Attributes:
        scores: every method's means, a Markdown table.
        against: the methods beside standard RAG, likewise, a table a measure.
        needs: what each costs and needs, likewise.
        legend: what the tables say, a line each.
        chart: as SVG.
        alternative: the chart in words.
    """

    scores: str
    against: tuple[str, ...]
    needs: str
    legend: tuple[str, ...]
    chart: str
    alternative: str


def _manifest(model: str, registry: Path) -> Manifest | None:
    adapter = adapter_of(model, registry)
    return read_manifest(adapter) if adapter else None


def write_results(
    page: Path,
    exams: Sequence[ContenderExam],
    rule: CategoryRule,
    shown: Shown,
    registry: Path = SHIPPED,
) -> tuple[Path, ...]:
    """Write the page, its chart, and the record of every training, and return their paths.

    `rule` is what declining by the category alone comes to on the same cases.

    The record is the manifest without the sketches of the contracts' wording, which fill
    megabytes; titles and digests stay.

    Raises:
        UserError: the disk is full.
    """
    chart = page.with_suffix(".svg")
    texts: dict[Path, str] = {page: _page(exams, chart.name, rule, shown)}
    texts[chart] = shown.chart
    for each in exams:
        manifest = _manifest(each.contender.model, registry)
        if manifest is not None:
            record = page.with_suffix("") / f"{each.contender.model}.json"
            texts[record] = _record(manifest)
    for path, text in texts.items():
        write_whole(path, text)
    return tuple(texts)


def _record(manifest: Manifest) -> str:
    facts = manifest.model_dump(mode="json", exclude={"contracts": {"__all__": {"sketch"}}})
    return json.dumps(facts, indent=1, ensure_ascii=False) + "\n"


def _page(exams: Sequence[ContenderExam], chart: str, rule: CategoryRule, shown: Shown) -> str:
    rows = [
        {
            "title": each.contender.title,
            "verdicts": each.verdicts,
            "refusals": each.refusals
            and ["" if share is None else f"{share:.3f}" for share in astuple(each.refusals)],
        }
        for each in exams
    ]
    return _rendered("results.md.j2", rows=rows, chart=chart, exam=exams[0], rule=rule, shown=shown)


def _rendered(template: str, **values: Any) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(values)
