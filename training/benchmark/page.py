"""The page of the benchmark: what its exams found, as tables and a chart."""

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

from bar_exam.common.errors import UserError
from bar_exam.common.files import write_whole
from bar_exam.models.manifest import Manifest, read_manifest
from bar_exam.models.registry import SHIPPED, LocalEntry, read_entry
from bar_exam.training.benchmark.category_rule import CategoryRule

RAG = "smollm2"
TEMPLATES = Path(__file__).parent / "templates"

COLUMNS = {
    "correctness": "accuracy",
    "balanced": "balanced score",
    "token_f1": "F1, answerable",
    "abstention": "abstention",
    "laziness": "false refusals",
    "hallucination": "hallucination",
}


@dataclass(frozen=True, slots=True)
class Method:
    """A row of the table.

    Attributes:
        title: what the page calls it.
        model: its name in the registry.
        before: the models that its verdicts are against.
        control: a candidate that was damaged on purpose.
    """

    title: str
    model: str
    before: tuple[str, ...] = ()
    control: bool = False


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean in 0..1 with the ends of its 90 % interval; None where nothing is known of them."""

    mean: float
    low: float | None
    high: float | None

    @property
    def complement(self) -> "Interval":
        """Of one minus the value."""
        flip = (None if end is None else 1 - end for end in (self.high, self.low))
        return Interval(1 - self.mean, *flip)

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.mean:.3f}"
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True, slots=True)
class Refusals:
    """Where false refusals come from; each in 0..1, None where there is no such case.

    Attributes:
        shown: share of the answerable cases whose passages hold the start of a gold span.
        seen: share of these that are declined: the reader's part.
        unseen: share of the others that are declined: the retriever's part.
    """

    shown: float
    seen: float | None
    unseen: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of a method beside another.

    Attributes:
        outcome: PROMOTE, REJECT or INCONCLUSIVE.
        against: the other model.
        gain: of the balanced score over it, paired by case.
        reasons: why not PROMOTE.
    """

    outcome: str
    against: str
    gain: Interval | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Exam:
    """What one exam found of one method.

    Attributes:
        method: the row.
        scores: by metric, `COLUMNS` at most.
        verdicts: one for each model of `method.before`.
        cases: how many were asked, of how many contracts.
        tokens: read and written, a case.
        refusals: by whether the answer was shown; None where no passages are.
        dataset: its name, and the split.
        origin: the exam's provenance.
    """

    method: Method
    scores: dict[str, Interval]
    verdicts: tuple[Verdict, ...]
    cases: tuple[int, int]
    tokens: float
    refusals: Refusals | None
    dataset: tuple[str, str]
    origin: dict[str, Any]


def read_exam(path: Path, method: Method, against: str | None = None) -> Exam:
    """The part of a report.json that the page shows, with the verdict beside `against`, if any.

    Raises:
        UserError: it is no report, or not of this model.
    """
    try:
        report = json.loads(path.read_bytes())
        found = next(row for row in report["summary"] if row["model"] == method.model)
        answers = [row for row in report["results"] if row["model"] == method.model]
        verdict = next((v for v in report["verdicts"] if v["model"] == method.model), None)
        return Exam(
            method=method,
            scores=_scores(found["estimates"]),
            verdicts=(_verdict(verdict, against),) if verdict and against else (),
            cases=(report["dataset"]["examined_cases"], report["dataset"]["examined_contracts"]),
            tokens=sum(a["tokens_in"] + a["tokens_out"] for a in answers) / len(answers),
            refusals=_refusals([row["scores"] for row in answers]),
            dataset=(report["dataset"]["name"], report["dataset"]["split"]),
            origin=report["provenance"],
        )
    except (OSError, ValueError, LookupError, TypeError, StopIteration, ZeroDivisionError) as error:
        raise UserError(
            f"{path} is no report of {method.model} ({type(error).__name__}: {error}); "
            "run the benchmark again"
        ) from error


