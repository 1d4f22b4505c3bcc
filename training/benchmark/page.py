"""The page of the benchmark: what its exams found, as tables and a chart."""

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import write_whole
from models.manifest import Manifest, read_manifest
from models.registry import SHIPPED, adapter_of
from training.benchmark.category_rule import CategoryRule
from training.benchmark.contenders import COLUMNS, ContenderExam

RAG = "smollm2"
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Cost:
    """What training an adapter took, with everything that it was trained on from."""

    steps: int
    tokens: int
    minutes: float


def training_cost(model: str, registry: Path = SHIPPED) -> Cost | None:
    """From the manifests of an adapter and of those that it started from; None for a base."""
    manifest = _manifest(model, registry)
    if manifest is None:
        return None
    facts = manifest.model_dump()
    own = Cost(facts["steps"], facts["tokens"], facts["seconds"] / 60)
    before = training_cost(facts["start"]["name"], registry) if facts["start"] else None
    if before is None:
        return own
    return Cost(own.steps + before.steps, own.tokens + before.tokens, own.minutes + before.minutes)


def _manifest(model: str, registry: Path) -> Manifest | None:
    adapter = adapter_of(model, registry)
    return read_manifest(adapter) if adapter else None


def write_results(
    page: Path, exams: Sequence[ContenderExam], rule: CategoryRule, registry: Path = SHIPPED
) -> tuple[Path, ...]:
    """Write the page, its chart, and the record of every training, and return their paths.

    `rule` is what declining by the category alone comes to on the same cases.

    The record is the manifest without the sketches of the contracts' wording, which fill
    megabytes; titles and digests stay.

    Raises:
        UserError: nothing was examined, or the disk is full.
    """
    if not exams:
        raise UserError("no method is in the registry; leave out --examine-only")
    chart = page.with_suffix(".svg")
    texts = {page: _page(exams, chart.name, rule, registry), chart: _chart(exams)}
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


def _page(exams: Sequence[ContenderExam], chart: str, rule: CategoryRule, registry: Path) -> str:
    rag = next((each for each in exams if each.contender.model == RAG), None)
    rows = [
        {
            "title": each.contender.title,
            "scores": [str(each.scores.get(name, "")) for name in COLUMNS],
            "verdicts": each.verdicts,
            "accuracy": _improvement(each, rag, "correctness"),
            "balanced": _improvement(each, rag, "balanced"),
            "tokens": each.tokens,
            "refusals": each.refusals
            and ["" if share is None else f"{share:.3f}" for share in astuple(each.refusals)],
            "cost": training_cost(each.contender.model, registry),
        }
        for each in exams
    ]
    return _rendered(
        "results.md.j2",
        rows=rows,
        columns=list(COLUMNS.values()),
        chart=chart,
        exam=exams[0],
        rule=rule,
    )


def _improvement(exam: ContenderExam, rag: ContenderExam | None, metric: str) -> str:
    """Over standard RAG in per cent of its mean."""
    if rag is None or exam.contender.model in (RAG, "smollm2-closed-book"):
        return ""
    if metric not in rag.scores or metric not in exam.scores or not rag.scores[metric].mean:
        return ""
    return f"{100 * (exam.scores[metric].mean / rag.scores[metric].mean - 1):+.0f} %"


def _chart(exams: Sequence[ContenderExam]) -> str:
    """Bars of the balanced score and the accuracy, with intervals, as SVG."""
    drawn = [n for n in ("correctness", "balanced") if all(n in each.scores for each in exams)]
    return _rendered(
        "results.svg.j2",
        bars=[
            (each.contender.title, [each.scores[name] for name in drawn])
            for each in exams
            if not each.contender.control
        ],
        names=[COLUMNS[name] for name in drawn],
    )


def _rendered(template: str, **values: Any) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=template.endswith(".svg.j2"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(values)