def joined(exams: Sequence[Exam]) -> Exam:
    """One method's exams against several models as one, with every verdict."""
    return replace(exams[0], verdicts=tuple(each for exam in exams for each in exam.verdicts))


def _verdict(found: dict[str, Any], against: str) -> Verdict:
    return Verdict(found["outcome"], against, _gain(found), tuple(found["reasons"]))


def _scores(estimates: dict[str, Any]) -> dict[str, Interval]:
    found = {name: Interval(e["mean"], e["low"], e["high"]) for name, e in estimates.items()}
    if "grounded_quote" in found:
        found["hallucination"] = found["grounded_quote"].complement
    return {name: found[name] for name in COLUMNS if name in found}


def _refusals(scores: Sequence[dict[str, float | None]]) -> Refusals | None:
    declined: dict[bool, list[float]] = {True: [], False: []}
    for each in scores:
        rank, refused = each.get("mrr"), each.get("laziness")
        if rank is not None and refused is not None:
            declined[rank > 0].append(refused)
    seen, unseen = declined[True], declined[False]
    if not seen and not unseen:
        return None
    means = [sum(each) / len(each) if each else None for each in (seen, unseen)]
    return Refusals(len(seen) / len(seen + unseen), *means)


def _gain(verdict: dict[str, Any]) -> Interval | None:
    for check in verdict["checks"]:
        if check["metric"] == "balanced" and check["against"] != "floor" and check["estimate"]:
            return Interval(*(check["estimate"][end] for end in ("mean", "low", "high")))
    return None


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
    entry = read_entry(model, registry)
    return read_manifest(entry.adapter) if isinstance(entry, LocalEntry) and entry.adapter else None


def write_results(
    page: Path, exams: Sequence[Exam], rule: CategoryRule, registry: Path = SHIPPED
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
    for exam in exams:
        manifest = _manifest(exam.method.model, registry)
        if manifest is not None:
            record = page.with_suffix("") / f"{exam.method.model}.json"
            texts[record] = _record(manifest)
    for path, text in texts.items():
        write_whole(path, text)
    return tuple(texts)


def _record(manifest: Manifest) -> str:
    facts = manifest.model_dump(mode="json", exclude={"contracts": {"__all__": {"sketch"}}})
    return json.dumps(facts, indent=1, ensure_ascii=False) + "\n"


def _page(exams: Sequence[Exam], chart: str, rule: CategoryRule, registry: Path) -> str:
    rag = next((exam for exam in exams if exam.method.model == RAG), None)
    rows = [
        {
            "title": exam.method.title,
            "scores": [str(exam.scores.get(name, "")) for name in COLUMNS],
            "verdicts": exam.verdicts,
            "accuracy": _improvement(exam, rag, "correctness"),
            "balanced": _improvement(exam, rag, "balanced"),
            "tokens": exam.tokens,
            "refusals": exam.refusals
            and ["" if each is None else f"{each:.3f}" for each in astuple(exam.refusals)],
            "cost": training_cost(exam.method.model, registry),
        }
        for exam in exams
    ]
    return _rendered(
        "results.md.j2",
        rows=rows,
        columns=list(COLUMNS.values()),
        chart=chart,
        exam=exams[0],
        rule=rule,
    )


def _improvement(exam: Exam, rag: Exam | None, metric: str) -> str:
    """Over standard RAG in per cent of its mean."""
    if rag is None or exam.method.model in (RAG, "smollm2-closed-book"):
        return ""
    if metric not in rag.scores or metric not in exam.scores or not rag.scores[metric].mean:
        return ""
    return f"{100 * (exam.scores[metric].mean / rag.scores[metric].mean - 1):+.0f} %"


def _chart(exams: Sequence[Exam]) -> str:
    """Bars of the balanced score and the accuracy, with intervals, as SVG."""
    drawn = [n for n in ("correctness", "balanced") if all(n in exam.scores for exam in exams)]
    return _rendered(
        "results.svg.j2",
        bars=[
            (exam.method.title, [exam.scores[name] for name in drawn])
            for exam in exams
            if not exam.method.control
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
